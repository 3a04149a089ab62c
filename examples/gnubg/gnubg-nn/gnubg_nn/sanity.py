# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gnubg does to the outputs of a net before it uses them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .classes import PositionClass
from .net import Floats
from .positions import Boards, borne_off


def nest(out: Floats) -> None:
    """Hold gammons (n, 5) within wins and losses, backgammons within gammons."""
    out[:, 1] = np.minimum(out[:, 1], out[:, 0])
    out[:, 3] = np.minimum(out[:, 3], 1 - out[:, 0])
    out[:, 2] = np.minimum(out[:, 2], out[:, 1])
    out[:, 4] = np.minimum(out[:, 4], out[:, 3])


def clamp(raw: Floats, boards: Boards, classes: npt.NDArray[np.uint8]) -> Floats:
    """Return outputs (n, 5) held within each other's bounds.

    The part of SanityCheck (eval.c:1637-1774) that needs no bear-off database: who
    has borne off loses no gammon, gammons are among the wins, backgammons among the
    gammons, and with contact what is below 1/10000 is 0.
    """
    out = raw.copy()
    off = borne_off(boards)
    out[off[:, 0], 1:3] = 0
    out[off[:, 1], 3:5] = 0
    nest(out)
    contact = (classes > PositionClass.RACE)[:, None]
    out[:, 1:] = np.where(contact & (out[:, 1:] < 1e-4), 0, out[:, 1:])
    return out
