# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data on their grids: inputs in a few blocks of columns, and targets.

Columns of small whole numbers (0 or 1, counts, halves) are *narrow*: their products
with weights fit the 24 digits of binary32, so that one fast multiplication does for
them. All others are *wide* and go through binary64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .backend import Array, Operations
from .errors import ExactError
from .grid import Grid

Matrix = npt.NDArray[Any]
Columns = npt.NDArray[np.intp]

# Wide inputs: 2**-12 up to 64. Narrow ones: at most 16 steps, as many as leave room.
WIDE = Grid(12, 64.0)
_NARROW_STEPS = 16
_PIECE = 65536


@dataclass(frozen=True)
class Block:
    """The format of some columns: which, their grid, and the most a row adds up to.

    `columns` are places in the row as the user has it. `row_sum` is the largest sum
    of magnitudes over a row, which the proof of the forward product rests on.
    """

    columns: Columns
    grid: Grid
    row_sum: float

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return len(self.columns)


@dataclass(frozen=True)
class InputFormat:
    """How the inputs are held: narrow blocks, one for each of their grids, and wide.

    All narrow blocks go through one product in binary32; the finer the grid of a
    block is, the coarser are the weights of its columns.
    """

    narrow: tuple[Block, ...]
    wide: Block | None

    def __post_init__(self) -> None:
        places = sorted(int(c) for block in self.blocks for c in block.columns)
        if not places or places != list(range(len(places))):
            raise ExactError("inputs: every column belongs to one block, each to one")

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks there are, the wide one last."""
        return self.narrow + (() if self.wide is None else (self.wide,))

    @property
    def width(self) -> int:
        """Return the number of columns of the user's rows."""
        return sum(block.width for block in self.blocks)

    def holds(self, other: "InputFormat") -> bool:
        """Return whether rows in the other format are rows in this one too."""
        alike = len(self.narrow) == len(other.narrow)
        if not alike or (self.wide is None) != (other.wide is None):
            return False
        return all(map(_block_holds, self.blocks, other.blocks))


def _block_holds(block: Block, inner: Block) -> bool:
    return (
        np.array_equal(block.columns, inner.columns)
        and inner.grid.exponent <= block.grid.exponent
        and inner.grid.largest <= block.grid.largest
        and inner.row_sum <= block.row_sum
    )


@dataclass(frozen=True)
class Inputs:
    """n rows: for each block of `format` a matrix (n, its width) of whole steps.

    A number x on a grid of 2**-g stands in its matrix as x * 2**g, an integer, so that
    a matrix of bytes can hold halves.
    """

    format: InputFormat
    matrices: tuple[Matrix, ...]

    def __post_init__(self) -> None:
        blocks, found = len(self.format.blocks), len(self.matrices)
        if found != blocks:
            raise ExactError(
                f"inputs: {found} matrices, the format has {blocks} blocks"
            )
        rows = sorted({len(matrix) for matrix in self.matrices})
        if len(rows) > 1:
            raise ExactError(f"inputs: matrices of {rows[0]} and of {rows[1]} rows")
        for block, matrix in zip(self.format.blocks, self.matrices):
            _check_block(block, matrix)

    def __len__(self) -> int:
        return len(self.matrices[0])


def _check_block(block: Block, matrix: Matrix) -> None:
    """Raise ExactError at the first number that is outside the block's format."""
    if matrix.ndim != 2 or matrix.shape[1] != block.width:
        expected = f"expected (rows, {block.width})"
        raise ExactError(f"inputs: a matrix of shape {matrix.shape}, {expected}")
    step = 2.0**-block.grid.exponent
    for start in range(0, len(matrix), _PIECE):
        piece = matrix[start : start + _PIECE].astype(np.float64) * step
        _check_grid(piece, block.grid, _Place("input", start, block.columns))
        sums = np.abs(piece).sum(axis=1)
        if len(sums) and sums.max() > block.row_sum:
            row = start + int(np.argmax(sums))
            raise ExactError(
                f"input row {row}: magnitudes add up to {sums.max():g}, the format "
                f"says at most {block.row_sum:g}; state the larger sum"
            )


@dataclass(frozen=True)
class _Place:
    """Where a piece of a matrix stands, to name a number in it."""

    name: str
    start: int
    columns: Columns

    def refuse(
        self, piece: npt.NDArray[np.float64], bad: npt.NDArray[np.bool_], why: str
    ) -> None:
        """Raise ExactError at the first number that is bad."""
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            where = f"{self.name} row {self.start + row}, column"
            found = repr(float(piece[row, column]))
            raise ExactError(f"{where} {int(self.columns[column])}: {found} {why}")


def _check_range(piece: npt.NDArray[np.float64], largest: float, place: _Place) -> None:
    """Raise ExactError at a number that is not finite or too large."""
    place.refuse(piece, ~np.isfinite(piece), "is not a finite number; mend the data")
    place.refuse(
        piece,
        np.abs(piece) > largest,
        f"is outside -{largest:g} .. {largest:g}; scale the column down, or state a "
        "larger bound",
    )


def _check_grid(piece: npt.NDArray[np.float64], grid: Grid, place: _Place) -> None:
    """Raise ExactError at a number that is not on the grid."""
    _check_range(piece, grid.largest, place)
    steps = piece * 2.0**grid.exponent
    place.refuse(
        piece,
        steps != np.rint(steps),
        f"is no multiple of 2**{-grid.exponent}; round the data to it",
    )


