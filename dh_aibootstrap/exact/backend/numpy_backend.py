# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations by numpy and whatever BLAS it was linked to; always there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import Array, Host

_TYPES = {"single": np.float32, "double": np.float64}
# As many numbers as a vector of bounds for at_most and at_least holds.
_PIECE = 65536


class NumpyOperations:
    """See Operations; one call of numpy each."""

    name = "numpy"
    rows = 512

    def __init__(self) -> None:
        self._bounds: dict[float, npt.NDArray[np.float32]] = {}

    def empty(self, shape: tuple[int, ...], kind: str) -> Array:
        """Return an array of zeros."""
        return np.zeros(shape, _TYPES[kind])

    def array(self, values: Host) -> Array:
        """Return the values in memory of their own order."""
        return np.ascontiguousarray(values)

    def host(self, a: Array) -> Host:
        """Return the array itself."""
        result: Host = a
        return result

    def clear(self, out: Array) -> None:
        """Set all numbers to 0."""
        out.fill(0)

    def copy(self, a: Array, out: Array) -> None:
        """Convert into `out`."""
        np.copyto(out, a, casting="same_kind")

    def gather(self, table: Array, rows: Host, out: Array) -> None:
        """Convert the rows into `out`."""
        np.copyto(out, np.take(table, rows, axis=0), casting="same_kind")

    def look_up(self, table: Array, z: Array, out: Array) -> None:
        """Set `out` to table[z]."""
        # With "raise" numpy makes a copy of `out` first.
        np.take(table, z, out=out, mode="clip")

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        """Set `out` to a @ b."""
        np.matmul(a, b, out=out)

    def transpose(self, a: Array) -> Array:
        """Return a.T."""
        return a.T

    def add(self, a: Array, b: Array | float, out: Array) -> None:
        """Set `out` to a + b."""
        np.add(a, b, out=out)

    def subtract(self, a: Array, b: Array | float, out: Array) -> None:
        """Set `out` to a - b."""
        np.subtract(a, b, out=out)

    def subtract_from(self, number: float, a: Array, out: Array) -> None:
        """Set `out` to number - a."""
        np.subtract(a.dtype.type(number), a, out=out)

    def multiply(self, a: Array, b: Array | float, out: Array) -> None:
        """Set `out` to a * b."""
        np.multiply(a, b, out=out)

    def divide(self, a: Array, b: Array, out: Array) -> None:
        """Set `out` to a / b."""
        np.divide(a, b, out=out)

    def absolute(self, a: Array, out: Array) -> None:
        """Set `out` to |a|."""
        np.absolute(a, out=out)

    def at_most(self, a: Array, bound: float, out: Array) -> None:
        """Set `out` to min(a, bound)."""
        self._bounded(np.minimum, a, bound, out)

    def at_least(self, a: Array, bound: float, out: Array) -> None:
        """Set `out` to max(a, bound)."""
        self._bounded(np.maximum, a, bound, out)

    def _bounded(self, function: Any, a: Array, bound: float, out: Array) -> None:
        # numpy 1.24 takes five times as long with a number as with an array of it.
        if a.size > _PIECE or not (a.flags.c_contiguous and out.flags.c_contiguous):
            function(a, np.float32(bound), out=out)
            return
        if bound not in self._bounds:
            self._bounds[bound] = np.full(_PIECE, bound, np.float32)
        bounds = self._bounds[bound][: a.size].reshape(a.shape)
        function(a, bounds, out=out)

    def row_largest(self, a: Array, out: Array) -> None:
        """Set `out` (rows, 1) to the largest number of each row."""
        np.max(a, axis=1, keepdims=True, out=out)

    def row_sum(self, a: Array, out: Array) -> None:
        """Set `out` (rows, 1) to the sum of each row."""
        np.sum(a, axis=1, keepdims=True, out=out)

    def largest(self, a: Array) -> float:
        """Return the largest magnitude."""
        return float(np.maximum(np.max(a), -np.min(a))) if a.size else 0.0

    def above(self, a: Array, bound: float) -> int:
        """Return how many magnitudes are above the bound."""
        return int(np.count_nonzero(np.abs(a) > bound))

    def dot(self, a: Array, b: Array) -> float:
        """Return the dot product of the flattened arrays."""
        return float(np.dot(a.reshape(-1), b.reshape(-1)))

    def bits(self, a: Array) -> Array:
        """Return the memory as int32."""
        return a.view(np.int32)

    def shift_right(self, a: Array, by: int, out: Array) -> None:
        """Set `out` to a >> by."""
        np.right_shift(a, np.int32(by), out=out)

    def floor(self, a: Array, out: Array) -> None:
        """Set `out` to the floor of a."""
        np.floor(a, out=out)

    def give_sign(self, a: Array, b: Array) -> None:
        """Move the sign's bit: numpy 1.24's copysign takes ten times as long."""
        bits, signs = a.view(np.int32), b.view(np.int32)
        np.bitwise_and(signs, np.int32(-(1 << 31)), out=signs)
        np.bitwise_or(bits, signs, out=bits)

    def whole(self, a: Array, out: Array) -> None:
        """Set `out` to a without its fraction."""
        np.copyto(out, a, casting="unsafe")
