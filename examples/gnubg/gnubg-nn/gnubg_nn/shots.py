# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots: how many of the 36 rolls hit, and how many pips they cost (eval.c:759-1223).

For one side ("me") the other side's blots are bits of a mask in which the opponent's
point i stands at bit i + 1; that is the "far" order of my own points, so that a
chequer at bit r reaches the blot at bit r + d with d pips. All rows are treated at
once; a way of playing d pips is three or four operations on whole arrays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Masks = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int32]

_ON_BAR = np.uint32(1)
_SENTINEL = np.uint32(1 << 25)
_MIXED = [(a, b) for b in range(2, 7) for a in range(1, b)]


def _shift(mask: Masks, by: int) -> Masks:
    return mask >> np.uint32(by)


def _nearest(mask: Masks) -> Masks:
    """Keep the lowest bit: the rearmost hitter of each row, 0 where there is none."""
    return mask & (~mask + np.uint32(1))


class Shots:
    """The hitters of each way of playing pips, for a batch of sides.

    hitters: my chequers that may hit, far order; targets: blots worth hitting;
    blocks: the opponent's made points; all uint32 of shape (m,).
    """

    def __init__(self, hitters: Masks, targets: Masks, blocks: Masks) -> None:
        open_ = [~_shift(blocks, d) for d in range(19)]
        meet = [hitters & _shift(targets, d) for d in range(25)]
        self.direct: dict[int, Masks] = {d: meet[d] for d in range(1, 7)}
        self.mixed: dict[tuple[int, int], Masks] = {
            (a, b): meet[a + b] & (open_[a] | open_[b]) for a, b in _MIXED
        }
        self.double: dict[tuple[int, int], Masks] = {}
        for face in range(1, 7):
            way = open_[face]
            for k in (2, 3, 4):
                self.double[face, k] = meet[face * k] & way
                if k < 4:
                    way = way & open_[face * k]


class _Tally:
    """Sums over the rolls: pips lost, rolls that hit one, rolls that hit two."""

    def __init__(self, rows: int) -> None:
        self.pips = np.zeros(rows, np.int32)
        self.one = np.zeros(rows, np.int32)
        self.two = np.zeros(rows, np.int32)

    def roll(self, weight: int, hit: Masks, one: Flags, two: Flags) -> None:
        """Add a roll; `hit` holds a bit at each landing point, far order."""
        first = _nearest(hit | _SENTINEL).astype(np.float32).view(np.int32)
        self.pips += np.int32(weight) * (np.int32(25 + 127) - (first >> np.int32(23)))
        self.one += np.int32(weight) * one
        self.two += np.int32(weight) * two


def _land(first: Masks, pips: int) -> Masks:
    return first << np.uint32(pips)


def _passing(first: Masks, blots: Masks, mids: list[int]) -> Flags:
    """Tell where the way of the first hitter passes over another blot."""
    there = _land(first, mids[0])
    for mid in mids[1:]:
        there = there | _land(first, mid)
    result: Flags = (there & blots) != 0
    return result


def _no_bar(shots: Shots, blots: Masks, single: Masks, tally: _Tally) -> None:
    """Tally rows without a chequer on the bar (eval.c:1062-1131)."""
    first = {d: _nearest(shots.direct[d]) for d in range(1, 7)}
    hits = {d: first[d] != 0 for d in range(1, 7)}
    land = {d: _land(first[d], d) for d in range(1, 7)}
    for face in range(1, 7):
        hit, one = land[face], hits[face]
        two = shots.direct[face] != first[face]
        for k in (2, 3, 4):
            way = _nearest(shots.double[face, k])
            hit = hit | _land(way, face * k)
            one = one | (way != 0)
            two = two | _passing(way, blots, [face * q for q in range(1, k)])
        tally.roll(1, hit, one, two)
    for a, b in _MIXED:
        way = _nearest(shots.mixed[a, b])
        same = (first[a] == first[b]) & ((first[b] & single) != 0)
        two = (hits[a] & hits[b] & ~same) | _passing(way, blots, [a, b])
        hit = land[a] | land[b] | _land(way, a + b)
        tally.roll(2, hit, hits[a] | hits[b] | (way != 0), two)


