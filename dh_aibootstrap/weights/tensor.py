# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tensor in a file: its name, shape and number format, and a way to its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator

from .dtypes import OPAQUE, DType
from .source import Source

# Numbers per piece; the pieces of two tensors of one length go side by side.
CHUNK = 1 << 14
MOST_DIMENSIONS = 32
MOST_TENSORS = 100_000


@dataclass(frozen=True)
class Tensor:
    """A tensor; `pieces` yields its elements, CHUNK at a time and the rest at the end.

    `fortran`: the first index varies fastest. An opaque tensor yields bytes.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    pieces: Callable[[], Iterator[bytes]]
    fortran: bool = False


def elements(source: Source, shape: tuple[int, ...]) -> int:
    """Return how many elements a tensor of this shape has, within what can be."""
    if len(shape) > MOST_DIMENSIONS:
        raise source.error(
            f"a tensor has {len(shape)} dimensions, at most {MOST_DIMENSIONS} may be"
        )
    # Each dimension counts, also beside a 0: no number here grows without a limit.
    product = 1
    for dimension in shape:
        product *= max(dimension, 1)
        if dimension < 0 or product >= 1 << 48:
            raise source.error(f"a tensor of the shape {dimensions(shape)} cannot be")
    return 0 if 0 in shape else product


def dimensions(shape: tuple[int, ...]) -> str:
    """Return a shape as people write it: 250x128."""
    return "x".join(str(dimension) for dimension in shape) or "scalar"


def stored(
    source: Source,
    name: str,
    dtype: DType,
    shape: tuple[int, ...],
    offset: int,
    length: int,
) -> Tensor:
    """Return the tensor that lies at `offset` as it is, `length` bytes long."""
    step = CHUNK * (1 if dtype.kind == OPAQUE else dtype.size)
    return Tensor(name, dtype, shape, lambda: source.pieces(offset, length, step))
