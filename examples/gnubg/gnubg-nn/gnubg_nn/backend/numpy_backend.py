# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training with numpy and its BLAS, on the processor."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import numpy.typing as npt

from ..optimise import Descent, Vectors
from . import EPSILON, Float32
from .material import Material


class NumpyBackend(Float32):
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
        self._material = material
        self._descent = Descent(start, material.inputs.doubled.shape[1], hidden)

    def epoch(
        self,
        rows: npt.NDArray[np.int64],
        batch: int,
        rates: Sequence[float],
        done: int,
        epsilon: float = EPSILON,
    ) -> float:
        """Learn from these rows once; see Trainer.epoch."""
        data, squares = self._material, 0.0
        for index, rate in enumerate(rates):
            part = rows[index * batch : (index + 1) * batch]
            inputs = data.inputs.batch(part)
            target, mask = data.targets[part], data.mask[part]
            number = done + index + 1
            squares += self._descent.step(inputs, target, mask, rate, number, epsilon)
        return float(np.sqrt(squares / len(rows)))

    def vectors(self) -> Vectors:
        """Return copies of the parameters and of Adam's two vectors."""
        return self._descent.vectors()
