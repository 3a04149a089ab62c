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

from .activations import Activation
from .data import InputFormat
from .errors import ExactError
from .grid import DOUBLE, ROUNDABLE, SINGLE, Grid, Sum, digits
from .losses import Loss

# The slope in z that meets narrow inputs. Of 10 to 12 digits none is seen in the
# result; each digit less doubles the rows that one product may have.
NARROW_DELTA = 11
# Fewer digits, or weights on a coarser grid, would be felt.
LEAST_DELTA, LEAST_WEIGHT = 10, 10
LEAST_TILE = 16


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
class BlockPlan:
    """Rows of a weight matrix that are multiplied in one format, 24 or 53 digits.

    `rows` counts the bias, if `bias`; it is the last row, met by an input of 1.
    A product over rows of the batch takes at most `tile` of them.
    """

    digits: int
    rows: int
    bias: bool
    inputs: Grid
    weights: Grid
    tile: int

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
class _Operand:
    """The inputs of a block, as the bounds need them."""

    digits: int
    width: int
    grid: Grid
    row_sum: float
    bias: bool

    @property
    def row_steps(self) -> Fraction:
        """Return the most that a row adds up to, in steps, the bias's 1 included."""
        total = Fraction(self.row_sum) + (1 if self.bias else 0)
        return total * Fraction(2) ** self.grid.exponent

    @property
    def largest_steps(self) -> Fraction:
        """Return the largest input in steps; the bias's 1 counts too."""
        largest = max(self.grid.largest, 1.0 if self.bias else 0.0)
        return Fraction(largest) * Fraction(2) ** self.grid.exponent


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
    operands = _first_operands(inputs)
    plans = []
    for number, dense in enumerate(layers, 1):
        plans.append(_layer(number, dense, operands, batch, narrow_delta))
        grid = dense.activation.outputs
        row_sum = dense.units * grid.largest
        operands = [_Operand(DOUBLE, dense.units, grid, row_sum, True)]
    return Plan(inputs, tuple(plans), loss, batch)


def _first_operands(inputs: InputFormat) -> list[_Operand]:
    """Return the blocks of the inputs; the bias stands with the first of them."""
    result: list[_Operand] = []
    for block in inputs.blocks:
        kind = SINGLE if block is inputs.narrow else DOUBLE
        # The input of the bias, 1, must be a whole number of steps.
        grid = Grid(max(0, block.grid.exponent), block.grid.largest)
        first = not result
        result.append(_Operand(kind, block.width, grid, block.row_sum, first))
    return result


def _layer(
    number: int, dense: Dense, operands: list[_Operand], batch: int, narrow_delta: int
) -> LayerPlan:
    place = f"layer {number}"
    delta = _delta_digits(place, operands, batch, narrow_delta)
    blocks, sums = [], []
    for operand in operands:
        weights = _weight_grid(place, dense, operand, delta, first=number == 1)
        tile = _tile(place, operand, delta, batch)
        blocks.append(
            BlockPlan(
                operand.digits,
                operand.width + operand.bias,
                operand.bias,
                operand.grid,
                weights,
                tile,
            )
        )
        sums += _sums(place, dense, operand, weights, delta, tile, batch, number > 1)
    for each in sums:
        each.require()
    return LayerPlan(dense, tuple(blocks), delta, tuple(sums))


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


def _weight_grid(
    place: str, dense: Dense, operand: _Operand, delta: int, first: bool
) -> Grid:
    """Return the finest grid of weights that all sums with them allow."""
    largest = dense.largest or (8.0 if operand.digits == SINGLE else 64.0)
    bound = Fraction(largest)
    finest = [
        ROUNDABLE - digits(bound),
        operand.digits - digits(operand.row_steps * bound),
    ]
    if not first:
        finest.append(DOUBLE - delta - digits(dense.units * bound))
    exponent = min(finest)
    if exponent < LEAST_WEIGHT:
        raise ExactError(
            f"{place}: {operand.width} inputs of up to {operand.grid.largest:g} leave "
            f"weights steps of 2**-{exponent}, at least 2**-{LEAST_WEIGHT} are needed; "
            "take coarser or wide inputs, fewer units, or weights with a smaller bound"
        )
    return Grid(exponent, largest)


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
    weights: Grid,
    delta: int,
    tile: int,
    batch: int,
    backward: bool,
) -> list[Sum]:
    """Return the sums that one block takes part in."""
    slopes = Fraction(1 << delta)
    kind = "narrow" if operand.digits == SINGLE else "wide"
    name = f"{place}, {kind} block"
    small = "take weights with a smaller bound, or coarser inputs"
    fewer = "take a smaller batch, or coarser inputs"
    result = [
        Sum(
            f"{name}, forward", operand.row_steps * weights.steps, operand.digits, small
        ),
        Sum(
            f"{name}, gradient of {tile} rows",
            tile * operand.largest_steps * slopes,
            operand.digits,
            fewer,
        ),
        Sum(
            f"{name}, gradient of the batch",
            batch * operand.largest_steps * slopes,
            DOUBLE,
            fewer,
        ),
    ]
    if backward:
        steps = dense.units * slopes * weights.steps
        result.append(Sum(f"{name}, backward", steps, DOUBLE, small))
    return result
