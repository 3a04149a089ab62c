# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which formats a net computes in, chosen so that every sum is exact, and the proof.

For each layer three kinds of sums are taken:

    forward   z[r, j]  = sum over inputs i   of  x[r, i] w[i, j]
    backward  dx[r, i] = sum over units j    of  d[r, j] w[i, j]
    gradient  G[i, j]  = sum over rows r     of  x[r, i] d[r, j]

x lies on the grid of the inputs or of the layer below. w is the master weight,
rounded to a grid of its own. d is the slope in z, held in `delta_digits` binary
digits: multiples of 2**-k up to 2**(delta_digits - k), where k is chosen anew for
each step from the largest |d| of the whole batch, so that none is held back. A
largest number does not depend on an order, and the workers agree on it.

plan() chooses the finest grids that leave each sum exact, and keeps the sums with
their digits: `for line in plan.proof()` is the table of all bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Iterator

import numpy as np

from .activations import Activation, Softmax
from .data import Block, Columns, InputFormat
from .errors import ExactError
from .grid import (
    DOUBLE,
    ROUNDABLE,
    SINGLE,
    Grid,
    Sum,
    digits,
    require_power_of_two,
)
from .losses import Loss

# The slope in z that meets narrow inputs. Of 10 to 12 digits none is seen in the
# result; each digit less doubles the rows that one product may have.
NARROW_DELTA = 10
# Weights in steps of 2**-10 made the error of a net for backgammon 0.8 % larger.
LEAST_DELTA, LEAST_WEIGHT = 10, 12
LEAST_TILE = 16
# See STEEPEST in network.py.
LARGEST_INPUT = 512.0


@dataclass(frozen=True)
class Dense:
    """A layer of `units` with an activation; weights are held within +-`largest`.

    `largest` is a power of two; None: 8 for weights of narrow inputs, else 64.
    `spread` is the magnitude up to which first weights are drawn, biases being 0;
    None: sqrt(6 / (inputs + units)), Glorot and Bengio 2010, equation 16.
    """

    units: int
    activation: Activation
    largest: float | None = None
    spread: float | None = None


@dataclass(frozen=True)
class Group:
    """Rows of a weight matrix on one grid, and the grid of the inputs that meet them.

    The bias is a group of one row, met by an input of 1; its `columns` is None, else
    these are the places of its rows among the inputs of the layer. `unit` is what an
    input of 1 in memory stands for: the first layer's are held in steps.
    """

    rows: int
    inputs: Grid
    weights: Grid
    columns: Columns | None
    unit: float


@dataclass(frozen=True)
class BlockPlan:
    """Rows of a weight matrix that are multiplied in one format, 24 or 53 digits.

    A product over rows of the batch takes at most `tile` of them.
    """

    digits: int
    groups: tuple[Group, ...]
    tile: int

    @property
    def rows(self) -> int:
        """Return the rows of the weight matrix, the bias included."""
        return sum(group.rows for group in self.groups)

    @property
    def bias(self) -> bool:
        """Return whether the last row is the bias."""
        return self.groups[-1].columns is None

    @property
    def single(self) -> bool:
        """Return whether binary32 holds the sums."""
        return self.digits == SINGLE


@dataclass(frozen=True)
class LayerPlan:
    """The formats of one layer, and the sums that they make exact."""

    dense: Dense
    blocks: tuple[BlockPlan, ...]
    delta_digits: int
    sums: tuple[Sum, ...]


@dataclass(frozen=True)
class Plan:
    """A net, the formats it computes in, its loss and the largest batch."""

    inputs: InputFormat
    layers: tuple[LayerPlan, ...]
    loss: Loss
    batch: int

    @property
    def outputs(self) -> int:
        """Return the number of outputs."""
        return self.layers[-1].dense.units

    @property
    def target_grid(self) -> Grid:
        """Return the grid that targets are on: that of the outputs."""
        return self.layers[-1].dense.activation.outputs

    @property
    def parameters(self) -> int:
        """Return the number of weights and biases."""
        return sum(b.rows * lay.dense.units for lay in self.layers for b in lay.blocks)

    def proof(self) -> Iterator[str]:
        """Yield a line for each sum: what, the digits it needs, the digits it has."""
        for layer in self.layers:
            for each in layer.sums:
                yield f"{each.place}: {each.needed} of {each.available} digits"


