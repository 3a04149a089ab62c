# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""gnubg's own rules and evaluation: build.py compiles them, library.py calls them."""
