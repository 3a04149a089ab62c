# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who does the arithmetic of training: one small interface, numpy or torch behind it.

Every backend trains the same net with the same formulas, starts from the same
numbers and gives back the same kind of state; only the last bits differ.
"""

from __future__ import annotations

from typing import Protocol, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import NNError
from ..net import Floats
from ..optimise import Adam
from .material import Material

BACKENDS = ("numpy", "torch")

# A net's parameters in the order of optimise.Layers, and Adam's mean and square of
# their slopes, float32 all three.
EPSILON = Adam.EPSILON
Vectors = tuple[Floats, Floats, Floats]


class Trainer(Protocol):
    """One net as it learns from its material."""

    def epoch(
        self,
        rows: npt.NDArray[np.int64],
        batch: int,
        rates: Sequence[float],
        done: int,
        epsilon: float = EPSILON,
    ) -> float:
        """Learn from these rows once, in their order, one step for each rate.

        `done` is the number of steps made before, `epsilon` Adam's. Returns the rms
        error of the money equity met on the way, in points.
        """

    def vectors(self) -> Vectors:
        """Return copies of the parameters and of Adam's two vectors."""


class Backend(Protocol):
    """A library that trains nets; the bits depend on `name` and `device`."""

    @property
    def name(self) -> str:
        """Return what --backend calls it."""

    @property
    def device(self) -> str:
        """Return what it computes on: cpu or cuda."""

    def trainer(self, material: Material, hidden: int, start: Vectors) -> Trainer:
        """Return a trainer of a net with so many hidden units, in the state `start`."""


def choose(name: str) -> Backend:
    """Return the backend of this name; torch is not imported before it is asked for.

    Raises NNError for an unknown name, and where torch is not installed.
    """
    if name == "numpy":
        from .numpy_backend import NumpyBackend

        return NumpyBackend()
    if name == "torch":
        from .torch_backend import TorchBackend

        return TorchBackend()
    raise NNError(f"--backend {name}: expected {' or '.join(BACKENDS)}")
