# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a layer does to its sums: each function, its slope, and the grid it ends on.

An activation takes z (rows, units), binary32, and leaves y on its grid, which is what
the next layer multiplies. Its slope is taken from y, as all of these allow.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from . import elementary
from .backend import Array, Operations
from .grid import SINGLE, Grid, digits, require_power_of_two

# Two scratch arrays of the shape of z.
Work = tuple[Array, Array]

# Probabilities and their targets: 2**-16 is finer than any data here are known.
PROBABILITY = Grid(16, 1.0)
# Beyond, the logistic function is nearer to 0 or 1 than half a step of 2**-16.
_FLAT = 16.0
# Twice a probability, less 1.
_SIGNED = Grid(15, 1.0)


@dataclass(frozen=True)
class Activation(ABC):
    """A function of z; `outputs` is the grid of what it gives."""

    @property
    @abstractmethod
    def outputs(self) -> Grid:
        """Return the grid of y."""

    @property
    def probability(self) -> bool:
        """Return whether y - t is the slope of the cross-entropy in z."""
        return False

    @abstractmethod
    def apply(self, ops: Operations, z: Array, y: Array, work: Work) -> int:
        """Set y to the function of z, which is lost; return how many were held back."""

    @abstractmethod
    def slope(self, ops: Operations, y: Array, q: Array, work: Work) -> None:
        """Multiply q by the slope of the function where it has the value y."""


def _on_grid(ops: Operations, grid: Grid, y: Array) -> None:
    elementary.round_to(ops, y, grid.magic, y)


@dataclass(frozen=True)
class Sigmoid(Activation):
    """1 / (1 + exp(-z)), by exp(z) / (1 + exp(z))."""

    @property
    def outputs(self) -> Grid:
        """Return multiples of 2**-16 up to 1."""
        return PROBABILITY

    @property
    def probability(self) -> bool:
        """Return True."""
        return True

    def apply(self, ops: Operations, z: Array, y: Array, work: Work) -> int:
        """Set y; nothing is held back, as both ends round to 0 and 1 anyway."""
        ops.at_most(z, _FLAT, z)
        ops.at_least(z, -_FLAT, z)
        elementary.exp(ops, z, y, work[0])
        ops.add(y, 1.0, work[0])
        ops.divide(y, work[0], y)
        _on_grid(ops, self.outputs, y)
        return 0

    def slope(self, ops: Operations, y: Array, q: Array, work: Work) -> None:
        """Multiply q by y - y y."""
        ops.multiply(y, y, work[0])
        ops.subtract(y, work[0], work[0])
        ops.multiply(q, work[0], q)


@dataclass(frozen=True)
class TableSigmoid(Sigmoid):
    """GNU Backgammon's sigmoid (lib/sigmoid.h:24-167): exp linear between tenths.

    With i = floor(10 |z|), at most 100, exp(|z|) is taken as e[i] (10 + 10 |z| - i),
    where e[i] = exp(i/10) / 10 and e[100] = e[99]: constant beyond 10. At most
    0.00117 from the logistic function, with jumps.
    """

    def apply(self, ops: Operations, z: Array, y: Array, work: Work) -> int:
        """Set y; nothing is held back."""
        ops.absolute(z, y)
        ops.multiply(y, 10.0, y)
        ops.at_most(y, 100.0, y)
        tenths, fraction = ops.bits(work[0]), work[1]
        ops.whole(y, tenths)
        ops.floor(y, fraction)
        ops.subtract(y, fraction, y)
        ops.add(y, 10.0, y)
        ops.look_up(ops.array(_TENTHS), tenths, fraction)
        ops.multiply(y, fraction, y)
        # y = exp(|z|): sigmoid(z) = 1/2 + sign(z) (y - 1) / (2 (y + 1)).
        ops.add(y, 1.0, fraction)
        ops.subtract(y, 1.0, y)
        ops.divide(y, fraction, y)
        ops.multiply(y, 0.5, y)
        ops.give_sign(y, z)
        ops.add(y, self.outputs.magic + 0.5, y)
        ops.subtract(y, self.outputs.magic, y)
        return 0


def _tenths() -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """Return e[i] of TableSigmoid, each correctly rounded (decimal's exp is)."""
    from decimal import Context, Decimal

    context = Context(prec=30)
    exact = [context.exp(Decimal(i) / 10) / 10 for i in (*range(100), 99)]
    return np.array([float(value) for value in exact], np.float32)


