# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training by dh_aibootstrap.exact: the same bits on every machine."""

from __future__ import annotations

from fractions import Fraction
from typing import Sequence

import numpy as np
import numpy.typing as npt

from dh_aibootstrap.exact import selftest
from dh_aibootstrap.exact.activations import PROBABILITY
from dh_aibootstrap.exact.backend import choose as choose_operations
from dh_aibootstrap.exact.data import Data, Tables, Targets
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.network import Network
from dh_aibootstrap.exact.optimisers import Adam, Step
from dh_aibootstrap.exact.parallel import Alone
from dh_aibootstrap.exact.parameters import Parameters, nearest_single

from ..errors import NNError
from ..net import BETA_HIDDEN, Net
from ..optimise import Layers, Vectors
from ..targets import equity_errors
from . import EPSILON
from .formats import exact_inputs, net_plan
from .material import Material

# Plans for the largest batch that train.py takes.
LARGEST_BATCH = 4096


class ExactBackend:
    """The backend whose bits depend on nothing but data, recipe and seed."""

    name = "exact"
    device = "any"

    def begin(self, flat: npt.NDArray[np.float32], shape: tuple[int, int]) -> Vectors:
        """Return the state from first parameters: in the order of the exact plan."""
        layers = Layers(flat, *shape)
        parameters = _parameters(shape)
        w2 = np.ascontiguousarray(layers.w2.T)
        parameters.assign([(layers.u, layers.v), (w2, layers.b2)])
        zeros = np.zeros_like(flat)
        return np.array(parameters.master), zeros, zeros

    def net(self, vectors: Vectors, shape: tuple[int, int]) -> Net:
        """Return the net as released: weights on their grids, W1 = 10 u."""
        parameters = _parameters(shape)
        parameters.master[:] = vectors[0]
        parameters.round()
        (u, v), (w2, b2) = parameters.result()
        ten = np.float32(1 / BETA_HIDDEN)
        return Net(u * ten, np.ascontiguousarray(w2.T), v * ten, b2)

    def trainer(
        self, material: Material, hidden: int, start: Vectors
    ) -> "ExactTrainer":
        """Return a trainer in the state `start`; NNError where the machine is wrong."""
        try:
            return ExactTrainer(material, hidden, start)
        except ExactError as error:
            raise NNError(str(error)) from error


def _parameters(shape: tuple[int, int]) -> Parameters:
    return Parameters(choose_operations("numpy"), net_plan(*shape, LARGEST_BATCH))


class ExactTrainer:
    """One net in the formats of its plan."""

    def __init__(self, material: Material, hidden: int, start: Vectors) -> None:
        self._ops = choose_operations("numpy")
        selftest.require(self._ops)
        shape = material.inputs.doubled.shape[1], hidden
        self._network = Network(self._ops, net_plan(*shape, LARGEST_BATCH))
        self._parameters = self._network.parameters
        self._parameters.master[:] = start[0]
        self._parameters.round()
        self._state = [start[1].copy(), start[2].copy()]
        mask = material.mask.astype(np.float32)
        targets = Targets.rounded(material.targets, PROBABILITY, mask)
        self._targets, self._mask = targets.values, mask
        data = Data(exact_inputs(material.inputs), targets)
        self._tables = Tables.of(self._ops, data)

    def epoch(
        self,
        rows: npt.NDArray[np.int64],
        batch: int,
        rates: Sequence[float],
        done: int,
        epsilon: float = EPSILON,
    ) -> float:
        """Learn from these rows once; see Trainer.epoch."""
        optimiser, squares = Adam(epsilon=epsilon), 0.0
        for index, rate in enumerate(rates):
            part = rows[index * batch : (index + 1) * batch]
            self._network.gradient(self._tables, part, Alone(), watch=False)
            y = self._network.outputs(len(part))
            scale = nearest_single(Fraction(1, len(part)))
            step = Step(done + index + 1, Fraction(rate), scale)
            optimiser.update(self._ops, self._parameters, self._state, step)
            error = equity_errors(y, self._targets[part], self._mask[part])
            squares += float(np.dot(error, error))
        return float(np.sqrt(squares / len(rows)))

    def vectors(self) -> Vectors:
        """Return copies of the parameters and of Adam's two vectors."""
        mean, square = self._state
        return self._parameters.master.copy(), mean.copy(), square.copy()
