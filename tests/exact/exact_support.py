# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small nets and their data, and workers as threads, for the tests of exact."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import Any, Callable

import numpy as np
from dh_aibootstrap.exact.activations import Activation, ReLU, Sigmoid
from dh_aibootstrap.exact.backend.numpy_backend import NumpyOperations
from dh_aibootstrap.exact.data import Data, Inputs, Targets, quantise
from dh_aibootstrap.exact.losses import Loss, SquaredError
from dh_aibootstrap.exact.network import Network
from dh_aibootstrap.exact.optimisers import Adam, Optimiser
from dh_aibootstrap.exact.plan import Dense, Plan, plan
from dh_aibootstrap.exact.schedules import Constant
from dh_aibootstrap.exact.trainer import Recipe, Trainer


def inputs(rows: int, narrow: int = 6, wide: int = 4, seed: int = 1) -> Inputs:
    """Return random rows: counts and halves up to 3 first, then numbers in -2 .. 2."""
    random = np.random.default_rng(seed)
    values = random.uniform(-2, 2, (rows, narrow + wide))
    steps = np.where(np.arange(narrow) % 2, 0.5, 1.0)
    values[:, :narrow] = random.integers(0, 4, (rows, narrow)) * steps
    return quantise(values)


def data(net: Plan, rows: Inputs, seed: int = 2, masked: bool = False) -> Data:
    """Return the rows with random targets on the net's grid, rows adding up to 1."""
    random = np.random.default_rng(seed)
    shape = len(rows), net.outputs
    wanted = random.uniform(0.05, 1, shape)
    wanted /= wanted.sum(axis=1, keepdims=True)
    mask = (random.random(shape) < 0.7).astype(np.float32) if masked else None
    return Data(rows, Targets.rounded(wanted, net.target_grid, mask))


def small(
    rows: int = 96,
    hidden: Activation = ReLU(),
    last: Activation = Sigmoid(),
    loss: Loss = SquaredError(),
    batch: int = 32,
    masked: bool = False,
) -> tuple[Plan, Data]:
    """Return a net of one hidden layer of eight units and three outputs, and data."""
    held = inputs(rows)
    net = plan(held.format, (Dense(8, hidden), Dense(3, last)), loss, batch)
    return net, data(net, held, masked=masked)


def recipe(
    net: Plan,
    optimiser: Optimiser | None = None,
    passes: int = 2,
    seed: int = 7,
    most: float | None = None,
) -> Recipe:
    """Return a training with Adam unless told otherwise, at a rate of 1/50."""
    chosen = optimiser or Adam()
    return Recipe(net, chosen, Constant(Fraction(1, 50)), passes, seed, most)


class Reversed:
    """One process that takes the rows of each batch from the last to the first."""

    rank, size = 0, 1

    def share(self, rows: Any) -> Any:
        """Return the rows in reverse."""
        return rows[::-1]

    def largest(self, value: float) -> float:
        """Return the value."""
        return value

    def total(self, ops: Any, flat: Any) -> None:
        """Leave the vector as it is."""


class Worker:
    """One of several threads that add their gradients, the last worker's first."""

    def __init__(self, rank: int, hub: "Hub") -> None:
        self.rank, self.size, self._hub = rank, hub.size, hub

    def share(self, rows: Any) -> Any:
        """Return this worker's rows."""
        count = len(rows)
        first, last = self.rank * count, (self.rank + 1) * count
        return rows[first // self.size : last // self.size]

    def largest(self, value: float) -> float:
        """Return the largest value of all."""
        return max(self._hub.gather(self.rank, value))

    def total(self, ops: Any, flat: Any) -> None:
        """Add up what all have."""
        parts = self._hub.gather(self.rank, flat.copy())
        flat.fill(0)
        for values in reversed(parts):
            np.add(flat, values, out=flat)


class Hub:
    """Where threads leave values for one another."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._slots: list[Any] = [None] * size
        self._barrier = threading.Barrier(size, timeout=30)

    def gather(self, rank: int, value: Any) -> list[Any]:
        """Return what each has left, when all have."""
        self._slots[rank] = value
        self._barrier.wait()
        values = list(self._slots)
        self._barrier.wait()
        return values

    def run(self, work: Callable[[Worker], str]) -> list[str]:
        """Return what each thread's work returned."""
        results = [""] * self.size

        def one(rank: int) -> None:
            results[rank] = work(Worker(rank, self))

        threads = [threading.Thread(target=one, args=(r,)) for r in range(self.size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


def trained(chosen: Recipe, material: Data, rows: int = 512, group: Any = None) -> str:
    """Return the digest of the whole training, in pieces of so many rows."""
    ops = NumpyOperations()
    ops.rows = rows
    trainer = Trainer(ops, chosen, material, group)
    trainer.run()
    return trainer.digest()


def gradients(network: Network) -> list[tuple[Any, Any]]:
    """Return each layer's gradient as weights (inputs, units) and biases."""
    result = [(np.zeros_like(w), np.zeros_like(b)) for w, b in layers_of(network)]
    for piece in network.parameters.pieces:
        weights, biases = result[piece.layer]
        values = piece.of(network.parameters.gradient)
        if piece.group.columns is None:
            biases[:] = values[0]
        else:
            weights[piece.group.columns] = values
    return result


def layers_of(network: Network) -> list[tuple[Any, Any]]:
    """Return the weights in use, in binary64."""
    found = network.parameters.result()
    return [(w.astype(np.float64), b.astype(np.float64)) for w, b in found]


def values_of(rows: Inputs) -> Any:
    """Return the rows as the user has them, in binary64."""
    values = np.zeros((len(rows), rows.format.width))
    for block, matrix in zip(rows.format.blocks, rows.matrices):
        values[:, block.columns] = matrix / 2.0**block.grid.exponent
    return values
