# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of training: parameters, gradient, Adam, schedule. No I/O here.

The first layer is trained as u = 0.1 W1, v = 0.1 b1, which makes it an ordinary
logistic layer: without that, beta 0.1 makes it learn a hundred times slower than the
second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from .net import BETA_HIDDEN, OUTPUTS, Floats, Net, table_sigmoid
from .targets import equity_errors

Array = npt.NDArray[Any]
Sigmoid = Callable[[Any], Any]
# A net's parameters in the order of Layers, and Adam's mean and square of their
# slopes, float32 all three.
Vectors = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Schedule:
    """How a net is trained; the rate falls to 0 as 1 - 3 x**2 + 2 x**3, x from 0 to 1.

    That is within 0.011 of half a cosine, and needs none: cos has other last digits
    from one C library to another.
    """

    epochs: int
    batch: int = 64
    rate: float = 4e-3
    warm_up: int = 200
    epsilon: float = 1e-8

    def rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of step 0..steps-1."""
        warm_up = max(1, min(self.warm_up, steps // 10))
        warm = min(Fraction(1), Fraction(step + 1, warm_up))
        x = Fraction(step, steps)
        return float(Fraction(self.rate) * warm * (1 - x * x * (3 - 2 * x)))

    def steps(self, positions: int) -> int:
        """Return the steps of one epoch."""
        return -(-positions // self.batch)

    def rates(self, epoch: int, positions: int) -> list[float]:
        """Return the learning rate of each step of epoch 1, 2, ..."""
        each = self.steps(positions)
        first = (epoch - 1) * each
        return [self.rate_at(first + i, self.epochs * each) for i in range(each)]


class Layers:
    """A flat vector of parameters, seen as the layers u, w2, v, b2."""

    def __init__(self, flat: Array, inputs: int, hidden: int) -> None:
        ends = np.cumsum([inputs * hidden, OUTPUTS * hidden, hidden, OUTPUTS])
        if flat.shape != (ends[-1],):
            raise ValueError(f"{flat.shape} parameters, expected {ends[-1]}")
        self.flat = flat
        u, w2, self.v, self.b2 = np.split(flat, ends[:-1])
        self.u = u.reshape(inputs, hidden)
        self.w2 = w2.reshape(OUTPUTS, hidden)

    def net(self) -> Net:
        """Return the net with these parameters, W1 = 10 u."""
        scale = np.float32(1 / BETA_HIDDEN)
        return Net(self.u * scale, self.w2.copy(), self.v * scale, self.b2.copy())


def size(inputs: int, hidden: int) -> int:
    """Return the number of parameters."""
    return (inputs + OUTPUTS + 1) * hidden + OUTPUTS


def _uniform(raw: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Map 64 random bits to [0, 1); numpy's own streams may change, bits do not."""
    return (raw >> np.uint64(11)) * 2.0**-53


def raw_bits(seed: int, net: int, epoch: int, count: int) -> npt.NDArray[np.uint64]:
    """Return the random bits of one epoch of one net (Philox); epoch 0: the start."""
    sequence = np.random.SeedSequence(seed, spawn_key=(net, epoch))
    bits: npt.NDArray[np.uint64] = np.random.Philox(sequence).random_raw(count)
    return bits


def initial(seed: int, net: int, inputs: int, hidden: int) -> Floats:
    """Return the parameters a net starts from, drawn anew from the seed."""
    count = size(inputs, hidden)
    flat = (2 * _uniform(raw_bits(seed, net, 0, count)) - 1).astype(np.float32)
    layers = Layers(flat, inputs, hidden)
    layers.u *= np.float32(0.25)
    layers.w2 *= np.float32(1 / math.sqrt(hidden))
    layers.v *= np.float32(0.25)
    layers.b2 *= np.float32(0)
    return flat


def order(seed: int, net: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """Return the order of the positions in epoch 1, 2, ..."""
    rows: npt.NDArray[np.int64] = np.argsort(
        raw_bits(seed, net, epoch, count), kind="stable"
    )
    return rows


def gradient(
    layers: Layers,
    inputs: Array,
    targets: Array,
    mask: Array,
    out: Layers,
    sigmoid: Sigmoid = table_sigmoid,
) -> Array:
    """Fill `out` with the gradient of a batch and return its outputs, (n, 5).

    The loss is the mean over the batch of the summed cross-entropy of the outputs
    that `mask` (n, 5) keeps; its derivative at the output is y - t.
    """
    hidden = inputs @ layers.u
    hidden += layers.v
    hidden = sigmoid(hidden)
    y = hidden @ layers.w2.T
    y += layers.b2
    y = sigmoid(y)
    delta = (y - targets) * mask
    delta *= delta.dtype.type(1 / len(inputs))
    np.matmul(delta.T, hidden, out=out.w2)
    delta.sum(axis=0, out=out.b2)
    back = delta @ layers.w2
    back *= hidden
    np.subtract(hidden.dtype.type(1), hidden, out=hidden)
    back *= hidden
    np.matmul(inputs.T, back, out=out.u)
    back.sum(axis=0, out=out.v)
    result: Array = y
    return result


class Adam:
    """Adam (Kingma and Ba 2015) over one flat vector, in place."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, count: int) -> None:
        self.mean = np.zeros(count, np.float32)
        self.square = np.zeros(count, np.float32)
        self._work = np.empty(count, np.float32)

    def step(
        self,
        flat: Floats,
        slope: Floats,
        rate: float,
        number: int,
        epsilon: float = EPSILON,
    ) -> None:
        """Move `flat` against `slope`; number counts from 1."""
        work = self._work
        self.mean *= np.float32(self.BETA1)
        np.multiply(slope, np.float32(1 - self.BETA1), out=work)
        self.mean += work
        self.square *= np.float32(self.BETA2)
        np.multiply(slope, slope, out=work)
        work *= np.float32(1 - self.BETA2)
        self.square += work
        np.sqrt(self.square, out=work)
        correction = math.sqrt(1 - self.BETA2**number)
        work += np.float32(epsilon * correction)
        np.divide(self.mean, work, out=work)
        work *= np.float32(rate * correction / (1 - self.BETA1**number))
        flat -= work


class Descent:
    """One net that goes down the slope batch by batch, in place."""

    def __init__(self, start: Vectors, inputs: int, hidden: int) -> None:
        flat, mean, square = (vector.copy() for vector in start)
        self._layers = Layers(flat, inputs, hidden)
        self._slope = Layers(np.empty_like(flat), inputs, hidden)
        self._adam = Adam(len(flat))
        self._adam.mean, self._adam.square = mean, square

    def step(
        self,
        inputs: Floats,
        targets: Floats,
        mask: Floats,
        rate: float,
        number: int,
        epsilon: float = Adam.EPSILON,
    ) -> float:
        """Learn from a batch; return the sum of the squared equity errors met.

        `number` counts the steps from 1, those of `start` among them.
        """
        y = gradient(self._layers, inputs, targets, mask, self._slope)
        self._adam.step(self._layers.flat, self._slope.flat, rate, number, epsilon)
        error = equity_errors(y, targets, mask)
        return float(np.dot(error, error))

    def vectors(self) -> Vectors:
        """Return copies of the parameters and of Adam's two vectors."""
        adam = self._adam
        return self._layers.flat.copy(), adam.mean.copy(), adam.square.copy()
