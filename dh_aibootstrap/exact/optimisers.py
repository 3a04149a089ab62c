# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps from gradients: SGD with momentum, Adam and AdamW, in binary32.

Every number is touched by one operation at a time, in the order written here. 1e-30
is added to running means so that neither they nor steps at rates from 1e-7 on become
subnormal: flushing those to zero, which some processors do when asked, then changes
nothing. Scalars are computed with Decimal and Fraction and rounded once: no pow, no
libm, no x87.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from . import elementary
from .backend import Array, Operations
from .grid import rounding
from .parameters import PIECE, Parameters, nearest_single

TINY = 1e-30
_CONTEXT = Context(prec=40)


@dataclass(frozen=True)
class Step:
    """The scalars of one step; `scale` turns sums over a batch into what is learnt."""

    number: int
    rate: Fraction
    scale: float


class Optimiser(ABC):
    """Moves master weights against the gradient. `state` is a vector per moment."""

    moments: tuple[str, ...] = ()
    # Weights are multiplied by 1 - rate * decay before each step (Loshchilov and
    # Hutter 2019), biases too.
    decay = Fraction(0)

    @abstractmethod
    def move(
        self,
        ops: Operations,
        step: Step,
        gradient: Array,
        state: list[Array],
        work: list[Array],
    ) -> None:
        """Set work[0] to what is taken from the master weights of one piece."""

    def update(
        self, ops: Operations, parameters: Parameters, state: list[Array], step: Step
    ) -> None:
        """Make one step and round the used weights anew."""
        keep = nearest_single(1 - step.rate * self.decay)
        scratch = parameters.scratch(4)
        for start in range(0, len(parameters.master), PIECE):
            part = slice(start, start + PIECE)
            master = parameters.master[part]
            gradient, *work = (array[: len(master)] for array in scratch)
            ops.copy(parameters.gradient[part], gradient)
            ops.multiply(gradient, step.scale, gradient)
            self.move(ops, step, gradient, [moment[part] for moment in state], work)
            if self.decay:
                ops.multiply(master, keep, master)
            ops.subtract(master, work[0], master)
        parameters.round()


@dataclass(frozen=True)
class SGD(Optimiser):
    """Stochastic gradient descent: m = momentum m + g, then w = w - rate m."""

    momentum: Fraction = Fraction(9, 10)
    decay: Fraction = Fraction(0)
    moments = ("momentum",)

    def move(
        self,
        ops: Operations,
        step: Step,
        gradient: Array,
        state: list[Array],
        work: list[Array],
    ) -> None:
        """Set work[0] to rate m."""
        (m,) = state
        ops.multiply(m, nearest_single(self.momentum), m)
        ops.add(m, gradient, m)
        ops.add(m, nearest_single(TINY), m)
        ops.multiply(m, nearest_single(step.rate), work[0])


@dataclass(frozen=True)
class Adam(Optimiser):
    """Adam (Kingma and Ba 2015, algorithm 1); with `decay` not 0 it is AdamW."""

    beta1: Fraction = Fraction(9, 10)
    beta2: Fraction = Fraction(999, 1000)
    epsilon: float = 1e-8
    decay: Fraction = Fraction(0)
    moments = ("mean", "square")

    def move(
        self,
        ops: Operations,
        step: Step,
        gradient: Array,
        state: list[Array],
        work: list[Array],
    ) -> None:
        """Set work[0] to rate m^ / (sqrt(v^) + epsilon).

        m^ = m / (1 - beta1**t) and v^ likewise; sqrt(v^) is v^ / sqrt(v^).
        """
        (m, v), (t, u, w) = state, work
        tiny = nearest_single(TINY)
        ops.multiply(m, nearest_single(self.beta1), m)
        ops.multiply(gradient, nearest_single(1 - self.beta1), t)
        ops.add(m, t, m)
        ops.add(m, tiny, m)
        ops.multiply(v, nearest_single(self.beta2), v)
        ops.multiply(gradient, gradient, t)
        ops.multiply(t, nearest_single(1 - self.beta2), t)
        ops.add(v, t, v)
        ops.add(v, tiny, v)
        ops.multiply(v, _correction(self.beta2, step.number, Fraction(1)), t)
        elementary.reciprocal_root(ops, t, u, w)
        # t is half of v^ now.
        ops.add(t, t, t)
        ops.multiply(t, u, t)
        ops.add(t, nearest_single(self.epsilon), t)
        ops.multiply(m, _correction(self.beta1, step.number, step.rate), u)
        ops.divide(u, t, t)


def AdamW(decay: Fraction, epsilon: float = 1e-8) -> Adam:
    """Return Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    return Adam(decay=decay, epsilon=epsilon)


def _correction(beta: Fraction, number: int, factor: Fraction) -> float:
    """Return factor / (1 - beta**number), the power by repeated squaring."""
    power, base = Decimal(1), _decimal(beta)
    while number:
        if number & 1:
            power = _CONTEXT.multiply(power, base)
        base = _CONTEXT.multiply(base, base)
        number >>= 1
    rest = _CONTEXT.subtract(Decimal(1), power)
    return nearest_single(_CONTEXT.divide(_decimal(factor), rest))


def _decimal(value: Fraction) -> Decimal:
    return _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def norm(ops: Operations, gradient: Array, scale: float) -> Fraction:
    """Return the length of `scale` times the gradient, a little coarser than it is.

    Each number is rounded to q steps of 2**-k, |q| <= 2**17, so that the sum of q q
    over up to 2**19 numbers is an exact integer in binary64; PIECE of them are taken
    at a time. The root is an integer root of the whole sum. The rounding is done in
    binary32, as an x87 would round sums in binary64 twice.
    """
    largest = ops.largest(gradient)
    if not largest:
        return Fraction(0)
    _, exponent = math.frexp(largest)
    total = 0
    for start in range(0, len(gradient), PIECE):
        piece = gradient[start : start + PIECE]
        single = ops.empty(tuple(piece.shape), "single")
        steps = ops.empty(tuple(piece.shape), "double")
        ops.copy(piece, single)
        ops.multiply(single, 2.0 ** (17 - exponent), single)
        elementary.round_to(ops, single, rounding(0), single)
        ops.copy(single, steps)
        total += int(ops.dot(steps, steps))
    steps_long = Fraction(math.isqrt(total << 40), 1 << 20)
    return steps_long * Fraction(2) ** (exponent - 17) * Fraction(scale)


def clipped(ops: Operations, gradient: Array, scale: float, most: float) -> float:
    """Return the scale with which the gradient is at most `most` long."""
    length = norm(ops, gradient, scale)
    if length <= most:
        return scale
    return nearest_single(Fraction(scale) * Fraction(most) / length)
