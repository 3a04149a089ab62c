# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elementary functions as fixed sequences of single operations, the same everywhere.

Each takes binary32 arrays and scratch of the same shape, and rounds once per line.
No function is correctly rounded; each is one function, on every machine the same.
"""

from __future__ import annotations

from .backend import Array, Operations
from .grid import rounding

# log2(e) and log(2) in binary32.
LOG2_E, LOG_2 = 1.44269502162933349609375, 0.693147182464599609375

# 1/k! in binary32, k = 5 .. 0: Taylor's polynomial of exp. On |r| <= log(2) / 2 what
# follows is below r**6 / 6! = 2.5e-6; outputs are rounded to 2**-16 = 1.5e-5.
EXP_TERMS = (
    0.008333333767950534820556640625,
    0.0416666679084300994873046875,
    0.16666667163372039794921875,
    0.5,
    1.0,
    1.0,
)
# 2/k in binary32, k = 9, 7 .. 1: log(m) = 2 (s + s**3/3 + ...), s = (m - 1)/(m + 1).
# For m in [0.7071, 1.4143], |s| <= 0.1716, and what follows is below 1e-9.
LOG_TERMS = (
    0.22222222387790679931640625,
    0.2857142984867095947265625,
    0.4000000059604644775390625,
    0.666666686534881591796875,
    2.0,
)
_ONE_BITS, _STEP = 0x3F800000, 1 << 23
_ROOT_HALF_BITS = 0x3F3504F3


def round_to(ops: Operations, x: Array, magic: float, out: Array) -> None:
    """Set `out` to x rounded to the grid that this is the Grid.magic of."""
    ops.add(x, magic, out)
    ops.subtract(out, magic, out)


def hold(ops: Operations, x: Array, largest: float) -> int:
    """Hold x within +-largest; return how many numbers were beyond."""
    if ops.largest(x) <= largest:
        return 0
    beyond = ops.above(x, largest)
    ops.at_most(x, largest, x)
    ops.at_least(x, -largest, x)
    return beyond


def exp(ops: Operations, x: Array, y: Array, work: Array) -> None:
    """Set y to exp(x) for -16 <= x <= 16, relative error below 5e-6; x is lost.

    exp(x) = 2**k exp(r), with k the whole number next to x log2(e) and r = x - k
    log(2). 2**k is multiplied in by adding k to the exponent's bits.
    """
    ops.multiply(x, LOG2_E, y)
    round_to(ops, y, rounding(0), y)
    ops.multiply(y, LOG_2, work)
    ops.subtract(x, work, x)
    ops.whole(y, ops.bits(work))
    ops.multiply(x, EXP_TERMS[0], y)
    for term in EXP_TERMS[1:-1]:
        ops.add(y, term, y)
        ops.multiply(y, x, y)
    ops.add(y, EXP_TERMS[-1], y)
    exponent = ops.bits(work)
    ops.multiply(exponent, _STEP, exponent)
    ops.add(ops.bits(y), exponent, ops.bits(y))


def log(ops: Operations, x: Array, y: Array, work: Array) -> None:
    """Set y to log(x) for normal x > 0, error below 2e-7 max(1, |log x|); x is lost.

    x = 2**k m with m next to 1, in [0.7071, 1.4143]; log(x) = k log(2) + log(m).
    """
    bits, exponent = ops.bits(x), ops.bits(work)
    ops.add(bits, _ONE_BITS - _ROOT_HALF_BITS, bits)
    ops.shift_right(bits, 23, exponent)
    ops.subtract(exponent, 127, exponent)
    ops.multiply(exponent, _STEP, ops.bits(y))
    ops.subtract(bits, _ONE_BITS - _ROOT_HALF_BITS, bits)
    ops.subtract(bits, ops.bits(y), bits)
    ops.copy(exponent, y)
    # k is in y, m in x: s goes to x, its square to work, the sum over both.
    ops.add(x, 1.0, work)
    ops.subtract(x, 1.0, x)
    ops.divide(x, work, x)
    series = ops.empty(tuple(x.shape), "single")
    ops.multiply(x, x, work)
    ops.multiply(work, LOG_TERMS[0], series)
    for term in LOG_TERMS[1:-1]:
        ops.add(series, term, series)
        ops.multiply(series, work, series)
    ops.add(series, LOG_TERMS[-1], series)
    ops.multiply(series, x, series)
    ops.multiply(y, LOG_2, work)
    ops.add(series, work, y)


def reciprocal_root(ops: Operations, x: Array, y: Array, work: Array) -> None:
    """Set y to 1/sqrt(x) for 1e-30 <= x <= 1e30, relative error below 5e-6; x halves.

    A guess from the bits (half the exponent, negated) within 3.5 %, then Newton's
    y (1.5 - x/2 y y) twice, each of which squares the relative error and takes 1.5 of
    it: 1.9e-3, then 5e-6.
    """
    guess = ops.bits(y)
    ops.shift_right(ops.bits(x), 1, guess)
    ops.subtract_from(0x5F3759DF, guess, guess)
    ops.multiply(x, 0.5, x)
    for _ in range(2):
        ops.multiply(y, y, work)
        ops.multiply(work, x, work)
        ops.subtract_from(1.5, work, work)
        ops.multiply(y, work, y)
