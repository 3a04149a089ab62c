# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""NumPy's .npy: one array; arrays of Python objects, which are pickles, are refused.

The header is a Python literal. It is not evaluated: NumPy writes it in one form only.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Iterator

from .dtypes import DTYPES, OPAQUE, DType
from .source import Source
from .tensor import Tensor, dimensions, elements, stored

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 1 << 16
_HEADER = re.compile(
    r"\{'descr': '([<>|=])([a-zA-Z])([0-9]{1,4})',"
    r" 'fortran_order': (True|False),"
    r" 'shape': \(((?:[0-9]{1,20}L?, ?)*(?:[0-9]{1,20}L?)?)\),? ?\} *\n"
)
_OBJECT = re.compile(r"'[<>|=]?O[0-9]*'")
_KINDS = {"f": "F", "i": "I", "u": "U"}


def looks_like(source: Source) -> bool:
    """Tell whether the file begins as .npy does."""
    return source.head(len(MAGIC)) == MAGIC


def read(source: Source, name: str = "array") -> tuple[Tensor, ...]:
    """Return the array. Raises Error where the file is not exactly one."""
    header, start = _header(source)
    if _OBJECT.search(header):
        raise source.error(
            "holds Python objects, which are pickles and run code when they are loaded;"
            " save plain numbers"
        )
    match = _HEADER.fullmatch(header)
    if match is None:
        raise source.error("has no header of a plain array, as NumPy writes it")
    order, letter, digits, fortran, listed = match.groups()
    dtype = _dtype(source, letter, int(digits))
    shape = tuple(int(n.strip(" L")) for n in listed.split(",") if n.strip())
    length = elements(source, shape) * dtype.size
    if start + length != source.size:
        raise source.error(
            f"has {source.size - start} bytes after its header; {dimensions(shape)} of"
            f" {dtype.name} are {length}"
        )
    tensor = stored(source, name, dtype, shape, start, length)
    tensor = dataclasses.replace(tensor, fortran=fortran == "True" and len(shape) > 1)
    return (_swapped(tensor) if order == ">" else tensor,)


def _header(source: Source) -> tuple[str, int]:
    version = source.read(len(MAGIC), 2)
    if version not in (b"\1\0", b"\2\0", b"\3\0"):
        raise source.error(f"is of the .npy version {version[0]}.{version[1]}; 1 to 3")
    width = 2 if version == b"\1\0" else 4
    length = int.from_bytes(source.read(8, width), "little")
    if length > LONGEST_HEADER:
        raise source.error(
            f"says that its header has {length} bytes; at most {LONGEST_HEADER} may be"
        )
    return source.read(8 + width, length).decode("latin-1"), 8 + width + length


def _dtype(source: Source, letter: str, size: int) -> DType:
    if letter == "b" and size == 1:
        return DTYPES["BOOL"]
    name = f"{_KINDS.get(letter, '?')}{8 * size}"
    if name in DTYPES:
        return DTYPES[name]
    # Complex and extended numbers, texts, dates: compared as bytes.
    if letter not in "fcSUVmM":
        raise source.error(f"has elements of the type '{letter}{size}', not numbers")
    return DType(f"{letter}{size}", size * (4 if letter == "U" else 1), OPAQUE)


def _swapped(tensor: Tensor) -> Tensor:
    if tensor.dtype.kind == OPAQUE:
        return dataclasses.replace(
            tensor,
            dtype=dataclasses.replace(tensor.dtype, name=">" + tensor.dtype.name),
        )

    def pieces() -> Iterator[bytes]:
        return (tensor.dtype.byteswap(piece) for piece in tensor.pieces())

    return dataclasses.replace(tensor, pieces=pieces)
