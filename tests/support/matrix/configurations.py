# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nets of the matrix and their data, which are the same bits on every machine.

Data are random words of philox.py, counted, added and shifted as whole numbers; they
become fractions by one multiplication by a power of two, which rounds nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from dh_aibootstrap.exact import philox
from dh_aibootstrap.exact.activations import (
    ReLU,
    Sigmoid,
    Softmax,
    TableSigmoid,
    Tanh,
)
from dh_aibootstrap.exact.data import Data, Targets, quantise
from dh_aibootstrap.exact.losses import CrossEntropy, Loss, SquaredError
from dh_aibootstrap.exact.optimisers import SGD, Adam, AdamW, Optimiser
from dh_aibootstrap.exact.plan import Dense, plan
from dh_aibootstrap.exact.schedules import Constant, Linear, Schedule, Smooth, Steps
from dh_aibootstrap.exact.trainer import Recipe

Whole = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

SEED = 7


@dataclass(frozen=True)
class Training:
    """What a Trainer is made of, and the same numbers as everyone holds them."""

    recipe: Recipe
    data: Data
    inputs: Floats
    goals: Floats


@dataclass(frozen=True)
class Shape:
    """A training: columns of small whole numbers, of fractions, rows, and the net."""

    narrow: int
    wide: int
    rows: int
    batch: int
    passes: int
    layers: tuple[Dense, ...]
    loss: Loss
    optimiser: Optimiser
    schedule: Schedule
    most: float | None = None

    def training(self) -> Training:
        """Return the training; none of its numbers is rounded on the way."""
        whole = _inputs(self)
        values = whole.astype(np.float64) * 2.0**-12
        inputs = quantise(values)
        net = plan(inputs.format, self.layers, self.loss, self.batch)
        goals = _goals(whole, self.layers[-1]).astype(np.float64) * 2.0**-16
        data = Data(inputs, Targets.rounded(goals, net.target_grid))
        recipe = Recipe(
            net, self.optimiser, self.schedule, self.passes, SEED, self.most
        )
        floats = values.astype(np.float32), goals.astype(np.float32)
        return Training(recipe, data, *floats)


def _words(stream: int, rows: int, columns: int, below: int) -> Whole:
    """Return whole numbers 0 .. below - 1, (rows, columns)."""
    words = philox.words(SEED, stream, rows * columns) % np.uint64(below)
    return words.astype(np.int64).reshape(rows, columns)


def _inputs(shape: Shape) -> Whole:
    """Return the inputs in steps of 2**-12: 0, 1 or 2, and fractions up to 1.

    Every fourth of the first has halves.
    """
    counts = _words(1, shape.rows, shape.narrow, 3) * 4096
    counts[:, ::4] >>= np.int64(1)
    fractions = _words(2, shape.rows, shape.wide, 4097)
    return np.concatenate([counts, fractions], axis=1)


def _votes(whole: Whole, outputs: int) -> Whole:
    """Return for each output a sum of the inputs, about 2**14, around 0."""
    columns = whole.shape[1]
    weights = _words(3, columns, outputs, 17) - 8
    centred = whole - whole.sum(axis=0) // len(whole)
    total = np.zeros((len(whole), outputs), np.int64)
    for column in range(columns):
        total += centred[:, column, None] * weights[column]
    # 2**12 steps, weights of about 2**2.3, and the square root of their number.
    result: Whole = total >> np.int64((columns.bit_length() - 1) // 2 + 1)
    return result


def _goals(whole: Whole, last: Dense) -> Whole:
    """Return something to learn, in steps of 2**-16: 0 .. 1, or for Softmax a class."""
    votes = _votes(whole, last.units)
    if isinstance(last.activation, Softmax):
        best = np.argmax(votes, axis=1)
        chosen: Whole = (best[:, None] == np.arange(last.units)).astype(np.int64)
        return 65536 * chosen
    result: Whole = np.clip(votes + 32768, 0, 65536)
    return result


CONFIGURATIONS: dict[str, Shape] = {
    # 7 steps of 100 rows and one of 77, three times.
    "small": Shape(
        narrow=30,
        wide=10,
        rows=777,
        batch=100,
        passes=3,
        layers=(Dense(32, ReLU()), Dense(32, Tanh()), Dense(5, TableSigmoid())),
        loss=SquaredError(),
        optimiser=AdamW(Fraction(1, 100)),
        schedule=Smooth(Fraction(1, 100), 5),
        most=0.02,
    ),
    # The last of 10 steps has one row, so that all workers but one have none.
    "classes": Shape(
        narrow=12,
        wide=48,
        rows=577,
        batch=64,
        passes=2,
        layers=(Dense(24, Sigmoid()), Dense(7, Softmax())),
        loss=CrossEntropy(),
        optimiser=SGD(),
        schedule=Steps(Fraction(1, 10), 8, Fraction(1, 2)),
    ),
    # A real size: 250 inputs as of GNU Backgammon's contact net.
    "contact": Shape(
        narrow=200,
        wide=50,
        rows=3000,
        batch=256,
        passes=2,
        layers=(Dense(128, TableSigmoid()), Dense(5, TableSigmoid())),
        loss=CrossEntropy(),
        optimiser=Adam(),
        schedule=Linear(Fraction(1, 200), 4),
    ),
    "deep": Shape(
        narrow=200,
        wide=50,
        rows=700,
        batch=200,
        passes=1,
        layers=(*(Dense(512, ReLU()) for _ in range(3)), Dense(5, Sigmoid())),
        loss=SquaredError(),
        optimiser=Adam(),
        schedule=Constant(Fraction(1, 1000)),
    ),
}
