# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of a net: master weights, what products use of them, and gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Iterator

import numpy as np
import numpy.typing as npt

from . import philox
from .backend import Array, Operations
from .grid import rounding
from .plan import BlockPlan, LayerPlan, Plan

Floats = npt.NDArray[np.float32]

# The streams of random words: the layers' first weights begin here, epochs later.
FIRST_WEIGHTS = 1000
_CONTEXT = Context(prec=40)


def nearest_single(value: Fraction | Decimal | int | float) -> float:
    """Return a number rounded to binary64, then to binary32, as a Python float.

    By integer arithmetic throughout: the registers of an x87 do not enter.
    """
    return float(np.float32(float(value)))


def root(value: Fraction) -> Decimal:
    """Return the square root to 40 decimal digits."""
    quotient = _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))
    return _CONTEXT.sqrt(quotient)


@dataclass(frozen=True)
class Piece:
    """Where a block lies in the flat vector of all parameters."""

    layer: int
    block: int
    start: int
    rows: int
    units: int

    @property
    def stop(self) -> int:
        """Return where the next block begins."""
        return self.start + self.rows * self.units

    def of(self, flat: Array) -> Array:
        """Return the block as a matrix (rows, units), a view of the flat vector."""
        return flat[self.start : self.stop].reshape(self.rows, self.units)


def pieces(plan: Plan) -> Iterator[Piece]:
    """Yield the blocks of all layers in the order of the flat vector."""
    start = 0
    for number, layer in enumerate(plan.layers):
        for index, block in enumerate(layer.blocks):
            piece = Piece(number, index, start, block.rows, layer.dense.units)
            yield piece
            start = piece.stop


class Parameters:
    """Master weights (binary32, flat), their rounded copies by layer and block.

    `used[layer][block]` is what every product takes, and what is released: on the
    block's grid, binary32 or binary64 as its products are. `gradient` is flat and
    binary64. `held` counts master weights that were held at their bound.
    """

    def __init__(self, ops: Operations, plan: Plan) -> None:
        self.ops, self.plan = ops, plan
        self.master = ops.empty((plan.parameters,), "single")
        self.gradient = ops.empty((plan.parameters,), "double")
        self.pieces = tuple(pieces(plan))
        self.held = 0
        self.used: list[list[Array]] = [[] for _ in plan.layers]
        for piece in self.pieces:
            block = self._block(piece)
            kind = "single" if block.single else "double"
            self.used[piece.layer].append(ops.empty((piece.rows, piece.units), kind))
        largest = max((p.rows * p.units for p in self.pieces), default=0)
        self._work = ops.empty((largest,), "single")

    def _block(self, piece: Piece) -> BlockPlan:
        return self.plan.layers[piece.layer].blocks[piece.block]

    def start(self, seed: int) -> None:
        """Draw the first weights of every layer; biases are 0."""
        matrices = []
        for number, layer in enumerate(self.plan.layers):
            inputs = sum(block.rows - block.bias for block in layer.blocks)
            spread = nearest_single(_spread(layer, inputs))
            units = layer.dense.units
            drawn = philox.uniform(seed, FIRST_WEIGHTS + number, inputs * units)
            weights = (drawn * np.float32(spread)).reshape(inputs, units)
            matrices.append((weights, np.zeros(units, np.float32)))
        self.assign(matrices)

    def assign(self, layers: list[tuple[Floats, Floats]]) -> None:
        """Set each layer's master weights (inputs, units) and biases (units,)."""
        flat = np.zeros(self.plan.parameters, np.float32)
        for piece in self.pieces:
            weights, biases = layers[piece.layer]
            target, bias = piece.of(flat), self._block(piece).bias
            target[: piece.rows - bias] = weights[self._columns(piece)]
            if bias:
                target[-1] = biases
        self.ops.copy(self.ops.array(flat), self.master)
        self.round()

    def result(self) -> list[tuple[Floats, Floats]]:
        """Return for each layer the weights (inputs, units) and biases, as released."""
        layers = [
            (
                np.zeros((_inputs(layer), layer.dense.units), np.float32),
                np.zeros(layer.dense.units, np.float32),
            )
            for layer in self.plan.layers
        ]
        for piece in self.pieces:
            used = self.ops.host(self.used[piece.layer][piece.block])
            weights, biases = layers[piece.layer]
            bias = self._block(piece).bias
            weights[self._columns(piece)] = used[: piece.rows - bias]
            if bias:
                biases[:] = used[-1]
        return layers

    def _columns(self, piece: Piece) -> npt.NDArray[np.intp]:
        if piece.layer == 0:
            return self.plan.inputs.blocks[piece.block].columns
        return np.arange(piece.rows - self._block(piece).bias)

    def round(self) -> None:
        """Hold the master weights within their bounds and round the used ones anew."""
        ops = self.ops
        for piece in self.pieces:
            weights = self._block(piece).weights
            master = self.master[piece.start : piece.stop]
            if ops.largest(master) > weights.largest:
                self.held += ops.above(master, weights.largest)
                ops.at_most(master, weights.largest, master)
                ops.at_least(master, -weights.largest, master)
            work = self._work[: piece.stop - piece.start]
            ops.add(master, weights.magic, work)
            ops.subtract(work, weights.magic, work)
            used = self.used[piece.layer][piece.block]
            ops.copy(work.reshape(piece.rows, piece.units), used)


def _inputs(layer: LayerPlan) -> int:
    return sum(block.rows - block.bias for block in layer.blocks)


def _spread(layer: LayerPlan, inputs: int) -> Decimal | float:
    if layer.dense.spread is not None:
        return layer.dense.spread
    return root(Fraction(6, inputs + layer.dense.units))


def delta_exponent(largest: float, digits: int) -> int:
    """Return k: rounding to 2**-k leaves |d| <= largest with at most 2**digits steps.

    2**(e - 1) <= largest < 2**e gives k = digits - e. Slopes below 2**-60 are as good
    as none, and must not lead k beyond the exponents of binary32.
    """
    _, exponent = math.frexp(largest)
    return digits - max(exponent, -60)


def delta_magic(largest: float, digits: int) -> float:
    """Return the M of Grid.magic that rounds slopes up to `largest`."""
    return rounding(delta_exponent(largest, digits))
