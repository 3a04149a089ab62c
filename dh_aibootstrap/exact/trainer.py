# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training, from first weights to the last step.

Its state is the step's number and a few vectors: it can end anywhere, and go on
anywhere else, to the same bits.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from . import philox, selftest
from .backend import Operations
from .checkpoint import State
from .data import Data, Tables
from .errors import ExactError
from .network import Network, Rows
from .optimisers import Optimiser, Step, clipped
from .parallel import Alone, Group
from .parameters import Floats, nearest_single
from .plan import Plan
from .schedules import Schedule

# The loss is looked at in one step of so many: it costs as much as a layer.
WATCH_EVERY = 16

# The streams of random words of epoch 0, 1, ...; first weights have lower ones.
EPOCHS = 1 << 20


@dataclass(frozen=True)
class Recipe:
    """What decides every bit of the result, together with the data.

    `passes` is the number of epochs. `most` is the length at which gradients, means
    over the batch, are clipped; None: they are not.
    """

    plan: Plan
    optimiser: Optimiser
    schedule: Schedule
    passes: int
    seed: int
    most: float | None = None


def _check_inputs(plan: Plan, data: Data) -> None:
    """Raise ExactError for rows that the plan's proof does not speak of."""
    if not plan.inputs.holds(data.inputs.format):
        raise ExactError(
            "inputs are in another format than the plan's: other columns in a block, a "
            "finer grid, a larger bound or row sum; state one format for all data"
        )


@dataclass(frozen=True)
class Report:
    """What some steps met: mean loss of a row, and how many numbers were held back.

    The loss is that of this worker's rows of the steps 0, 16, 32 ... and of the first.
    `activations`, of this worker's rows, and `weights` were outside their format's
    range and set to its edge; many of them mean that a larger `largest` is wanted.
    """

    steps: int
    loss: float
    activations: int
    weights: int

    def __str__(self) -> str:
        held = f"{self.activations} activations and {self.weights} weights held back"
        return f"loss {self.loss:.6f}, {held}"


class Trainer:
    """One net, its data and where its training stands."""

    def __init__(
        self, ops: Operations, recipe: Recipe, data: Data, group: Group | None = None
    ) -> None:
        if data.targets.grid != recipe.plan.target_grid:
            found, wanted = data.targets.grid, recipe.plan.target_grid
            raise ExactError(f"targets are on {found}, the outputs on {wanted}")
        if data.targets.values.shape[1] != recipe.plan.outputs:
            columns = data.targets.values.shape[1]
            raise ExactError(
                f"targets have {columns} columns, the net {recipe.plan.outputs} outputs"
            )
        _check_inputs(recipe.plan, data)
        if len(data) == 0:
            raise ExactError("no rows to train on")
        selftest.require(ops)
        self.ops, self.recipe = ops, recipe
        self.group: Group = group or Alone()
        self.network = Network(ops, recipe.plan)
        self.network.parameters.start(recipe.seed)
        count = recipe.plan.parameters
        self.state = [ops.empty((count,), "single") for _ in recipe.optimiser.moments]
        self.step = 0
        # Weights held back and told; first weights count too.
        self._held = 0
        self._tables = Tables.of(ops, data)
        self._count = len(data)
        self._order: tuple[int, Rows] = (-1, np.zeros(0, np.intp))

    @property
    def steps_per_epoch(self) -> int:
        """Return the steps of one pass; the last may take fewer rows."""
        return -(-self._count // self.recipe.plan.batch)

    @property
    def steps(self) -> int:
        """Return the steps of the whole training."""
        return self.steps_per_epoch * self.recipe.passes

    def run(self, steps: int | None = None) -> Report:
        """Make this many more steps, or all that are left, and say what they met."""
        end = self.steps if steps is None else min(self.steps, self.step + steps)
        loss, activations, rows, first = Fraction(0), 0, 0, self.step
        while self.step < end:
            batch = self._batch()
            share = self.group.share(batch)
            watch = self.step % WATCH_EVERY == 0 or self.step == first
            met = self.network.gradient(self._tables, share, self.group, watch)
            self._update(len(batch))
            activations += met.held
            if watch:
                loss += met.loss
                rows += len(share)
        known, self._held = self._held, self.network.parameters.held
        weights = self._held - known
        mean = float(loss / max(1, rows))
        return Report(self.step - first, mean, activations, weights)

    def _batch(self) -> Rows:
        epoch, place = divmod(self.step, self.steps_per_epoch)
        if self._order[0] != epoch:
            order = philox.permutation(self.recipe.seed, EPOCHS + epoch, self._count)
            self._order = epoch, order
        batch = self.recipe.plan.batch
        return self._order[1][place * batch : (place + 1) * batch]

    def _update(self, rows: int) -> None:
        recipe, parameters = self.recipe, self.network.parameters
        scale = nearest_single(Fraction(1, rows))
        if recipe.most is not None:
            scale = clipped(self.ops, parameters.gradient, scale, recipe.most)
        rate = recipe.schedule.rate(self.step, self.steps)
        self.step += 1
        step = Step(self.step, rate, scale)
        recipe.optimiser.update(self.ops, parameters, self.state, step)

    def weights(self) -> list[tuple[Floats, Floats]]:
        """Return the released weights and biases of each layer."""
        return self.network.parameters.result()

    def predict(self, data: Data) -> npt.NDArray[np.float32]:
        """Return the outputs (n, outputs) for the inputs of other data.

        How many numbers were held back is not told.
        """
        _check_inputs(self.recipe.plan, data)
        tables, batch = Tables.of(self.ops, data), self.recipe.plan.batch
        parts = [
            self.network.predict(
                tables, np.arange(start, min(start + batch, len(data)))
            )
            for start in range(0, len(data), batch)
        ]
        return np.concatenate(
            [np.zeros((0, self.recipe.plan.outputs), np.float32), *parts]
        )

    def checkpoint(self, recipe: str) -> State:
        """Return the whole state; `recipe` is whatever names this training."""
        names = ("master", *self.recipe.optimiser.moments)
        vectors = (self.network.parameters.master, *self.state)
        arrays = {n: np.array(self.ops.host(v)) for n, v in zip(names, vectors)}
        return State(recipe, self.step, arrays)

    def resume(self, state: State) -> None:
        """Go on from a state; ExactError unless it is of this training's shape."""
        names = ["master", *self.recipe.optimiser.moments]
        vectors = [self.network.parameters.master, *self.state]
        shapes = [array.shape for array in state.arrays.values()]
        if list(state.arrays) != names or shapes != [tuple(v.shape) for v in vectors]:
            expected = f"{names} of {len(vectors[0])} numbers each"
            raise ExactError(
                f"a checkpoint of {list(state.arrays)}: expected {expected}"
            )
        if not all(np.isfinite(array).all() for array in state.arrays.values()):
            raise ExactError("a checkpoint with numbers that are not finite")
        if state.step > self.steps:
            found = f"a checkpoint after step {state.step}"
            raise ExactError(f"{found} of a training of {self.steps} steps")
        for vector, array in zip(vectors, state.arrays.values()):
            self.ops.copy(self.ops.array(array), vector)
        self._held = self.network.parameters.held
        self.network.parameters.round()
        self.step = state.step

    def digest(self) -> str:
        """Return the SHA-256 of released weights, master weights and moments."""
        digest = hashlib.sha256()
        for weights, biases in self.weights():
            digest.update(weights.astype("<f4").tobytes())
            digest.update(biases.astype("<f4").tobytes())
        for vector in (self.network.parameters.master, *self.state):
            digest.update(self.ops.host(vector).astype("<f4").tobytes())
        return digest.hexdigest()
