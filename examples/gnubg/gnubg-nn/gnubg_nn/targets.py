# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which outputs a net learns, and how far off they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .classes import PositionClass
from .net import BACKGAMMONS, Floats
from .positions import Boards, borne_off


def free_outputs(boards: Boards, kind: PositionClass) -> Floats:
    """Return 1 for the outputs (n, 5) that gnubg takes from the net, else 0.

    Gammons against who has borne off are always 0 (eval.c:1709-1743); backgammons
    of races are calculated (EvalRaceBG, eval.c:2022-2103).
    """
    mask = np.ones((len(boards), 5), np.float32)
    off = borne_off(boards)
    mask[off[:, 0], 1:3] = 0
    mask[off[:, 1], 3:5] = 0
    if kind == PositionClass.RACE:
        mask[:, BACKGAMMONS] = 0
    return mask


def equity_errors(
    outputs: npt.NDArray[Any], targets: npt.NDArray[Any], mask: Floats
) -> npt.NDArray[Any]:
    """Return the errors (n,) of the money equity in the outputs that count."""
    error = (outputs - targets) * mask
    error[:, 0] *= 2
    error[:, 3:] *= -1
    result: npt.NDArray[Any] = error.sum(axis=1)
    return result
