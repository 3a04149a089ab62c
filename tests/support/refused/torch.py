# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Found before the real one: the core must do without it."""

raise ImportError("torch is not for the core: tests/support/refused hides it")