@dataclass(frozen=True)
class _Part:
    """Some inputs of a product, as the bounds need them; the bias has no columns."""

    columns: Columns | None
    grid: Grid
    row_sum: float
    unit: float = 1.0

    @property
    def steps(self) -> Fraction:
        """Return the largest input in steps."""
        return self.grid.steps

    @property
    def rows(self) -> int:
        """Return the number of inputs."""
        return 1 if self.columns is None else len(self.columns)


def _with_bias(parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
    """Return the parts and the input of 1 that meets the bias, on the coarsest grid."""
    # 1 is a whole number of steps only of grids of 2**0 and finer.
    exponent = max(0, min(part.grid.exponent for part in parts))
    return (*parts, _Part(None, Grid(exponent, 1.0), 1.0))


@dataclass(frozen=True)
class _Operand:
    """All inputs of one product."""

    digits: int
    parts: tuple[_Part, ...]

    @property
    def row_sum(self) -> Fraction:
        """Return the most that the magnitudes of a row add up to."""
        return sum((Fraction(part.row_sum) for part in self.parts), Fraction(0))

    @property
    def largest_steps(self) -> Fraction:
        """Return the largest input, in steps of its grid."""
        return max(part.steps for part in self.parts)

    @property
    def coarsest(self) -> int:
        """Return the exponent of the coarsest grid."""
        return min(part.grid.exponent for part in self.parts)


def plan(
    inputs: InputFormat,
    layers: tuple[Dense, ...],
    loss: Loss,
    batch: int,
    narrow_delta: int = NARROW_DELTA,
) -> Plan:
    """Return the formats of a net; ExactError names the sum that cannot be exact."""
    if batch < 1 or not layers:
        raise ExactError("a net needs a layer, and a batch a row")
    loss.check(layers[-1].activation)
    for number, dense in enumerate(layers[:-1], 1):
        if isinstance(dense.activation, Softmax):
            raise ExactError("Softmax is for the last layer")
        _check_inputs(f"layer {number}: outputs", dense.activation.outputs)
    operands = _first_operands(inputs)
    plans = []
    for number, dense in enumerate(layers, 1):
        plans.append(_layer(number, dense, operands, batch, narrow_delta))
        operands = [_between(dense)]
    return Plan(inputs, tuple(plans), loss, batch)


def _first_operands(inputs: InputFormat) -> list[_Operand]:
    """Return the products of the first layer; the bias stands in the first one."""
    for block in inputs.blocks:
        _check_inputs("inputs", block.grid)
    narrow = tuple(_first_part(block) for block in inputs.narrow)
    result = [_Operand(SINGLE, _with_bias(narrow))] if narrow else []
    if inputs.wide is not None:
        wide = _first_part(inputs.wide)
        result.append(_Operand(DOUBLE, (wide,) if narrow else _with_bias((wide,))))
    return result


def _check_inputs(name: str, grid: Grid) -> None:
    """Raise ExactError where numbers that go into a layer may be too large."""
    if grid.largest > LARGEST_INPUT:
        raise ExactError(
            f"{name} of up to {grid.largest:g}, at most {LARGEST_INPUT:g} can be; "
            "scale them down"
        )


def _first_part(block: Block) -> _Part:
    """Return a block of inputs, which are held in steps of their grid."""
    step = 2.0**-block.grid.exponent
    return _Part(block.columns, block.grid, block.row_sum, step)


def _between(dense: Dense) -> _Operand:
    """Return the product that takes a layer's outputs."""
    grid = dense.activation.outputs
    part = _Part(np.arange(dense.units), grid, dense.units * grid.largest)
    return _Operand(DOUBLE, _with_bias((part,)))


def _layer(
    number: int, dense: Dense, operands: list[_Operand], batch: int, narrow_delta: int
) -> LayerPlan:
    place = f"layer {number}"
    delta = _delta_digits(place, operands, batch, narrow_delta)
    blocks, sums = [], []
    for operand in operands:
        largest = dense.largest or (8.0 if operand.digits == SINGLE else 64.0)
        _check_bounds(place, dense, largest)
        steps = _product_steps(dense, operand, largest, delta, first=number == 1)
        groups = tuple(
            _group(place, part, Grid(steps - part.grid.exponent, largest))
            for part in operand.parts
        )
        tile = _tile(place, operand, delta, batch)
        blocks.append(BlockPlan(operand.digits, groups, tile))
        sums += _sums(place, dense, operand, blocks[-1], delta, batch, number > 1)
    for each in sums:
        each.require()
    return LayerPlan(dense, tuple(blocks), delta, tuple(sums))


def _check_bounds(place: str, dense: Dense, largest: float) -> None:
    """Raise ExactError for a bound that is none, and for first weights beyond it."""
    require_power_of_two(f"{place}: largest", largest)
    if dense.spread is not None and not 0 <= dense.spread <= largest:
        raise ExactError(
            f"{place}: spread is {dense.spread:g}, first weights would be held back at "
            f"{largest:g}; take a smaller spread, or state a larger bound"
        )


def _delta_digits(
    place: str, operands: list[_Operand], batch: int, narrow_delta: int
) -> int:
    """Return the digits of d: the gradient of the whole batch fits 53 digits."""
    available = [DOUBLE - digits(batch * o.largest_steps) for o in operands]
    if any(o.digits == SINGLE for o in operands):
        available.append(narrow_delta)
    result = min(ROUNDABLE, *available)
    if result < LEAST_DELTA:
        raise ExactError(
            f"{place}: a batch of {batch} leaves {result} digits for the slopes, at "
            f"least {LEAST_DELTA} are needed; take a smaller batch or coarser inputs"
        )
    return result


def _product_steps(
    dense: Dense, operand: _Operand, largest: float, delta: int, first: bool
) -> int:
    """Return p: all products x w are multiples of 2**-p, as fine as all sums allow.

    Inputs on a grid of 2**-g then have weights on one of 2**-(p - g).
    """
    bound = Fraction(largest)
    finest = [
        # The finest weights, those of the coarsest inputs, are rounded in binary32.
        ROUNDABLE - digits(bound) + operand.coarsest,
        operand.digits - digits(operand.row_sum * bound),
    ]
    if not first:
        finest.append(DOUBLE - delta - digits(dense.units * bound) + operand.coarsest)
    return min(finest)


def _group(place: str, part: _Part, weights: Grid) -> Group:
    """Return the group of some inputs; ExactError for weights in too large steps."""
    if weights.exponent < LEAST_WEIGHT:
        raise ExactError(
            f"{place}: {part.rows} inputs in steps of 2**{-part.grid.exponent} leave "
            f"weights steps of 2**{-weights.exponent}, at least 2**-{LEAST_WEIGHT} are "
            "needed; take coarser or wide inputs, or weights with a smaller bound"
        )
    return Group(part.rows, part.grid, weights, part.columns, part.unit)


def _tile(place: str, operand: _Operand, delta: int, batch: int) -> int:
    """Return how many rows of a batch one product for the gradient may take."""
    if operand.digits == DOUBLE:
        return batch
    rows = (1 << SINGLE) // int(operand.largest_steps * (1 << delta))
    if rows < LEAST_TILE:
        raise ExactError(
            f"{place}: narrow inputs of up to {int(operand.largest_steps)} steps allow "
            f"products of {rows} rows, fewer than {LEAST_TILE}; make them wide"
        )
    return min(rows, batch)


def _sums(
    place: str,
    dense: Dense,
    operand: _Operand,
    block: BlockPlan,
    delta: int,
    batch: int,
    backward: bool,
) -> list[Sum]:
    """Return the sums that one block takes part in."""
    slopes = Fraction(1 << delta)
    name = f"{place}, {'narrow' if block.single else 'wide'}"
    small = "take weights with a smaller bound, or coarser inputs"
    fewer = "take a smaller batch, or coarser inputs"
    first = block.groups[0]
    step = Fraction(2) ** (first.inputs.exponent + first.weights.exponent)
    forward = operand.row_sum * Fraction(first.weights.largest) * step
    largest = operand.largest_steps
    result = [
        Sum(f"{name}, forward", forward, operand.digits, small),
        Sum(
            f"{name}, gradient of {block.tile} rows",
            block.tile * largest * slopes,
            operand.digits,
            fewer,
        ),
        Sum(f"{name}, gradient of the batch", batch * largest * slopes, DOUBLE, fewer),
    ]
    if backward:
        steps = (
            dense.units * slopes * max(group.weights.steps for group in block.groups)
        )
        result.append(Sum(f"{name}, backward", steps, DOUBLE, small))
    return result
