# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Legal moves for many boards at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .positions import POINTS, Boards

Rows = npt.NDArray[np.int64]

_SALT = np.random.Generator(np.random.PCG64(20030101)).integers(
    1, 1 << 63, 2 * POINTS + 1, np.uint64
)


def step(boards: Boards, dice: Rows) -> tuple[Rows, Boards]:
    """Play one die of the player on roll in every legal way.

    Return (row of `boards` each result comes from, results), rows ascending.
    """
    me, op = boards[:, 1], boards[:, 0]
    points = np.arange(POINTS)
    target = points - dice[:, None]
    there = np.take_along_axis(op, np.clip(23 - target, 0, 24), axis=1)
    home = (me[:, 6:] == 0).all(axis=1)[:, None]
    last = 24 - np.argmax(me[:, ::-1] > 0, axis=1)[:, None]
    off = home & (target < 0) & ((target == -1) | (points == last))
    legal = (me > 0) & (((target >= 0) & (there <= 1)) | off)
    legal[:, :24] &= (me[:, 24] == 0)[:, None]
    rows, source = np.nonzero(legal)
    result = boards[rows]
    every = np.arange(len(rows))
    result[every, 1, source] -= 1
    landing = target[rows, source]
    on = np.flatnonzero(landing >= 0)
    result[on, 1, landing[on]] += 1
    mirror = 23 - landing[on]
    hit = result[on, 0, mirror] == 1
    result[on[hit], 0, mirror[hit]] = 0
    result[on[hit], 0, 24] += 1
    return rows, result


def _unique(rows: Rows, boards: Boards) -> tuple[Rows, Boards]:
    """Drop repeated boards of the same row; order by row."""
    flat = boards.reshape(-1, 2 * POINTS).astype(np.uint64)
    marks = (flat * _SALT[: 2 * POINTS]).sum(axis=1, dtype=np.uint64)
    marks += rows.astype(np.uint64) * _SALT[-1]
    _, first = np.unique(marks, return_index=True)
    first = first[np.argsort(rows[first], kind="stable")]
    return rows[first], boards[first]


def _play(boards: Boards, rows: Rows, dice: Rows) -> tuple[Rows, Boards]:
    """Play one more die on boards which belong to `rows`; dice by row."""
    parents, result = step(boards, dice[rows])
    return _unique(rows[parents], result)


def _without(rows: Rows, boards: Boards, better: Rows) -> tuple[Rows, Boards]:
    keep = ~np.isin(rows, better)
    return rows[keep], boards[keep]


def legal_moves(boards: Boards, low: Rows, high: Rows) -> tuple[Rows, Boards]:
    """Return (row, board after the move) of each legal play of low <= high.

    The mover stays side 1. As many dice as possible are played, and the higher one
    if only one can be. A board without a legal move appears unchanged.
    """
    every = np.arange(len(boards))
    mixed = np.flatnonzero(low != high)
    one_low = _play(boards[mixed], mixed, low)
    one_high = _play(boards[mixed], mixed, high)
    low_high = _play(one_low[1], one_low[0], high)
    high_low = _play(one_high[1], one_high[0], low)
    levels = [
        _unique(
            np.concatenate([low_high[0], high_low[0]]),
            np.concatenate([low_high[1], high_low[1]]),
        ),
        one_high,
        one_low,
    ]
    doubles = np.flatnonzero(low == high)
    deeper = (doubles, boards[doubles])
    steps = []
    for _ in range(4):
        deeper = _play(deeper[1], deeper[0], low)
        steps.append(deeper)
    levels += steps[::-1] + [(every, boards)]
    rows, result = levels[0]
    for more in levels[1:]:
        more = _without(*more, rows)
        rows = np.concatenate([rows, more[0]])
        result = np.concatenate([result, more[1]])
    order = np.argsort(rows, kind="stable")
    return rows[order], result[order]
