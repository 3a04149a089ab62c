# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which net a position belongs to (ClassifyPosition, eval.c:1778-1876)."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from .positions import Boards


class PositionClass(enum.IntEnum):
    """gnubg's classes for the standard game, in the order of eval.h:311-323."""

    OVER = 0
    BEAROFF2 = 1
    BEAROFF1 = 2
    RACE = 3
    CRASHED = 4
    CONTACT = 5


def rearmost(boards: Boards) -> npt.NDArray[np.int64]:
    """Return the index of each side's rearmost chequer, (n, 2); -1 without chequers."""
    occupied = boards > 0
    last = 24 - np.argmax(occupied[..., ::-1], axis=2)
    return np.where(occupied.any(axis=2), last, -1).astype(np.int64)


def _crashed(boards: Boards) -> npt.NDArray[np.bool_]:
    """Tell for each board whether either side has crashed (eval.c:1805-1840)."""
    total = boards.sum(axis=2, dtype=np.int64)
    ace = boards[..., 0].astype(np.int64)
    deuce = boards[..., 1].astype(np.int64)
    stacked = (total <= 6 + ace) | ((deuce > 1) & (1 + total - (ace + deuce) <= 6))
    few = np.where(ace > 1, stacked, total <= 6 + deuce - 1)
    sides: npt.NDArray[np.bool_] = (total <= 6) | few
    result: npt.NDArray[np.bool_] = sides.any(axis=1)
    return result


def classify(boards: Boards) -> npt.NDArray[np.uint8]:
    """Return the PositionClass of each board, uint8 of shape (n,)."""
    back = rearmost(boards)
    home = (back <= 5).all(axis=1)
    six = (boards.sum(axis=2, dtype=np.int64) <= 6).all(axis=1)
    return np.select(
        [
            (back < 0).any(axis=1),
            (back.sum(axis=1) > 22) & _crashed(boards),
            back.sum(axis=1) > 22,
            home & six,
            home,
        ],
        [
            PositionClass.OVER,
            PositionClass.CRASHED,
            PositionClass.CONTACT,
            PositionClass.BEAROFF2,
            PositionClass.BEAROFF1,
        ],
        PositionClass.RACE,
    ).astype(np.uint8)
