# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training with numpy and its BLAS, on the processor."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import numpy.typing as npt

from ..optimise import Adam, Layers, gradient
from ..targets import equity_errors
from . import EPSILON, Vectors
from .material import Material


class NumpyBackend:
    """The backend that is always there."""

    name = "numpy"
    device = "cpu"

    def trainer(
        self, material: Material, hidden: int, start: Vectors
    ) -> "NumpyTrainer":
        """Return a trainer in the state `start`."""
        return NumpyTrainer(material, hidden, start)


class NumpyTrainer:
    """One net, trained step by step in place."""

    def __init__(self, material: Material, hidden: int, start: Vectors) -> None:
        flat, mean, square = (vector.copy() for vector in start)
        inputs = material.inputs.doubled.shape[1]
        self._material = material
        self._layers = Layers(flat, inputs, hidden)
        self._slope = Layers(np.empty_like(flat), inputs, hidden)
        self._adam = Adam(len(flat))
        self._adam.mean, self._adam.square = mean, square

    def epoch(
        self,
        rows: npt.NDArray[np.int64],
        batch: int,
        rates: Sequence[float],
        done: int,
        epsilon: float = EPSILON,
    ) -> float:
        """Learn from these rows once; see Trainer.epoch."""
        data, layers, slope = self._material, self._layers, self._slope
        squares = 0.0
        for index, rate in enumerate(rates):
            part = rows[index * batch : (index + 1) * batch]
            target, mask = data.targets[part], data.mask[part]
            y = gradient(layers, data.inputs.batch(part), target, mask, slope)
            number = done + index + 1
            self._adam.step(layers.flat, slope.flat, rate, number, epsilon)
            error = equity_errors(y, target, mask)
            squares += float(np.dot(error, error))
        return float(np.sqrt(squares / len(rows)))

    def vectors(self) -> Vectors:
        """Return copies of the parameters and of Adam's two vectors."""
        adam = self._adam
        return self._layers.flat.copy(), adam.mean.copy(), adam.square.copy()