def _matrix(name: str, values: Matrix) -> npt.NDArray[np.float64]:
    """Return the matrix in binary64; ExactError if it is none."""
    if values.ndim != 2:
        raise ExactError(f"{name} of shape {values.shape}, expected (rows, columns)")
    return values.astype(np.float64)


def quantise(values: Matrix, wide: Grid = WIDE) -> Inputs:
    """Return rows of any finite numbers, (n, columns), as Inputs.

    A column is narrow if, for one of the steps 1, 1/2, 1/4, 1/8 and 1/16, all its
    values are whole multiples, up to 16, of it; the other columns are rounded to the
    grid `wide`, ties to even. Raises ExactError at a number that is not finite or
    beyond the grid.
    """
    exact = _matrix("inputs", values)
    _check_range(exact, wide.largest, _Place("input", 0, np.arange(exact.shape[1])))
    exponents = np.array([_narrow_exponent(column) for column in exact.T])
    narrow = []
    for exponent in sorted({int(e) for e in exponents if e >= 0}):
        columns = np.flatnonzero(exponents == exponent)
        narrow.append(_as_block(exact[:, columns], columns, exponent))
    parts = list(narrow)
    others = np.flatnonzero(exponents < 0)
    if len(others):
        steps = 2.0**wide.exponent
        rounded = np.rint(exact[:, others] * steps) / steps
        parts.append(_as_block(rounded, others, wide.exponent))
    format = InputFormat(
        tuple(block for block, _ in narrow), parts[-1][0] if len(others) else None
    )
    return Inputs(format, tuple(matrix for _, matrix in parts))


def quantise_as(format: InputFormat, values: Matrix) -> Inputs:
    """Return other rows in a format that there is: wide columns are rounded to it.

    Raises ExactError at a number that the format has no room for, and at one in a
    narrow column that is not a whole step.
    """
    exact = _matrix("inputs", values)
    if exact.shape[1] != format.width:
        found = f"{exact.shape[1]} columns, the format has {format.width}"
        raise ExactError(f"inputs: {found}")
    matrices = []
    for block in format.blocks:
        own = exact[:, block.columns]
        _check_range(own, block.grid.largest, _Place("input", 0, block.columns))
        steps = own * 2.0**block.grid.exponent
        matrices.append(np.rint(steps) if block is format.wide else steps)
    return Inputs(format, tuple(matrices))


def _narrow_exponent(column: npt.NDArray[np.float64]) -> int:
    """Return g, 0 .. 4, if the column is whole steps of 2**-g, up to 16; else -1."""
    for exponent in range(5):
        steps = column * 2.0**exponent
        if (steps == np.rint(steps)).all():
            return exponent if np.abs(steps).max(initial=0) <= _NARROW_STEPS else -1
    return -1


def _as_block(
    values: npt.NDArray[np.float64], columns: Columns, exponent: int
) -> tuple[Block, npt.NDArray[np.float32]]:
    largest = float(np.abs(values).max(initial=0)) or 1.0
    sums = float(np.abs(values).sum(axis=1).max(initial=0)) or 1.0
    return Block(columns, Grid(exponent, largest), sums), (
        values * 2.0**exponent
    ).astype(np.float32)


@dataclass(frozen=True)
class Targets:
    """What the outputs should be, (n, outputs), on `grid`; `mask` 0 or 1, or None."""

    grid: Grid
    values: npt.NDArray[np.float32]
    mask: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        columns = np.arange(_matrix("targets", self.values).shape[1])
        for start in range(0, len(self.values), _PIECE):
            piece = self.values[start : start + _PIECE].astype(np.float64)
            _check_grid(piece, self.grid, _Place("target", start, columns))
        if self.mask is None:
            return
        if self.mask.shape != self.values.shape:
            expected = f"expected {self.values.shape}, that of the targets"
            raise ExactError(f"mask of shape {self.mask.shape}, {expected}")
        if not np.isin(self.mask, (0, 1)).all():
            raise ExactError("mask of targets: expected 0 and 1 only")

    @staticmethod
    def rounded(
        values: Matrix, grid: Grid, mask: npt.NDArray[np.float32] | None = None
    ) -> "Targets":
        """Return targets of any finite numbers within the grid's range, rounded."""
        exact = _matrix("targets", values)
        _check_range(
            exact, grid.largest, _Place("target", 0, np.arange(exact.shape[1]))
        )
        steps = 2.0**grid.exponent
        return Targets(grid, (np.rint(exact * steps) / steps).astype(np.float32), mask)


@dataclass(frozen=True)
class Data:
    """Inputs and targets of the same rows."""

    inputs: Inputs
    targets: Targets

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets.values):
            found = f"{len(self.inputs)} rows of inputs, {len(self.targets.values)}"
            raise ExactError(f"{found} of targets: expected as many")

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Tables:
    """The data as arrays of a backend, ready to have rows gathered from."""

    matrices: tuple[Array, ...]
    targets: Array
    mask: Array | None

    @staticmethod
    def of(ops: Operations, data: Data) -> "Tables":
        """Return the data in the backend's memory, shared where it can be."""
        mask = data.targets.mask
        return Tables(
            tuple(ops.array(matrix) for matrix in data.inputs.matrices),
            ops.array(data.targets.values),
            None if mask is None else ops.array(mask),
        )
