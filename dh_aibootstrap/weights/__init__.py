# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of weights: read within bounds, compared by tensor, refused where they trap.

Nothing of a file is executed or evaluated, no file that it names is opened, and what it
says of sizes and counts is held against limits before anything of that size is made.
"""

from __future__ import annotations

from .compare import ADDED, DIFFERENT, EQUAL, REMOVED, SHAPE, Difference, compare
from .kinds import Weights, read
from .refuse import refusal
from .source import Source, open_source
from .tensor import Tensor, dimensions

__all__ = [
    "ADDED",
    "DIFFERENT",
    "EQUAL",
    "REMOVED",
    "SHAPE",
    "Difference",
    "Source",
    "Tensor",
    "Weights",
    "compare",
    "dimensions",
    "open_source",
    "read",
    "refusal",
]
