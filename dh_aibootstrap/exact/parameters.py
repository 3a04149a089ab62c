# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of a net: master weights, what products use of them, and gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Iterator

import numpy as np
import numpy.typing as npt

from . import philox
from .backend import Array, Operations
from .elementary import hold, round_to
from .errors import ExactError
from .grid import SINGLE, rounding
from .plan import Group, LayerPlan, Plan

Floats = npt.NDArray[np.float32]

# The streams of random words: the layers' first weights begin here, epochs later.
FIRST_WEIGHTS = 1000
# Numbers handled together: what an update needs of them fits a cache.
PIECE = 65536
_CONTEXT = Context(prec=40)


@lru_cache(maxsize=1024)
def nearest_single(value: Fraction | Decimal | int | float) -> float:
    """Return a number rounded to binary32, ties to even, as a Python float.

    By integer arithmetic throughout: float() of a fraction divides, which an x87
    rounds twice.
    """
    above, below = value.as_integer_ratio()
    size = abs(above)
    # Steps of 2**-fine leave 24 or 25 digits; the smallest of all are 2**-149.
    fine = 24 - (size.bit_length() - below.bit_length())
    if size << max(0, fine) >= (below << max(0, -fine)) << SINGLE:
        fine -= 1
    fine = min(fine, 149)
    whole, rest = divmod(size << max(0, fine), below << max(0, -fine))
    twice = 2 * rest - (below << max(0, -fine))
    whole += twice > 0 or (twice == 0 and whole & 1)
    nearest = math.ldexp(whole, -fine)
    return -nearest if above < 0 else nearest


def root(value: Fraction) -> Decimal:
    """Return the square root to 40 decimal digits."""
    quotient = _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))
    return _CONTEXT.sqrt(quotient)


@dataclass(frozen=True)
class Piece:
    """Where a group of rows lies in the flat vector of all parameters."""

    layer: int
    block: int
    # The first of its rows in the block's matrix.
    row: int
    start: int
    units: int
    group: Group

    @property
    def stop(self) -> int:
        """Return where the next group begins."""
        return self.start + self.group.rows * self.units

    def of(self, flat: Array) -> Array:
        """Return the group as a matrix (rows, units), a view of the flat vector."""
        return flat[self.start : self.stop].reshape(self.group.rows, self.units)


def pieces(plan: Plan) -> Iterator[Piece]:
    """Yield the groups of all blocks of all layers in the order of the flat vector."""
    start = 0
    for number, layer in enumerate(plan.layers):
        for index, block in enumerate(layer.blocks):
            row = 0
            for group in block.groups:
                piece = Piece(number, index, row, start, layer.dense.units, group)
                yield piece
                start, row = piece.stop, row + group.rows


class Parameters:
    """Master weights (binary32, flat), their rounded copies by layer and block.

    `used[layer][block]` is what every product takes: on the grids of its groups, times
    the unit of their inputs, binary32 or binary64 as its products are. `gradient` is
    flat and binary64. `held` counts master weights that were held at their bound.
    """

    def __init__(self, ops: Operations, plan: Plan) -> None:
        self.ops, self.plan = ops, plan
        self.master = ops.empty((plan.parameters,), "single")
        self.gradient = ops.empty((plan.parameters,), "double")
        self.pieces = tuple(pieces(plan))
        self.held = 0
        self._scratch: list[Array] = []
        # By layer and block: what products use, and the gradient as a matrix.
        self.used: list[list[Array]] = []
        self.gradients: list[list[Array]] = []
        start = 0
        for layer in plan.layers:
            self.used.append([])
            self.gradients.append([])
            for block in layer.blocks:
                shape = block.rows, layer.dense.units
                kind = "single" if block.single else "double"
                self.used[-1].append(ops.empty(shape, kind))
                stop = start + block.rows * layer.dense.units
                self.gradients[-1].append(self.gradient[start:stop].reshape(shape))
                start = stop

    def start(self, seed: int) -> None:
        """Draw the first weights of every layer; biases are 0."""
        matrices = []
        for number, layer in enumerate(self.plan.layers):
            inputs = _inputs(layer)
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
            columns = piece.group.columns
            piece.of(flat)[:] = biases if columns is None else weights[columns]
        if not np.isfinite(flat).all():
            raise ExactError("weights: a number that is not finite")
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
            used = self.ops.host(self._used(piece))
            weights, biases = layers[piece.layer]
            if piece.group.columns is None:
                biases[:] = used[0]
            else:
                unit = used.dtype.type(piece.group.unit)
                weights[piece.group.columns] = used / unit
        return layers

    def _used(self, piece: Piece) -> Array:
        rows = slice(piece.row, piece.row + piece.group.rows)
        return self.used[piece.layer][piece.block][rows]

    def scratch(self, count: int) -> list[Array]:
        """Return `count` binary32 vectors of up to PIECE numbers, for reuse."""
        size = min(PIECE, self.plan.parameters)
        while len(self._scratch) < count:
            self._scratch.append(self.ops.empty((size,), "single"))
        return self._scratch[:count]

    def scale_gradient(self) -> None:
        """Turn slopes for inputs in steps into slopes for inputs, exactly."""
        for piece in self.pieces:
            if piece.group.unit != 1.0:
                part = self.gradient[piece.start : piece.stop]
                self.ops.multiply(part, piece.group.unit, part)

    def round(self) -> None:
        """Hold the master weights within their bounds and round the used ones anew."""
        (work,) = self.scratch(1)
        for piece in self.pieces:
            weights, used = piece.group.weights, self._used(piece).reshape(-1)
            for start in range(piece.start, piece.stop, PIECE):
                stop = min(start + PIECE, piece.stop)
                master, rounded = self.master[start:stop], work[: stop - start]
                self.held += hold(self.ops, master, weights.largest)
                round_to(self.ops, master, weights.magic, rounded)
                if piece.group.unit != 1.0:
                    self.ops.multiply(rounded, piece.group.unit, rounded)
                place = slice(start - piece.start, stop - piece.start)
                self.ops.copy(rounded, used[place])


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
