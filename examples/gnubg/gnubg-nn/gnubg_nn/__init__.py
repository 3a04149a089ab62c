# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retraining of GNU Backgammon's six evaluation nets, with numpy alone.

The data goes one way: positions -> classes, inputs -> net -> weights.
"""

__version__ = "3.0"
