# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What computes: single correctly rounded operations, by numpy or by torch.

IEEE 754 prescribes one result for + - * / and conversions of given numbers, so two
libraries agree in every bit as long as each call is one such operation. Nothing else
is here: no sqrt (torch's on the CPU, and numpy's on 32-bit ARM with NEON, are not
correctly rounded), no exp, log, tanh or pow (each library has its own), no fused
forms (addcmul, add with alpha and lerp contain an FMA on some processors). Products
of matrices add up in an order of the library's own; that the order does not matter
is what grid.py proves for the operands they are given.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt

from ..errors import ExactError

BACKENDS = ("numpy", "torch")

# An array of the backend: of numpy, or a tensor of torch.
Array = Any
Host = npt.NDArray[Any]


class Operations(Protocol):
    """Elementary operations on arrays; `out` may be one of the operands.

    `kind` is "single" (binary32) or "double" (binary64). A float operand must be a
    number of the array's format, so that no library rounds it its own way.
    """

    name: str
    # Rows handled together between the products: as many as fit a cache.
    rows: int

    def empty(self, shape: tuple[int, ...], kind: str) -> Array:
        """Return an array of zeros."""

    def array(self, values: Host) -> Array:
        """Return the values as an array of the same type of number."""

    def host(self, a: Array) -> Host:
        """Return an array's values as numpy's; they may share memory."""

    def clear(self, out: Array) -> None:
        """Set all numbers to 0."""

    def copy(self, a: Array, out: Array) -> None:
        """Convert each number to the format of `out`, rounded to nearest even."""

    def gather(self, table: Array, rows: Host, out: Array) -> None:
        """Convert the rows of a table with these numbers into `out`."""

    def look_up(self, table: Array, z: Array, out: Array) -> None:
        """Set `out` to table[z], z being whole numbers, all in the table."""

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        """Set `out` to the matrix product of operands that make every sum exact."""

    def transpose(self, a: Array) -> Array:
        """Return a view of the matrix with rows and columns exchanged."""

    def add(self, a: Array, b: Array | float, out: Array) -> None:
        """Set `out` to a + b."""

    def subtract(self, a: Array, b: Array | float, out: Array) -> None:
        """Set `out` to a - b."""

    def subtract_from(self, number: float, a: Array, out: Array) -> None:
        """Set `out` to number - a."""

    def multiply(self, a: Array, b: Array | float, out: Array) -> None:
        """Set `out` to a * b."""

    def divide(self, a: Array, b: Array, out: Array) -> None:
        """Set `out` to a / b, arrays both: torch may turn a number into 1 / b."""

    def absolute(self, a: Array, out: Array) -> None:
        """Set `out` to |a|."""

    def at_most(self, a: Array, bound: float, out: Array) -> None:
        """Set `out` to the smaller of a and the bound."""

    def at_least(self, a: Array, bound: float, out: Array) -> None:
        """Set `out` to the larger of a and the bound."""

    def row_largest(self, a: Array, out: Array) -> None:
        """Set `out` (rows, 1) to the largest number of each row."""

    def row_sum(self, a: Array, out: Array) -> None:
        """Set `out` (rows, 1) to the sum of each row, on a grid that makes it exact."""

    def largest(self, a: Array) -> float:
        """Return the largest magnitude; not a number if one is not."""

    def above(self, a: Array, bound: float) -> int:
        """Return how many magnitudes are above the bound."""

    def dot(self, a: Array, b: Array) -> float:
        """Return the sum of the products of two double arrays, exact on their grids."""

    def bits(self, a: Array) -> Array:
        """Return a single array's memory as 32-bit integers: a view."""

    def shift_right(self, a: Array, by: int, out: Array) -> None:
        """Set `out` to non-negative 32-bit integers, shifted right."""

    def floor(self, a: Array, out: Array) -> None:
        """Set `out` to the largest whole number that is at most a."""

    def give_sign(self, a: Array, b: Array) -> None:
        """Give a, which is not negative, the sign of b; the number b is lost."""

    def whole(self, a: Array, out: Array) -> None:
        """Set `out`, 32-bit integers, to a without its fraction."""


def choose(name: str, threads: int | None = None) -> Operations:
    """Return the backend of this name; torch is not imported before it is asked for.

    Raises ExactError for an unknown name, and where torch is not installed.
    """
    if name == "numpy":
        from .numpy_backend import NumpyOperations

        return NumpyOperations()
    if name == "torch":
        from .torch_backend import TorchOperations

        return TorchOperations(threads)
    raise ExactError(f"backend {name!r}: expected {' or '.join(BACKENDS)}")
