# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inputs of gnubg's nets for batches of boards, float32 (eval.c:751-1588).

200 base inputs (pruning nets), 250 for contact and crashed, 214 for race.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
import numpy.typing as npt

from . import tables as t
from .positions import CHEQUERS, POINTS, Boards
from .shots import Masks, tally_shots

Floats = npt.NDArray[np.float32]

BASE_INPUTS = 200
CONTACT_INPUTS = 250
RACE_INPUTS = 214
HALF_INPUTS = 25

# Rows treated at once: the temporary arrays of one piece stay in the CPU's cache.
_PIECE = 2048

_WINDOW_BITS = np.uint32(t.WINDOWS - 1)
_POINT_BITS = np.uint32((1 << 24) - 1)


def _in_pieces(
    encode: Callable[[Boards, Floats], None], boards: Boards, width: int
) -> Floats:
    out = np.empty((len(boards), width), np.float32)
    for start in range(0, len(boards), _PIECE):
        encode(boards[start : start + _PIECE], out[start : start + _PIECE])
    return out


def base_inputs(boards: Boards) -> Floats:
    """Return the 200 base inputs, (n, 200): side not on roll first."""
    return _in_pieces(_base, boards, BASE_INPUTS)


def contact_inputs(boards: Boards) -> Floats:
    """Return the inputs of the contact net, (n, 250) (eval.c:1544-1564)."""
    return _in_pieces(_contact, boards, CONTACT_INPUTS)


def crashed_inputs(boards: Boards) -> Floats:
    """Return the inputs of the crashed net, (n, 250) (eval.c:1569-1588)."""
    return _in_pieces(_crashed, boards, CONTACT_INPUTS)


def race_inputs(boards: Boards) -> Floats:
    """Return the inputs of the race net, (n, 214) (eval.c:1431-1482)."""
    return _in_pieces(_race, boards, RACE_INPUTS)


def _base(boards: Boards, out: Floats) -> None:
    code = out.reshape(len(boards), 2, POINTS, 4)
    code[:] = t.POINT_CODE[boards]
    code[:, :, 24] = t.BAR_CODE[boards[:, :, 24]]


def _men_off(boards: Boards) -> npt.NDArray[np.int64]:
    off: npt.NDArray[np.int64] = CHEQUERS - boards.sum(axis=2, dtype=np.int64)
    return off


def _contact(boards: Boards, out: Floats) -> None:
    _both(boards, out)
    # Sides exchanged here and nowhere else: upstream's comment at eval.c:1551.
    off = t.OFF_THIRDS[_men_off(boards)]
    out[:, 200:203] = off[:, 0]
    out[:, 225:228] = off[:, 1]


def _crashed(boards: Boards, out: Floats) -> None:
    _both(boards, out)
    off = t.OFF_FIFTHS[_men_off(boards)]
    out[:, 200:203] = off[:, 1]
    out[:, 225:228] = off[:, 0]


def _both(boards: Boards, out: Floats) -> None:
    """Fill the base inputs and both halves except their men-off inputs."""
    n = len(boards)
    base = np.empty((n, BASE_INPUTS), np.float32)
    _base(boards, base)
    out[:, :BASE_INPUTS] = base
    me = np.concatenate([boards[:, 1], boards[:, 0]])
    op = np.concatenate([boards[:, 0], boards[:, 1]])
    half = half_inputs(me, op)
    out[:, 203:225] = half[3:, :n].T
    out[:, 228:250] = half[3:, n:].T


