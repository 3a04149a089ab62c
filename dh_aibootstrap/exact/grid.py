# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers on grids, and why sums of their products do not depend on the order.

A grid is the set of all integer multiples n * 2**-exponent of one power of two, up
to a largest magnitude. Everything that a BLAS adds up here lies on such a grid.

Theorem. Let every a be a multiple of alpha, every b of beta, both powers of two, and
let S be at least the sum of |a * b| over the terms of one sum. If S / (alpha * beta)
is at most 2**p, p being 24 in binary32 and 53 in binary64, then each product, and
the sum of any of them in any order, is a number of that format.

Proof. Each product is an integer multiple of alpha * beta, and so is the sum of any
of them. Its magnitude is at most S, hence it is alpha * beta times an integer of at
most 2**p. The format holds every such number: it has p digits, and no value here
comes near its smallest exponent. IEEE 754 then prescribes exactly this number as the
result of every multiplication, addition and fused multiply-add on the way.

So blocking, threads, vector width, FMA, the split of a batch over workers and the
order in which these meet leave the result as it is. What the theorem does not cover:
algorithms of Strassen's kind, which add operands first, and units that drop digits
(TF32, bfloat16). The self-test finds a machine that uses them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from .errors import ExactError

# Significant digits of binary32 and binary64 (IEEE 754-2019, table 3.5).
SINGLE, DOUBLE = 24, 53

# x + M - M rounds to a grid of at most 2**22 steps; see Grid.magic.
ROUNDABLE = 22


@dataclass(frozen=True)
class Grid:
    """The multiples of 2**-exponent of magnitude at most `largest`."""

    exponent: int
    largest: float

    @cached_property
    def steps(self) -> Fraction:
        """Return the largest magnitude in steps of the grid."""
        return Fraction(self.largest) * Fraction(2) ** self.exponent

    @cached_property
    def magic(self) -> float:
        """Return M with which (x + M) - M rounds a binary32 x to the grid.

        M = 1.5 * 2**(23 - exponent). For |x| <= 2**(22 - exponent) the sum lies in
        [2**(23 - exponent), 2**(24 - exponent)], where binary32 has steps of
        2**-exponent: the addition rounds to the nearest step, ties to even, and the
        subtraction is exact. A zero comes out positive whatever its sign was. Raises
        ExactError for a grid of more than 2**22 steps.
        """
        if self.steps > 1 << ROUNDABLE:
            raise ExactError(
                f"a grid of 2**{-self.exponent} up to {self.largest:g} has "
                f"2**{digits(self.steps)} steps, rounding reaches 2**{ROUNDABLE}; make "
                "it coarser"
            )
        return rounding(self.exponent)


def rounding(exponent: int) -> float:
    """Return 1.5 * 2**(23 - exponent), exactly; see Grid.magic."""
    return math.ldexp(1.5, 23 - exponent)


def digits(steps: Fraction) -> int:
    """Return the least p, at least 0, with steps <= 2**p, for steps > 0."""
    whole = math.ceil(steps)
    return (whole - 1).bit_length()


def require_power_of_two(name: str, value: float) -> None:
    """Raise ExactError unless the value is a power of two, 2**-60 .. 2**60."""
    if not (2.0**-60 <= value <= 2.0**60 and math.frexp(value)[0] == 0.5):
        raise ExactError(f"{name} is {value:g}, expected a power of two")


@dataclass(frozen=True)
class Sum:
    """One kind of sum of products: what is summed, its steps, the digits it has.

    `steps` is the S / (alpha * beta) of the theorem, `place` names the sum for a
    person, and `mend` says what makes it smaller.
    """

    place: str
    steps: Fraction
    available: int
    mend: str

    @property
    def needed(self) -> int:
        """Return how many binary digits the sum needs."""
        return digits(self.steps)

    def require(self) -> None:
        """Raise ExactError unless the sum is exact in any order."""
        if self.steps > Fraction(2) ** self.available:
            raise ExactError(
                f"{self.place}: sums need {self.needed} binary digits, the format has "
                f"{self.available}; {self.mend}"
            )
