# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far outputs are from their targets, and the slope of that in z.

Outputs and targets lie on the grid of the last activation, so that their difference
is exact in binary32, and the sum over any number of rows is an exact integer number
of steps: a validation error is the same everywhere too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction

from . import elementary
from .activations import Activation, Softmax
from .backend import Array, Operations
from .errors import ExactError
from .grid import DOUBLE, Grid

# -log of an output, at most 12.5, as outputs of 0 count as half a step of 2**-16.
_SURPRISE = Grid(16, 16.0)
_LEAST = 2.0**-17


@dataclass(frozen=True)
class Loss(ABC):
    """A loss, summed over outputs and rows; training follows its mean over rows."""

    def check(self, last: Activation) -> None:
        """Raise ExactError where the loss does not go with the last activation."""
        if isinstance(last, Softmax):
            raise ExactError(f"{type(self).__name__} does not go with Softmax")

    @abstractmethod
    def delta(
        self, ops: Operations, last: Activation, y: Array, t: Array, q: Array
    ) -> None:
        """Set q to the slope in z of the loss of outputs y and targets t."""

    @abstractmethod
    def value(
        self, ops: Operations, last: Activation, y: Array, t: Array, mask: Array | None
    ) -> Fraction:
        """Return the loss, exactly; `mask`, 0 or 1, says which outputs count."""


@dataclass(frozen=True)
class SquaredError(Loss):
    """Half the sum of (y - t)**2."""

    def delta(
        self, ops: Operations, last: Activation, y: Array, t: Array, q: Array
    ) -> None:
        """Set q to (y - t) f'(z)."""
        ops.subtract(y, t, q)
        work = ops.empty(tuple(y.shape), "single")
        last.slope(ops, y, q, (work, work))

    def value(
        self, ops: Operations, last: Activation, y: Array, t: Array, mask: Array | None
    ) -> Fraction:
        """Return half the sum of squares; steps of 2**-33 for probabilities."""
        error = ops.empty(tuple(y.shape), "single")
        ops.subtract(y, t, error)
        if mask is not None:
            ops.multiply(error, mask, error)
        wide = ops.empty(tuple(y.shape), "double")
        ops.copy(error, wide)
        return _exact_dot(ops, wide, wide, last.outputs, last.outputs) / 2


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """-sum of t log y, and of (1 - t) log(1 - y) where each output stands alone."""

    def check(self, last: Activation) -> None:
        """Raise ExactError unless outputs are probabilities."""
        if not last.probability:
            name = type(last).__name__
            raise ExactError(f"CrossEntropy needs Sigmoid or Softmax last, not {name}")

    def delta(
        self, ops: Operations, last: Activation, y: Array, t: Array, q: Array
    ) -> None:
        """Set q to y - t: with Softmax the slope if a row's targets add up to 1."""
        ops.subtract(y, t, q)

    def value(
        self, ops: Operations, last: Activation, y: Array, t: Array, mask: Array | None
    ) -> Fraction:
        """Return the loss of logarithms rounded to 2**-16."""
        total = _surprise(ops, last, y, t, mask)
        if not isinstance(last, Softmax):
            other_y, other_t = _complement(ops, y), _complement(ops, t)
            total += _surprise(ops, last, other_y, other_t, mask)
        return total


def _complement(ops: Operations, y: Array) -> Array:
    other = ops.empty(tuple(y.shape), "single")
    ops.subtract_from(1.0, y, other)
    return other


def _surprise(
    ops: Operations, last: Activation, y: Array, t: Array, mask: Array | None
) -> Fraction:
    """Return the sum of -t log y."""
    shape = tuple(y.shape)
    x, log, work = (ops.empty(shape, "single") for _ in range(3))
    ops.at_least(y, _LEAST, x)
    elementary.log(ops, x, log, work)
    ops.multiply(log, -1.0, log)
    elementary.round_to(ops, log, _SURPRISE.magic, log)
    if mask is not None:
        ops.multiply(log, mask, log)
    a, b = ops.empty(shape, "double"), ops.empty(shape, "double")
    ops.copy(log, a)
    ops.copy(t, b)
    return _exact_dot(ops, a, b, _SURPRISE, last.outputs)


def _exact_dot(ops: Operations, a: Array, b: Array, of_a: Grid, of_b: Grid) -> Fraction:
    """Return the exact sum of the products, taken in parts that binary64 can hold.

    The numbers of a and b may be twice as large as their grids say: differences.
    """
    count = (1 << DOUBLE) // int(of_a.steps * 2 * of_b.steps * 2)
    a, b = a.reshape(-1), b.reshape(-1)
    total = Fraction(0)
    for start in range(0, a.shape[0], count):
        part = slice(start, start + count)
        found = ops.dot(a[part], b[part])
        if found != found:
            raise ExactError("loss: not a number; the machine computes wrongly")
        total += Fraction(found)
    return total
