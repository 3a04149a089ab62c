# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception of this package."""

from __future__ import annotations


class ExactError(ValueError):
    """A message for a person: the quantity, what was found, its bound, what to change.

    Training stops before the step that would not be exact; nothing is half done.
    """
