# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who does the arithmetic of training: one small interface, three behind it.

Every backend trains the same net with the same formulas, from the same numbers. numpy
and torch compute in ordinary float32: their last bits depend on the machine. exact
(dh_aibootstrap.exact) computes on grids, and gives the same bits on every machine.
"""

from __future__ import annotations

from typing import Protocol, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import NNError
from ..net import Floats, Net
from ..optimise import Adam, Layers
from ..optimise import Vectors as Vectors
from .material import Material

BACKENDS = ("exact", "numpy", "torch")
EXPECTED = f"{', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}"

EPSILON = Adam.EPSILON


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

    def begin(self, flat: Floats, shape: tuple[int, int]) -> Vectors:
        """Return the state of a net of (inputs, hidden) with these first parameters."""

    def trainer(self, material: Material, hidden: int, start: Vectors) -> Trainer:
        """Return a trainer of a net with so many hidden units, in the state `start`."""

    def net(self, vectors: Vectors, shape: tuple[int, int]) -> Net:
        """Return the net of (inputs, hidden) that a state stands for."""


class Float32:
    """What the backends of ordinary float32 share: their state is that of Layers."""

    def begin(self, flat: Floats, shape: tuple[int, int]) -> Vectors:
        """Return the parameters, and no slopes yet."""
        return flat, np.zeros_like(flat), np.zeros_like(flat)

    def net(self, vectors: Vectors, shape: tuple[int, int]) -> Net:
        """Return the net with these parameters."""
        return Layers(vectors[0], *shape).net()


def choose(name: str) -> Backend:
    """Return the backend of this name; what it needs is imported only then.

    Raises NNError for an unknown name, and where dh-aibootstrap or torch is missing.
    """
    if name == "exact":
        try:
            from .exact_backend import ExactBackend
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("dh_aibootstrap"):
                raise
            what = "install dh-aibootstrap, or take --backend numpy"
            raise NNError(f"--backend exact: {error.name} is missing: {what}") from None
        return ExactBackend()
    if name == "numpy":
        from .numpy_backend import NumpyBackend

        return NumpyBackend()
    if name == "torch":
        from .torch_backend import TorchBackend

        return TorchBackend()
    raise NNError(f"--backend {name}: expected {EXPECTED}")
