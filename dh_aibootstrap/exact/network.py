# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A net's outputs, and the gradient of a batch as exact sums.

The batch is gone through in pieces that fit a cache; since every sum over rows is
exact, the pieces, and the share of the batch that a worker takes, leave no trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from .backend import Array, Operations
from .data import Tables
from .elementary import round_to
from .errors import ExactError
from .parallel import Group, cut
from .parameters import Parameters, delta_magic
from .plan import BlockPlan, Plan

Rows = npt.NDArray[np.intp]

# Slopes up to 2**40 times inputs up to 2**9 leave squares of gradients below 1e30,
# where Adam's root ends; training diverged long before.
STEEPEST = 2.0**40


@dataclass(frozen=True)
class Met:
    """What one gradient met: the loss of the local rows, if asked, and held sums."""

    loss: Fraction
    held: int


class _Layer:
    """The arrays of one layer for `rows` rows of a batch."""

    def __init__(self, ops: Operations, plan: Plan, number: int, rows: int) -> None:
        layer = plan.layers[number]
        piece = min(rows, ops.rows)
        units = layer.dense.units
        self.plan = layer
        self.y = ops.empty((rows, units), "single")
        self.delta = ops.empty((rows, units), "single")
        # Scratch for one piece: sums, functions, and the slopes in binary64.
        self.sums = ops.empty((piece, units), "double")
        self.z, self.a, self.b = (ops.empty((piece, units), "single") for _ in range(3))
        self.products = [
            ops.empty(
                (units, b.rows) if b.rows < units else (b.rows, units),
                "single" if b.single else "double",
            )
            for b in layer.blocks
        ]


class _Operand:
    """The inputs of one block for `rows` rows; a bias has a last column of ones."""

    def __init__(self, ops: Operations, block: BlockPlan, rows: int) -> None:
        self.x = ops.empty((rows, block.rows), "single" if block.single else "double")
        # A view for each group, in its order; that of the bias is set for good.
        self.groups: list[Array] = []
        start = 0
        for group in block.groups:
            self.groups.append(self.x[:, start : start + group.rows])
            start += group.rows
        if block.bias:
            self.groups.pop()[:] = 1.0


