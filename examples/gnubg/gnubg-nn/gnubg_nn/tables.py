# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables behind the inputs, made once at import from the rules.

Bit masks of a side's points come in two orders: "near" has point i at bit i, "far"
has point i at bit 24 - i, so that the lowest bit is the rearmost chequer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

WINDOW = 12
WINDOWS = 1 << WINDOW
BAR = 24


def _rolls() -> list[tuple[int, int, int]]:
    """Return (smaller die, larger die, weight of 36) of the 21 rolls."""
    faces = range(1, 7)
    return [(a, b, 1 if a == b else 2) for b in faces for a in range(1, b + 1)]


ROLLS = _rolls()


def _escapes(beyond: bool) -> npt.NDArray[np.uint8]:
    """Count the rolls of 36 that escape each mask of 12 blocked points.

    eval.c:401-415; with `beyond`, only landings behind the nearest block count
    (eval.c:432-456).
    """
    masks = np.arange(WINDOWS)
    nearest = np.full(WINDOWS, 99)
    for bit in range(WINDOW - 1, -1, -1):
        nearest[masks >> bit & 1 == 1] = bit
    count = np.zeros(WINDOWS, np.uint8)
    for a, b, weight in ROLLS:
        land = a + b - 1
        open_ = masks >> land & 1 == 0
        stopped = (masks >> (a - 1) & 1 == 1) & (masks >> (b - 1) & 1 == 1)
        free = open_ & ~stopped
        if beyond:
            free &= land > nearest
        count += (weight * free).astype(np.uint8)
    return count


ESCAPES = _escapes(False)
ESCAPES_BEYOND = _escapes(True)

POPCOUNT = np.array([bin(mask).count("1") for mask in range(WINDOWS)], np.uint8)


def _coding(bar: bool) -> Floats:
    """Return the four inputs for 0..15 chequers on a point (lib/inputs.c:42-76)."""
    rows = []
    for n in range(16):
        one, two = (n >= 1, n >= 2) if bar else (n == 1, n == 2)
        rows.append((one, two, n >= 3, (n - 3) / 2 if n > 3 else 0))
    return np.array(rows, np.float32)


POINT_CODE = _coding(False)
BAR_CODE = _coding(True)


def _men_off(thirds: bool) -> Floats:
    """Return the three men-off inputs for 0..15 men off.

    By fifths (menOffAll, eval.c:1487-1510), or by thirds (menOffNonCrashed,
    eval.c:1513-1539), where at most 8 men can be off.
    """
    rows = []
    for n in range(16):
        if not thirds:
            row = (min(n, 5) / 5, min(max(n - 5, 0), 5) / 5, max(n - 10, 0) / 5)
        elif n <= 2:
            row = (n / 3, 0, 0)
        else:
            row = (1, min(n - 3, 3) / 3, max(n - 6, 0) / 3)
        rows.append(row)
    return np.array(rows, np.float32)


OFF_FIFTHS = _men_off(False)
OFF_THIRDS = _men_off(True)


def _forward_anchor() -> Floats:
    """Map made points 12..23 (as bits 0..11) to FORWARD_ANCHOR (eval.c:980-999)."""
    order = [*range(18, 24), *range(17, 11, -1)]
    values = np.full(WINDOWS, 2.0)
    masks = np.arange(WINDOWS)
    for point in reversed(order):
        values[masks >> (point - 12) & 1 == 1] = (24 - point) / 6
    return values.astype(np.float32)


FORWARD_ANCHOR = _forward_anchor()


def _enter_loss() -> Floats:
    """Map [two or more on the bar][closed home points] to ENTER (eval.c:1324-1357)."""
    table = np.zeros((2, 64))
    for two in (0, 1):
        for mask in range(64):
            closed = [bool(mask >> i & 1) for i in range(6)]
            loss = 0
            for i in range(6):
                if closed[i]:
                    loss += 4 * (i + 1)
                for j in range(i + 1, 6):
                    if closed[i] and closed[j]:
                        loss += 2 * (i + j + 2)
                    elif two and closed[i]:
                        loss += 2 * (i + 1)
                    elif two and closed[j]:
                        loss += 2 * (j + 1)
            table[two, mask] = loss / (36 * 49 / 6)
    return table.astype(np.float32)


ENTER_LOSS = _enter_loss()
ENTER_OPEN = np.array(
    [(36 - (bin(mask).count("1") - 6) ** 2) / 36 for mask in range(64)], np.float32
)


def _backbone() -> npt.NDArray[np.int16]:
    """Sum the weights of made points behind the first, bit 12 - d at distance d."""
    weights = [11] * 7 + [6, 5, 4, 3, 2] + [0]
    masks = np.arange(WINDOWS)
    total = np.zeros(WINDOWS, np.int16)
    for d in range(1, WINDOW + 1):
        total += (weights[d] * (masks >> (WINDOW - d) & 1)).astype(np.int16)
    return total


BACKBONE = _backbone()


def _contain() -> tuple[Floats, Floats]:
    """Map the fewest escapes 0..36 to (36 - n) / 36 and its square."""
    value = (36 - np.arange(37)) / 36
    return value.astype(np.float32), (value**2).astype(np.float32)


CONTAIN, CONTAIN_SQUARED = _contain()
