# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Number formats of tensors: their sizes, their values, and their places in order."""

from __future__ import annotations

import struct
import sys
from array import array
from dataclasses import dataclass
from typing import Iterable, Sequence, Union

Values = Sequence[Union[int, float]]

FLOAT, INTEGER, OPAQUE = "float", "integer", "opaque"


@dataclass(frozen=True)
class DType:
    """A number format, with elements of `size` bytes, the least significant first.

    `code` is that of array(3) or struct(3) for the value, `bits` that of a signed
    integer of the same size. An opaque format is only compared byte by byte.
    """

    name: str
    size: int
    kind: str
    code: str = ""
    bits: str = ""

    def byteswap(self, data: bytes) -> bytes:
        """Return the elements of `data` with their bytes in the opposite order."""
        if self.size == 1:
            return data
        numbers = array(self.bits or self.code, data)
        numbers.byteswap()
        return numbers.tobytes()


DTYPES = {
    dtype.name: dtype
    for dtype in (
        DType("F64", 8, FLOAT, "d", "q"),
        DType("F32", 4, FLOAT, "f", "i"),
        DType("F16", 2, FLOAT, "e", "h"),
        DType("BF16", 2, FLOAT, "", "h"),
        DType("I64", 8, INTEGER, "q"),
        DType("I32", 4, INTEGER, "i"),
        DType("I16", 2, INTEGER, "h"),
        DType("I8", 1, INTEGER, "b"),
        DType("U64", 8, INTEGER, "Q"),
        DType("U32", 4, INTEGER, "I"),
        DType("U16", 2, INTEGER, "H"),
        DType("U8", 1, INTEGER, "B"),
        DType("BOOL", 1, INTEGER, "B"),
    )
}
# A decimal number of a text file; what it is rounded to only its reader knows.
DECIMAL = DType("decimal", 8, FLOAT, "d", "q")


def values(dtype: DType, data: bytes) -> Values:
    """Return the numbers of `data`; for an opaque format its bytes."""
    if dtype.kind == OPAQUE:
        return data
    if dtype.name == "F16":
        return struct.unpack(f"<{len(data) // 2}e", data)
    if dtype.name == "BF16":
        wide = (bits << 16 for bits in _array("H", data))
        return _array("f", _bytes(array("I", wide)))
    return _array(dtype.code, data)


def ordinals(dtype: DType, data: bytes) -> list[int]:
    """Return for each number its place among the numbers of its format, 0 being 0.

    Two numbers with nothing between them are one apart. Decimal numbers take the
    places of the single precision numbers next to them.
    """
    if dtype.kind != FLOAT:
        return [int(value) for value in values(dtype, data)]
    if dtype is DECIMAL:
        data = _bytes(array("f", map(_single, values(dtype, data))))
        dtype = DTYPES["F32"]
    sign = 1 << (8 * dtype.size - 1)
    numbers: Iterable[int] = _array(dtype.bits, data)
    return [bits if bits >= 0 else -(bits + sign) for bits in numbers]


def pack_decimals(numbers: Iterable[float]) -> bytes:
    """Return decimal numbers as the bytes that values() and ordinals() take."""
    return _bytes(array("d", numbers))


def pack_integers(dtype: DType, numbers: Iterable[int]) -> bytes:
    """Return integers as bytes of this format. Raises OverflowError."""
    return _bytes(array(dtype.bits or dtype.code, numbers))


def _single(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _array(code: str, data: bytes) -> array[int]:
    numbers = array(code, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _bytes(numbers: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