class Network:
    """A net in the formats of its plan, computing with one backend."""

    def __init__(self, ops: Operations, plan: Plan) -> None:
        self.ops, self.plan = ops, plan
        self.parameters = Parameters(ops, plan)
        self._rows = 0

    def _make_room(self, rows: int) -> None:
        """Allocate for this many rows, once for the largest batch met."""
        if rows <= self._rows:
            return
        ops, plan = self.ops, self.plan
        self._rows = rows
        piece = min(rows, ops.rows)
        self._layers = [_Layer(ops, plan, n, rows) for n in range(len(plan.layers))]
        self._inputs = [_Operand(ops, b, rows) for b in plan.layers[0].blocks]
        self._between = [
            _Operand(ops, layer.blocks[0], piece) for layer in plan.layers[1:]
        ]
        self._targets = ops.empty((rows, plan.outputs), "single")
        self._mask = ops.empty((rows, plan.outputs), "single")

    def predict(self, tables: Tables, rows: Rows) -> npt.NDArray[np.float32]:
        """Return the outputs of these rows, (n, outputs), on the grid of the last."""
        self._make_room(len(rows))
        self._gather_inputs(tables, rows)
        for start in range(0, len(rows), self.ops.rows):
            self._forward(start, min(start + self.ops.rows, len(rows)))
        return self.outputs(len(rows))

    def outputs(self, count: int) -> npt.NDArray[np.float32]:
        """Return the outputs (count, outputs) that the last gradient came from."""
        return np.array(self.ops.host(self._layers[-1].y[:count]))

    def gradient(
        self, tables: Tables, rows: Rows, group: Group, watch: bool = True
    ) -> Met:
        """Leave in `parameters.gradient` the sum of slopes over the group's rows.

        `rows` are this worker's own; `watch` asks for their loss. Raises ExactError
        for more rows than were planned for, and where a slope is not finite or beyond
        STEEPEST.
        """
        ops, count = self.ops, len(rows)
        if count > self.plan.batch:
            raise ExactError(
                f"a batch of {count} rows, the plan proves sums of {self.plan.batch}; "
                "plan for a larger batch"
            )
        self._make_room(max(count, 1))
        self._gather_inputs(tables, rows)
        ops.gather(tables.targets, rows, self._targets[:count])
        if tables.mask is not None:
            ops.gather(tables.mask, rows, self._mask[:count])
        loss, held = Fraction(0), 0
        for start in range(0, count, ops.rows):
            stop = min(start + ops.rows, count)
            held += self._forward(start, stop)
            self._output_delta(start, stop, tables.mask is not None)
            if watch:
                loss += self._loss(start, stop, tables.mask is not None)
        ops.clear(self.parameters.gradient)
        for number in reversed(range(len(self._layers))):
            self._backward(number, count, group)
        group.total(ops, self.parameters.gradient)
        self.parameters.scale_gradient()
        return Met(loss, held)

    def _gather_inputs(self, tables: Tables, rows: Rows) -> None:
        count = len(rows)
        groups = [group for operand in self._inputs for group in operand.groups]
        for group, matrix in zip(groups, tables.matrices, strict=True):
            self.ops.gather(matrix, rows, group[:count])

    def _operands(self, number: int, start: int, stop: int) -> list[Array]:
        """Return the inputs of a layer for a piece of the batch, block by block."""
        if number == 0:
            return [operand.x[start:stop] for operand in self._inputs]
        operand = self._between[number - 1]
        outputs = self._layers[number - 1].y[start:stop]
        self.ops.copy(outputs, operand.groups[0][: stop - start])
        return [operand.x[: stop - start]]

    def _forward(self, start: int, stop: int) -> int:
        """Set y of all layers for a piece of the batch; return how many were held."""
        ops, held, count = self.ops, 0, stop - start
        for number, layer in enumerate(self._layers):
            z, sums = layer.z[:count], layer.sums[:count]
            used = self.parameters.used[number]
            target = z
            for block, x, w in zip(
                layer.plan.blocks, self._operands(number, start, stop), used
            ):
                # Each block's sum is exact and rounded to binary32 once; two blocks
                # are then added, the narrow one first.
                if block.single:
                    ops.matmul(x, w, z)
                    target = layer.a[:count]
                else:
                    ops.matmul(x, w, sums)
                    ops.copy(sums, target)
                    if target is not z:
                        ops.add(z, target, z)
            work = layer.a[:count], layer.b[:count]
            held += layer.plan.dense.activation.apply(ops, z, layer.y[start:stop], work)
        return held

    def _output_delta(self, start: int, stop: int, masked: bool) -> None:
        """Set the last layer's slopes for a piece of the batch."""
        layer = self._layers[-1]
        y, t = layer.y[start:stop], self._targets[start:stop]
        delta = layer.delta[start:stop]
        last = layer.plan.dense.activation
        self.plan.loss.delta(self.ops, last, y, t, delta)
        if masked:
            self.ops.multiply(delta, self._mask[start:stop], delta)

    def _loss(self, start: int, stop: int, masked: bool) -> Fraction:
        """Return the loss of a piece of the batch."""
        layer = self._layers[-1]
        mask = self._mask[start:stop] if masked else None
        y, t = layer.y[start:stop], self._targets[start:stop]
        last = layer.plan.dense.activation
        return self.plan.loss.value(self.ops, last, y, t, mask)

    def _backward(self, number: int, count: int, group: Group) -> None:
        """Add a layer's gradient, and set the slopes of the layer below."""
        ops, layer = self.ops, self._layers[number]
        largest = group.largest(ops.largest(layer.delta[:count]))
        if not largest <= STEEPEST:
            raise ExactError(
                f"layer {number + 1}: a slope of {largest:g}, at most {STEEPEST:g} can "
                "be learnt from; take weights or outputs with a smaller bound"
            )
        magic = delta_magic(largest, layer.plan.delta_digits)
        for start in range(0, count, ops.rows):
            stop = min(start + ops.rows, count)
            delta = layer.delta[start:stop]
            round_to(ops, delta, magic, delta)
            wide = layer.sums[: stop - start]
            if number > 0 or not all(b.single for b in layer.plan.blocks):
                ops.copy(delta, wide)
            self._add_gradient(number, start, stop, wide)
            if number > 0:
                self._delta_below(number, start, stop, wide)

    def _add_gradient(self, number: int, start: int, stop: int, wide: Array) -> None:
        """Add the products of a piece's inputs and slopes to the gradient."""
        ops, layer, parameters = self.ops, self._layers[number], self.parameters
        operands = self._operands(number, start, stop)
        for total, block, x, product in zip(
            parameters.gradients[number], layer.plan.blocks, operands, layer.products
        ):
            delta = layer.delta[start:stop] if block.single else wide
            tiles = -(-(stop - start) // block.tile)
            for tile in range(tiles):
                rows = slice(*cut(stop - start, tile, tiles))
                if block.rows < layer.plan.dense.units:
                    # OpenBLAS takes a quarter less time for fewer columns than rows.
                    ops.matmul(ops.transpose(delta[rows]), x[rows], product)
                    turned = ops.transpose(total)
                    ops.add(turned, product, turned)
                else:
                    ops.matmul(ops.transpose(x[rows]), delta[rows], product)
                    ops.add(total, product, total)

    def _delta_below(self, number: int, start: int, stop: int, wide: Array) -> None:
        """Set the slopes of the layer below for a piece of the batch."""
        ops, below = self.ops, self._layers[number - 1]
        weights = self.parameters.used[number][0][:-1]
        back, count = below.sums[: stop - start], stop - start
        ops.matmul(wide, ops.transpose(weights), back)
        delta = below.delta[start:stop]
        ops.copy(back, delta)
        work = below.a[:count], below.b[:count]
        below.plan.dense.activation.slope(ops, below.y[start:stop], delta, work)
