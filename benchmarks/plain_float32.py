# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference of benchmarks/exact: the same nets in ordinary float32.

Written with as much care for speed as dh_aibootstrap.exact: results go into arrays
that exist, parameters and moments are one vector each. Its sums are added in the
order that the BLAS likes, and its functions are the library's own.
"""

from __future__ import annotations

from typing import Any, Protocol, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
SIGMOID, TABLE, RELU = "sigmoid", "table sigmoid", "relu"


class Trainer(Protocol):
    """A net that learns a batch at a time."""

    def step(self, rows: npt.NDArray[np.intp], rate: float) -> None:
        """Learn from these rows once: cross-entropy or squared error, and Adam."""


def first_weights(sizes: Sequence[int]) -> list[Floats]:
    """Return (inputs + 1, units) for each layer, the bias, 0, in the last row."""
    random = np.random.default_rng(1)
    result = []
    for inputs, units in zip(sizes, sizes[1:]):
        spread = (6 / (inputs + units)) ** 0.5
        weights = random.uniform(-spread, spread, (inputs + 1, units))
        weights[-1] = 0
        result.append(weights.astype(np.float32))
    return result


class NumpyTrainer:
    """By numpy; the last layer is sigmoid, or the table's as the hidden ones are."""

    def __init__(
        self,
        first: Sequence[Floats],
        hidden: str,
        batch: int,
        x: Floats,
        t: Floats,
    ) -> None:
        self._x, self._t, self._hidden = x, t, hidden
        shapes = [w.shape for w in first]
        self._flat = np.concatenate([w.ravel() for w in first])
        self._slope = np.empty_like(self._flat)
        self._mean, self._square = np.zeros_like(self._flat), np.zeros_like(self._flat)
        self._work = np.empty_like(self._flat)
        ends = np.cumsum([a * b for a, b in shapes])[:-1]
        self._weights = _views(self._flat, ends, shapes)
        self._slopes = _views(self._slope, ends, shapes)
        self._z = [np.empty((batch, b), np.float32) for _, b in shapes]
        self._d = [np.empty((batch, b), np.float32) for _, b in shapes]
        self._number = 0

    def forward(self, x: Floats) -> list[Floats]:
        """Return inputs of up to a batch of rows, and every layer's outputs."""
        inputs = [x]
        last = len(self._weights) - 1
        for index, weights in enumerate(self._weights):
            z = np.matmul(inputs[-1], weights[:-1], out=self._z[index][: len(x)])
            z += weights[-1]
            if index < last and self._hidden == RELU:
                np.maximum(z, np.float32(0), out=z)
            elif self._hidden == TABLE:
                _table_sigmoid(z)
            else:
                _sigmoid(z)
            inputs.append(z)
        return inputs

    def step(self, rows: npt.NDArray[np.intp], rate: float) -> None:
        """Learn from these rows once."""
        inputs = self.forward(np.take(self._x, rows, axis=0))
        last, count = len(self._weights) - 1, len(rows)
        delta = np.subtract(inputs[-1], self._t[rows], out=self._d[last][:count])
        delta *= np.float32(1 / len(rows))
        for index in reversed(range(last + 1)):
            below = inputs[index]
            np.matmul(below.T, delta, out=self._slopes[index][:-1])
            np.sum(delta, axis=0, out=self._slopes[index][-1])
            if index:
                weights = self._weights[index][:-1]
                delta = np.matmul(delta, weights.T, out=self._d[index - 1][:count])
                if self._hidden == RELU:
                    delta *= below > 0
                else:
                    delta *= below
                    below -= np.float32(1)
                    delta *= below
                    np.negative(delta, out=delta)
        self._adam(rate)

    def _adam(self, rate: float) -> None:
        self._number += 1
        slope, work = self._slope, self._work
        self._mean *= np.float32(0.9)
        np.multiply(slope, np.float32(0.1), out=work)
        self._mean += work
        self._square *= np.float32(0.999)
        np.multiply(slope, slope, out=work)
        work *= np.float32(0.001)
        self._square += work
        np.sqrt(self._square, out=work)
        work += np.float32(1e-8)
        np.divide(self._mean, work, out=work)
        correction = (1 - 0.999**self._number) ** 0.5 / (1 - 0.9**self._number)
        work *= np.float32(rate * correction)
        self._flat -= work


