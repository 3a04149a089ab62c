# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations by torch, on the CPU. Imported only when it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ExactError
from . import Array, Host

try:
    import torch
except ImportError as error:
    raise ExactError(
        "the backend torch needs the package python3-torch; the backend numpy gives "
        "the same bits"
    ) from error

_TYPES: dict[str, Any] = {"single": torch.float32, "double": torch.float64}


class TorchOperations:
    """See Operations; one call of torch each."""

    name = "torch"
    rows = 4096

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)

    def empty(self, shape: tuple[int, ...], kind: str) -> Array:
        """Return a tensor of zeros."""
        return torch.zeros(shape, dtype=_TYPES[kind])

    def array(self, values: Host) -> Array:
        """Return a tensor that has the values."""
        return torch.from_numpy(np.array(values, order="C"))

    def host(self, a: Array) -> Host:
        """Return the tensor's memory as numpy's."""
        result: Host = a.numpy()
        return result

    def clear(self, out: Array) -> None:
        """Set all numbers to 0."""
        out.zero_()

    def copy(self, a: Array, out: Array) -> None:
        """Convert into `out`."""
        out.copy_(a)

    def gather(self, table: Array, rows: Host, out: Array) -> None:
        """Convert the rows into `out`."""
        index = torch.from_numpy(np.ascontiguousarray(rows, np.int64))
        out.copy_(torch.index_select(table, 0, index))

    def look_up(self, table: Array, z: Array, out: Array) -> None:
        """Set `out` to table[z]."""
        torch.index_select(table, 0, z.reshape(-1), out=out.view(-1))

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        """Set `out` to a @ b."""
        torch.mm(a, b, out=out)

    def transpose(self, a: Array) -> Array:
        """Return the transposed view."""
        return a.t()

    def add(self, a: Array, b: Array | float, out: Array) -> None:
        """Set `out` to a + b."""
        torch.add(a, b, out=out)

    def subtract(self, a: Array, b: Array | float, out: Array) -> None:
        """Set `out` to a - b."""
        torch.sub(a, b, out=out)

    def subtract_from(self, number: float, a: Array, out: Array) -> None:
        """Set `out` to number - a."""
        torch.sub(torch.tensor(number, dtype=a.dtype), a, out=out)

    def multiply(self, a: Array, b: Array | float, out: Array) -> None:
        """Set `out` to a * b."""
        torch.mul(a, b, out=out)

    def divide(self, a: Array, b: Array, out: Array) -> None:
        """Set `out` to a / b."""
        torch.div(a, b, out=out)

    def absolute(self, a: Array, out: Array) -> None:
        """Set `out` to |a|."""
        torch.abs(a, out=out)

    def at_most(self, a: Array, bound: float, out: Array) -> None:
        """Set `out` to min(a, bound)."""
        torch.clamp(a, max=bound, out=out)

    def at_least(self, a: Array, bound: float, out: Array) -> None:
        """Set `out` to max(a, bound)."""
        torch.clamp(a, min=bound, out=out)

    def row_largest(self, a: Array, out: Array) -> None:
        """Set `out` (rows, 1) to the largest number of each row."""
        torch.amax(a, dim=1, keepdim=True, out=out)

    def row_sum(self, a: Array, out: Array) -> None:
        """Set `out` (rows, 1) to the sum of each row."""
        torch.sum(a, dim=1, keepdim=True, out=out)

    def largest(self, a: Array) -> float:
        """Return the largest magnitude."""
        if not a.numel():
            return 0.0
        low, high = torch.aminmax(a)
        return float(torch.maximum(high, -low))

    def above(self, a: Array, bound: float) -> int:
        """Return how many magnitudes are above the bound."""
        return int(torch.count_nonzero(a.abs() > bound))

    def dot(self, a: Array, b: Array) -> float:
        """Return the dot product of the flattened tensors."""
        return float(torch.dot(a.reshape(-1), b.reshape(-1)))

    def bits(self, a: Array) -> Array:
        """Return the memory as int32."""
        return a.view(torch.int32)

    def shift_right(self, a: Array, by: int, out: Array) -> None:
        """Set `out` to a >> by."""
        torch.bitwise_right_shift(a, by, out=out)

    def floor(self, a: Array, out: Array) -> None:
        """Set `out` to the floor of a."""
        torch.floor(a, out=out)

    def give_sign(self, a: Array, b: Array) -> None:
        """Set a to |a| with the sign of b."""
        torch.copysign(a, b, out=a)

    def whole(self, a: Array, out: Array) -> None:
        """Set `out` to a without its fraction."""
        out.copy_(a)