_TENTHS = _tenths()


@dataclass(frozen=True)
class Tanh(Activation):
    """tanh(z) = 2 sigmoid(2 z) - 1."""

    @property
    def outputs(self) -> Grid:
        """Return multiples of 2**-15 up to 1: twice those of the sigmoid, less 1."""
        return _SIGNED

    def apply(self, ops: Operations, z: Array, y: Array, work: Work) -> int:
        """Set y; nothing is held back."""
        ops.multiply(z, 2.0, z)
        Sigmoid().apply(ops, z, y, work)
        ops.multiply(y, 2.0, y)
        ops.subtract(y, 1.0, y)
        return 0

    def slope(self, ops: Operations, y: Array, q: Array, work: Work) -> None:
        """Multiply q by 1 - y y."""
        ops.multiply(y, y, work[0])
        ops.subtract_from(1.0, work[0], work[0])
        ops.multiply(q, work[0], q)


@dataclass(frozen=True)
class ReLU(Activation):
    """max(z, 0), held at `largest`, a power of two; steps of `largest` / 2**19."""

    largest: float = 32.0

    def __post_init__(self) -> None:
        require_power_of_two("ReLU: largest", self.largest)

    @cached_property
    def outputs(self) -> Grid:
        """Return multiples of 2**-14 up to 32, or as `largest` asks."""
        return Grid(19 - round(math.log2(self.largest)), self.largest)

    def apply(self, ops: Operations, z: Array, y: Array, work: Work) -> int:
        """Set y; return how many were held at `largest`."""
        ops.at_least(z, 0.0, z)
        held = elementary.hold(ops, z, self.largest)
        elementary.round_to(ops, z, self.outputs.magic, y)
        return held

    def slope(self, ops: Operations, y: Array, q: Array, work: Work) -> None:
        """Multiply q by 1 where y > 0, else by 0: y in steps, at most 1."""
        ops.multiply(y, 2.0**self.outputs.exponent, work[0])
        ops.at_most(work[0], 1.0, work[0])
        ops.multiply(q, work[0], q)


@dataclass(frozen=True)
class Linear(Activation):
    """z itself, held at `largest`, a power of two; steps of `largest` / 2**21."""

    largest: float = 32.0

    def __post_init__(self) -> None:
        require_power_of_two("Linear: largest", self.largest)

    @cached_property
    def outputs(self) -> Grid:
        """Return multiples of 2**-16 up to 32, or as `largest` asks."""
        return Grid(21 - round(math.log2(self.largest)), self.largest)

    def apply(self, ops: Operations, z: Array, y: Array, work: Work) -> int:
        """Set y; return how many were held at `largest` on either side."""
        held = elementary.hold(ops, z, self.largest)
        elementary.round_to(ops, z, self.outputs.magic, y)
        return held

    def slope(self, ops: Operations, y: Array, q: Array, work: Work) -> None:
        """Leave q as it is."""


@dataclass(frozen=True)
class Softmax(Activation):
    """exp(z) divided by its sum over the row; for the last layer, with CrossEntropy.

    exp(z - the row's largest) lies in 0 .. 1 and is rounded to 2**-20, or coarser
    where a row has more than 16 units, so that its sum is exact in binary32.
    """

    @property
    def outputs(self) -> Grid:
        """Return multiples of 2**-16 up to 1."""
        return PROBABILITY

    @property
    def probability(self) -> bool:
        """Return True."""
        return True

    def apply(self, ops: Operations, z: Array, y: Array, work: Work) -> int:
        """Set y; nothing is held back."""
        edge = ops.empty((z.shape[0], 1), "single")
        ops.row_largest(z, edge)
        ops.subtract(z, edge, z)
        ops.at_least(z, -_FLAT, z)
        elementary.exp(ops, z, y, work[0])
        finest = SINGLE - digits(Fraction(int(z.shape[1])))
        _on_grid(ops, Grid(min(20, finest), 1.0), y)
        ops.row_sum(y, edge)
        ops.divide(y, edge, y)
        _on_grid(ops, self.outputs, y)
        return 0

    def slope(self, ops: Operations, y: Array, q: Array, work: Work) -> None:
        """Refuse: only cross-entropy, which needs no slope, goes with softmax."""
        raise NotImplementedError("softmax is for CrossEntropy alone")