def _race(boards: Boards, out: Floats) -> None:
    n = len(boards)
    side = out.reshape(n, 2, 107)
    side[:, :, :92] = t.POINT_CODE[boards[:, :, :23]].reshape(n, 2, 92)
    off = CHEQUERS - boards[:, :, :23].sum(axis=2, dtype=np.int64)
    side[:, :, 92:106] = off[..., None] == np.arange(1, 15)
    crossovers = boards[:, :, 6:24] @ (np.arange(6, 24) // 6)
    side[:, :, 106] = crossovers / 10


def _near(flags: npt.NDArray[np.bool_]) -> Masks:
    """Return a mask with point i at bit i for each row of 25 flags."""
    wide = np.zeros((len(flags), 32), np.bool_)
    wide[:, :POINTS] = flags
    packed = np.packbits(wide.reshape(-1), bitorder="little")
    return packed.view("<u4").astype(np.uint32)


def _far(flags: npt.NDArray[np.bool_]) -> Masks:
    """Return a mask with point i at bit 24 - i for each row of 25 flags."""
    wide = np.zeros((len(flags), 32), np.bool_)
    wide[:, :POINTS] = flags
    packed = np.packbits(wide.reshape(-1), bitorder="big")
    return packed.view(">u4").astype(np.uint32) >> np.uint32(7)


def _lowest(mask: Masks) -> npt.NDArray[np.int32]:
    """Return the index of the lowest set bit; 25 for an empty mask."""
    mask = mask | np.uint32(1 << 25)
    bit = (mask & (~mask + np.uint32(1))).astype(np.float32)
    return (bit.view(np.int32) >> np.int32(23)) - np.int32(127)


def _ratio(count: npt.NDArray[np.generic], by: float) -> Floats:
    """Divide small whole numbers, rounded once to float32."""
    return (count.astype(np.float64) / by).astype(np.float32)


def half_inputs(me: Boards, op: Boards) -> Floats:
    """Return the 25 features of one side, (25, m); rows 0..2 (men off) are zero.

    me, op: uint8 (m, 25), each side's counts from its own side
    (CalculateHalfInputs, eval.c:751-1427).
    """
    out = np.zeros((HALF_INPUTS, len(me)), np.float32)
    columns = np.ascontiguousarray(me.T).astype(np.int16)
    made = _near(me >= 2) & _POINT_BITS
    made_far = _far(me >= 2) & ~np.uint32(1)
    held = _near(op >= 2) & _POINT_BITS
    top = 24 - _lowest(_far(op > 0))
    _contact_features(out, columns, top)
    _anchors(out, me, columns, made, made_far)
    _hits(out, me, op)
    _containment(out, made, held, columns, top)
    _entering(out, me[:, 24], held)
    _backbone(out, made, made_far)
    return out


def _contact_features(
    out: Floats, columns: npt.NDArray[np.int16], top: npt.NDArray[np.int32]
) -> None:
    """BREAK_CONTACT, FREEPIP, TIMING, MOMENT2 (eval.c:887-955, 1295-1322)."""
    ob = (23 - top).astype(np.int16)
    line = np.maximum(ob, np.int16(11))
    behind = np.zeros_like(ob)
    free = np.zeros_like(ob)
    men = columns.sum(axis=0, dtype=np.int16)
    pips = np.zeros_like(ob)
    time = np.int16(24) * columns[24]
    spare = columns[24].copy()
    for i in range(24, -1, -1):
        n = columns[i]
        pips += np.int16(i) * n
        behind += np.where(ob < i, (np.int16(i + 1) - ob) * n, np.int16(0))
        if i < 23:
            free += np.where(ob > i, np.int16(i + 1) * n, np.int16(0))
        if 6 <= i < 24:
            use = n
            if i >= 12:
                extra = np.where(n > 2, n - np.int16(2), n & np.int16(1))
                use = np.where(line < i, extra, n)
            spare += use
            time += np.int16(i) * use
        elif i < 6:
            change = n - np.int16(2)
            change = np.where((change < 0) & (spare < -change), np.int16(0), change)
            spare += change
            time += np.int16(i) * change
    out[3] = _ratio(behind, 167)
    out[23] = _ratio(free, 100)
    out[19] = _ratio(time, 100)
    out[16] = _moment(columns, men, pips)


def _moment(
    columns: npt.NDArray[np.int16],
    men: npt.NDArray[np.int16],
    pips: npt.NDArray[np.int16],
) -> Floats:
    mean = -(-pips // np.maximum(men, np.int16(1)))
    count = np.zeros_like(men)
    square = np.zeros_like(men)
    for i in range(1, POINTS):
        away = np.maximum(np.int16(i) - mean, np.int16(0))
        square += columns[i] * away * away
        count += np.where(away > 0, columns[i], np.int16(0))
    return _ratio(-(-square // np.maximum(count, np.int16(1))), 400)


def _anchors(
    out: Floats,
    me: Boards,
    columns: npt.NDArray[np.int16],
    made: Masks,
    made_far: Masks,
) -> None:
    """BACK_CHEQUER, anchors, back games (eval.c:957-999, 1400-1425)."""
    out[4] = _ratio(24 - _lowest(_far(me > 0)), 24)
    out[5] = _ratio(24 - _lowest(made_far), 24)
    out[6] = t.FORWARD_ANCHOR[made >> np.uint32(12)]
    anchors = t.POPCOUNT[made >> np.uint32(18)]
    men = columns[18:].sum(axis=0, dtype=np.int16)
    out[21] = np.where(anchors > 1, _ratio(men - np.int16(3), 4), np.float32(0))
    out[22] = np.where(anchors == 1, _ratio(men, 8), np.float32(0))


def _hits(out: Floats, me: Boards, op: Boards) -> None:
    """PIPLOSS, P1, P2 (eval.c:1005-1261)."""
    # A home point held by exactly two men is not broken to hit.
    able = me > 0
    able[:, :6] &= me[:, :6] != 2
    # Point i of the opponent at bit i + 1; nothing can hit a chequer on the bar.
    blots = (_near(op == 1) & _POINT_BITS) << np.uint32(1)
    blocks = (_near(op > 1) & _POINT_BITS) << np.uint32(1)
    weak_board = (me[:, :6] > 0).sum(axis=1) <= 2
    targets = np.where(weak_board, blots & np.uint32((1 << 23) - 1), blots)
    pips, one, two = tally_shots(
        _far(able), targets, me[:, 24], blots, blocks, _far(me == 1)
    )
    out[7] = _ratio(pips, 432)
    out[8] = _ratio(one, 36)
    out[9] = _ratio(two, 36)


def _containment(
    out: Floats,
    made: Masks,
    held: Masks,
    columns: npt.NDArray[np.int16],
    top: npt.NDArray[np.int32],
) -> None:
    """Escapes, containment and mobility (eval.c:1264-1293)."""
    ahead = (made >> (24 - top).astype(np.uint32)) & _WINDOW_BITS
    out[10] = _ratio(t.ESCAPES[ahead], 36)
    out[24] = _ratio(t.ESCAPES_BEYOND[ahead], 36)
    fewest = np.full(made.shape, 36, np.uint8)
    before = fewest
    for i in range(15, 24):
        here = np.minimum(fewest, t.ESCAPES[(made >> np.uint32(24 - i)) & _WINDOW_BITS])
        before = np.where(top >= i, here, before)
        fewest = here
    # On the bar the opponent sees the whole board (eval.c:1268-1273 runs to 24).
    entry = np.minimum(before, t.ESCAPES[made & _WINDOW_BITS])
    before = np.where(top == 24, entry, before)
    out[11] = t.CONTAIN[before]
    out[12] = t.CONTAIN_SQUARED[before]
    out[13] = t.CONTAIN[fewest]
    out[14] = t.CONTAIN_SQUARED[fewest]
    moves = np.zeros(made.shape, np.int32)
    for i in range(6, 25):
        escapes = t.ESCAPES[(held >> np.uint32(24 - i)) & _WINDOW_BITS]
        moves += (columns[i] * np.int16(i - 5)).astype(np.int32) * escapes
    out[15] = _ratio(moves, 3600)


def _entering(out: Floats, bar: npt.NDArray[np.uint8], held: Masks) -> None:
    """ENTER and ENTER2 (eval.c:1324-1364)."""
    home = held & np.uint32(63)
    loss = t.ENTER_LOSS[(bar > 1).astype(np.intp), home]
    out[17] = np.where(bar > 0, loss, np.float32(0))
    out[18] = t.ENTER_OPEN[home]


def _backbone(out: Floats, made: Masks, made_far: Masks) -> None:
    """BACKBONE (eval.c:1366-1398); only distances from the first point count there."""
    points = made & ~np.uint32(1)
    first = 24 - _lowest(made_far & np.uint32((1 << 24) - 1))
    others = t.POPCOUNT[points & _WINDOW_BITS].astype(np.int32)
    others += t.POPCOUNT[points >> np.uint32(t.WINDOW)]
    others -= 1
    shift = np.maximum(first, 0).astype(np.uint64)
    window = (points.astype(np.uint64) << np.uint64(t.WINDOW)) >> shift
    weight = t.BACKBONE[window.astype(np.uint32) & _WINDOW_BITS]
    gap = weight / (np.maximum(others, 1) * 11.0)
    out[20] = np.where(others > 0, 1 - gap, 0)
