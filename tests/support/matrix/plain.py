# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same nets trained as everyone does, in binary32: what differs without grids.

Products, sums, exp, tanh and sqrt are the library's own, by numpy or torch. First
weights, data, order of rows and rates are those of the exact training.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from dh_aibootstrap.exact import philox
from dh_aibootstrap.exact.losses import CrossEntropy
from dh_aibootstrap.exact.optimisers import SGD, Adam
from dh_aibootstrap.exact.trainer import EPOCHS, Recipe

from .configurations import Training

# An array of numpy or a tensor of torch; both know @, +, *, > and so on.
Array = Any
Layers = list[tuple[Array, Array]]


def _activate(m: Any, name: str, z: Array) -> Array:
    if name == "ReLU":
        return z * (z > 0)
    if name == "Tanh":
        return m.tanh(z)
    if name == "Softmax":
        # Sums here are small; a worker may have no row to take the largest of.
        raised = m.exp(z)
        return raised / raised.sum(1)[:, None]
    return 1 / (1 + m.exp(-z))


def _slope(name: str, y: Array) -> Array:
    if name == "ReLU":
        return y > 0
    return 1 - y * y if name == "Tanh" else y * (1 - y)


class Plain:
    """One net and the moments of its optimiser."""

    def __init__(self, library: str, recipe: Recipe, start: Layers) -> None:
        self.m: Any = np
        self.convert: Callable[[Array], Array] = np.ascontiguousarray
        if library == "torch":
            self.m = importlib.import_module("torch")
            self.convert = self.m.from_numpy
        self.recipe = recipe
        self.names = [type(p.dense.activation).__name__ for p in recipe.plan.layers]
        self.arrays = [self.convert(a.copy()) for pair in start for a in pair]
        moments = recipe.optimiser.moments
        self.state = [[a * 0 for a in self.arrays] for _ in moments]

    def gradient(self, x: Array, t: Array) -> list[Array]:
        """Return the sums of slopes over the rows, in the order of `arrays`."""
        outputs = [x]
        for number, name in enumerate(self.names):
            w, b = self.arrays[2 * number : 2 * number + 2]
            outputs.append(_activate(self.m, name, self.m.matmul(outputs[-1], w) + b))
        delta = outputs[-1] - t
        if not isinstance(self.recipe.plan.loss, CrossEntropy):
            delta = delta * _slope(self.names[-1], outputs[-1])
        result: list[Array] = []
        for number in reversed(range(len(self.names))):
            result[:0] = [self.m.matmul(outputs[number].T, delta), delta.sum(0)]
            if number:
                back = self.m.matmul(delta, self.arrays[2 * number].T)
                delta = back * _slope(self.names[number - 1], outputs[number])
        return result

    def step(self, number: int, rate: float, rows: int, sums: list[Array]) -> None:
        """Move the weights by sums of slopes over so many rows."""
        optimiser, most = self.recipe.optimiser, self.recipe.most
        slopes = [s / rows for s in sums]
        if most is not None:
            length = float(self.m.sqrt(sum((s * s).sum() for s in slopes)))
            slopes = [s * min(1.0, most / length) for s in slopes]
        for place, (w, g) in enumerate(zip(self.arrays, slopes)):
            w *= 1 - rate * float(optimiser.decay)
            if isinstance(optimiser, SGD):
                m = self.state[0][place]
                m *= float(optimiser.momentum)
                m += g
                w -= rate * m
            elif isinstance(optimiser, Adam):
                b1, b2 = float(optimiser.beta1), float(optimiser.beta2)
                m, v = self.state[0][place], self.state[1][place]
                m *= b1
                m += (1 - b1) * g
                v *= b2
                v += (1 - b2) * g * g
                root = self.m.sqrt(v / (1 - b2**number)) + optimiser.epsilon
                w -= rate * (m / (1 - b1**number)) / root


@dataclass(frozen=True)
class Share:
    """Which of the workers this is; their slopes are added in binary32."""

    rank: int = 0
    size: int = 1

    def part(self, rows: Array) -> Array:
        """Return this worker's rows, cut as the exact workers cut them."""
        begin = len(rows) * self.rank // self.size
        return rows[begin : len(rows) * (self.rank + 1) // self.size]

    def total(self, arrays: list[Array]) -> None:
        """Replace each array by its sum over the workers."""
        if self.size > 1:
            torch: Any = importlib.import_module("torch")
            for array in arrays:
                torch.distributed.all_reduce(torch.as_tensor(array))


def train(
    library: str, training: Training, start: Layers, share: Share = Share()
) -> list[Array]:
    """Return weights and biases, layer by layer, that the ordinary program learns."""
    recipe, count = training.recipe, len(training.inputs)
    plain = Plain(library, recipe, start)
    inputs, goals = plain.convert(training.inputs), plain.convert(training.goals)
    batch, number = recipe.plan.batch, 0
    steps = recipe.passes * -(-count // batch)
    for epoch in range(recipe.passes):
        order = philox.permutation(recipe.seed, EPOCHS + epoch, count)
        for first in range(0, count, batch):
            rows = order[first : first + batch]
            own = plain.convert(share.part(rows).astype(np.intp))
            sums = plain.gradient(inputs[own], goals[own])
            share.total(sums)
            rate = float(recipe.schedule.rate(number, steps))
            number += 1
            plain.step(number, rate, len(rows), sums)
    return plain.arrays


def digest(arrays: list[Array]) -> str:
    """Return the SHA-256 of the weights and biases."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.asarray(array).astype("<f4").tobytes())
    return found.hexdigest()