def _one_direct(
    mask: Masks, closed: Flags, spent: Flags | None, pips: int
) -> tuple[Masks, Counts, Flags]:
    """Play one die with one chequer on the bar.

    Return the landing points, the chequers hit, and whether the other die is spent
    on entering. A chequer elsewhere hits only when the other die (not `closed`, not
    `spent`) brings the one on the bar in; only the rearmost such is looked at.
    """
    bar = mask & _ON_BAR
    other = _nearest(mask & ~_ON_BAR)
    may = (other != 0) & ~closed
    if spent is not None:
        may = may & ~spent
    hit = _land(bar | np.where(may, other, np.uint32(0)), pips)
    count = (bar != 0).astype(np.int32) + may
    return hit, count, may if spent is None else may | spent


def _bar_indirect(way: Masks, pips: int, blots: Masks, mids: list[int]) -> list[Masks]:
    """Return [landing, whether it hits, whether a blot at entry+1 is hit too].

    The blot looked for stands one point behind the intermediate one: eval.c:1176
    tests op[pips + 1], and the nets were trained with it.
    """
    bar = way & _ON_BAR
    beyond = np.zeros_like(blots)
    for mid in mids:
        beyond |= _shift(blots, mid + 2) & _ON_BAR
    return [_land(bar, pips), bar, bar & beyond]


def _with_indirect(count: Counts, hit: Masks, more: Masks) -> Counts:
    """Count an indirect shot: the first chequer, or one passed over besides."""
    result: Counts = np.maximum(count, hit.astype(np.int32))
    result = result + more.astype(np.int32)
    return result


def _one_bar(shots: Shots, blots: Masks, blocks: Masks, tally: _Tally) -> None:
    """Tally rows with exactly one chequer on the bar (eval.c:1132-1194)."""

    def closed(pips: int) -> Flags:
        result: Flags = (_shift(blocks, pips) & np.uint32(1)) != 0
        return result

    for face in range(1, 7):
        hit, count, _ = _one_direct(shots.direct[face], closed(2 * face), None, face)
        for k in (2, 3, 4):
            mids = [face * q for q in range(1, k)]
            way = shots.double[face, k]
            land, any_, more = _bar_indirect(way, face * k, blots, mids)
            hit = hit | land
            count = _with_indirect(count, any_, more)
        tally.roll(1, hit, count > 0, count > 1)
    for a, b in _MIXED:
        hit_a, count_a, spent = _one_direct(shots.direct[a], closed(b), None, a)
        hit_b, count_b, _ = _one_direct(shots.direct[b], closed(a), spent, b)
        land, any_, more = _bar_indirect(shots.mixed[a, b], a + b, blots, [a, b])
        count = _with_indirect(count_a + count_b, any_, more)
        tally.roll(2, hit_a | hit_b | land, count > 0, count > 1)


def _two_bar(shots: Shots, tally: _Tally) -> None:
    """Tally rows with two or more on the bar: direct shots (eval.c:1195-1222)."""
    bar = {d: shots.direct[d] & _ON_BAR for d in range(1, 7)}
    land = {d: _land(bar[d], d) for d in range(1, 7)}
    never = np.zeros(len(bar[1]), np.bool_)
    for face in range(1, 7):
        tally.roll(1, land[face], bar[face] != 0, never)
    for a, b in _MIXED:
        tally.roll(2, land[a] | land[b], (bar[a] | bar[b]) != 0, (bar[a] & bar[b]) != 0)


def tally_shots(
    hitters: Masks,
    targets: Masks,
    bar: npt.NDArray[np.uint8],
    blots: Masks,
    blocks: Masks,
    single: Masks,
) -> tuple[Counts, Counts, Counts]:
    """Return (pips lost, rolls hitting one, rolls hitting two) of 36, int32 (m,).

    hitters: my chequers that may hit; targets: the blots worth hitting; bar: my
    chequers on the bar; blots, blocks: all the opponent's blots and made points;
    single: my points with one chequer.
    """
    total = _Tally(len(bar))
    for kind in (0, 1, 2):
        where = np.flatnonzero(np.minimum(bar, 2) == kind)
        if not where.size:
            continue
        part = _Tally(len(where))
        some = Shots(hitters[where], targets[where], blocks[where])
        if kind == 0:
            _no_bar(some, blots[where], single[where], part)
        elif kind == 1:
            _one_bar(some, blots[where], blocks[where], part)
        else:
            _two_bar(some, part)
        total.pips[where] = part.pips
        total.one[where] = part.one
        total.two[where] = part.two
    return total.pips, total.one, total.two