def _views(flat: Any, ends: Any, shapes: Any) -> list[Any]:
    parts = np.split(flat, ends) if isinstance(flat, np.ndarray) else _split(flat, ends)
    return [part.reshape(shape) for part, shape in zip(parts, shapes)]


def _split(flat: Any, ends: Any) -> list[Any]:
    edges = [0, *ends.tolist(), len(flat)]
    return [flat[a:b] for a, b in zip(edges, edges[1:])]


def _sigmoid(z: Floats) -> None:
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += np.float32(1)
    np.divide(np.float32(1), z, out=z)


# exp(k/10)/10 for k = 0 .. 99, and the last once more: GNU Backgammon's sigmoid.
_TENTHS = (np.exp(np.minimum(np.arange(101), 99) / 10) / 10).astype(np.float32)


def _table_sigmoid(z: Floats) -> None:
    tenths = np.abs(z)
    tenths *= np.float32(10)
    np.minimum(tenths, np.float32(100), out=tenths)
    bins = tenths.astype(np.int32)
    tenths -= bins
    tenths += np.float32(10)
    tenths *= np.take(_TENTHS, bins, mode="clip")
    tenths += np.float32(1)
    np.divide(np.float32(1), tenths, out=tenths)
    np.subtract(np.float32(0.5), tenths, out=tenths)
    np.copysign(tenths, z, out=z)
    z += np.float32(0.5)


class TorchTrainer:
    """By torch, without autograd: the same steps as NumpyTrainer."""

    def __init__(
        self,
        first: Sequence[Floats],
        hidden: str,
        batch: int,
        x: Floats,
        t: Floats,
    ) -> None:
        import torch

        self._torch: Any = torch
        self._x, self._t = torch.from_numpy(x), torch.from_numpy(t)
        self._hidden = hidden
        shapes = [w.shape for w in first]
        self._flat = torch.from_numpy(np.concatenate([w.ravel() for w in first]))
        self._slope, self._mean = torch.empty_like(self._flat), self._flat * 0
        self._square = self._flat * 0
        ends = np.cumsum([a * b for a, b in shapes])[:-1]
        self._weights = _views(self._flat, ends, shapes)
        self._slopes = _views(self._slope, ends, shapes)
        self._number = 0

    def step(self, rows: npt.NDArray[np.intp], rate: float) -> None:
        """Learn from these rows once."""
        torch = self._torch
        index = torch.from_numpy(rows)
        inputs = [self._x[index]]
        last = len(self._weights) - 1
        for number, weights in enumerate(self._weights):
            z = torch.addmm(weights[-1], inputs[-1], weights[:-1])
            if number < last and self._hidden == RELU:
                inputs.append(z.relu_())
            elif self._hidden == TABLE:
                inputs.append(self._table_sigmoid(z))
            else:
                inputs.append(z.sigmoid_())
        delta = (inputs[-1] - self._t[index]) * (1 / len(rows))
        for number in reversed(range(last + 1)):
            below = inputs[number]
            torch.mm(below.t(), delta, out=self._slopes[number][:-1])
            torch.sum(delta, dim=0, out=self._slopes[number][-1])
            if number:
                delta = delta @ self._weights[number][:-1].t()
                slope = below > 0 if self._hidden == RELU else below * (1 - below)
                delta *= slope
        self._adam(rate)

    def _table_sigmoid(self, z: Any) -> Any:
        torch = self._torch
        tenths = z.abs().mul_(10).clamp_(max=100)
        bins = tenths.int()
        tenths.sub_(bins).add_(10).mul_(torch.from_numpy(_TENTHS)[bins]).add_(1)
        return torch.copysign(0.5 - 1 / tenths, z).add_(0.5)

    def _adam(self, rate: float) -> None:
        self._number += 1
        self._mean.mul_(0.9).add_(self._slope, alpha=0.1)
        self._square.mul_(0.999).addcmul_(self._slope, self._slope, value=0.001)
        correction = (1 - 0.999**self._number) ** 0.5 / (1 - 0.9**self._number)
        root = self._square.sqrt().add_(1e-8)
        self._flat.addcdiv_(self._mean, root, value=-rate * correction)
