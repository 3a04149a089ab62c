# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""GGUF: counted keys and tensor infos, then aligned tensors to the end of the file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from ..words import shown
from .dtypes import DTYPES, OPAQUE, DType
from .source import Source
from .tensor import MOST_TENSORS, Tensor, elements, stored

MAGIC = b"GGUF"
MOST_KEYS = 65_536
MOST_TEXTS = 4_000_000
LONGEST_NAME = 65_535
DEFAULT_ALIGNMENT = 32
# Types of values: struct(3) codes; texts and arrays are apart.
_VALUES = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_PLAIN = {
    0: "F32",
    1: "F16",
    24: "I8",
    25: "I16",
    26: "I32",
    27: "I64",
    28: "F64",
    30: "BF16",
}
# Quantised types: the name, the elements of a block and its bytes.
_BLOCKS = {
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    29: ("IQ1_M", 256, 56),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}


@dataclass
class _Cursor:
    """A place in the header."""

    source: Source
    at: int
    texts: int = 0

    def take(self, code: str) -> Any:
        size = struct.calcsize("<" + code)
        data = self.source.read(self.at, size)
        self.at += size
        return struct.unpack("<" + code, data)[0]

    def skip(self, length: int) -> None:
        if length > self.source.size - self.at:
            raise self.source.error(f"is truncated: {length} bytes at {self.at}")
        self.at += length

    def text(self) -> str:
        length = self.take("Q")
        if length > LONGEST_NAME:
            raise self.source.error(
                f"has a name of {length} bytes; at most {LONGEST_NAME} may be"
            )
        self.at += length
        data = self.source.read(self.at - length, length)
        return data.decode("utf-8", "replace")


@dataclass(frozen=True)
class _Info:
    """What the header says of a tensor."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    length: int
    offset: int


def looks_like(source: Source) -> bool:
    """Tell whether the file begins as GGUF does."""
    return source.head(len(MAGIC)) == MAGIC


def read(source: Source) -> tuple[Tensor, ...]:
    """Return the tensors. Raises Error where they overlap, leave gaps or run over."""
    cursor = _Cursor(source, len(MAGIC))
    version, tensors, keys = cursor.take("I"), cursor.take("Q"), cursor.take("Q")
    if version not in (2, 3):
        raise source.error(f"is of the GGUF version {version}; 2 and 3 are read")
    if tensors > MOST_TENSORS or keys > MOST_KEYS:
        raise source.error(
            f"says that it has {tensors} tensors and {keys} keys;"
            f" at most {MOST_TENSORS} and {MOST_KEYS} may be"
        )
    alignment = _alignment(cursor, keys)
    infos = [_info(cursor) for _ in range(tensors)]
    if len({info.name for info in infos}) != tensors:
        raise source.error("two tensors have the same name")
    start = _up(cursor.at, alignment) if infos else cursor.at
    end = start
    found = []
    for info in sorted(infos, key=lambda info: (info.offset, info.length)):
        at = start + info.offset
        if at != _up(end, alignment):
            what = "overlaps the one before" if at < end else "leaves a gap before it"
            raise source.error(f"tensor {shown(info.name)} {what}")
        end = at + info.length
        if end > source.size:
            raise source.error(
                f"tensor {shown(info.name)} ends after the end of the file"
            )
        found.append(stored(source, info.name, info.dtype, info.shape, at, info.length))
    # The last tensor may be padded or not: writers differ.
    left = source.size - end
    if left and (
        _up(end, alignment) != source.size or source.read(end, left).strip(b"\0")
    ):
        raise source.error(f"has {left} bytes after its last tensor")
    return tuple(found)


def _up(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _alignment(cursor: _Cursor, keys: int) -> int:
    """Pass over the keys; return the alignment that they set."""
    alignment = DEFAULT_ALIGNMENT
    for _ in range(keys):
        key, kind = cursor.text(), cursor.take("I")
        if key == "general.alignment":
            alignment = cursor.take("I") if kind == 4 else 0
            if not 8 <= alignment <= 1 << 16 or alignment % 8:
                raise cursor.source.error("'general.alignment' is no usable alignment")
        else:
            _skip_value(cursor, kind)
    return alignment


def _skip_value(cursor: _Cursor, kind: int) -> None:
    if kind in _VALUES:
        cursor.skip(struct.calcsize(_VALUES[kind]))
    elif kind == _TEXT:
        cursor.skip(cursor.take("Q"))
    elif kind == _ARRAY:
        inner, count = cursor.take("I"), cursor.take("Q")
        if inner in _VALUES:
            cursor.skip(count * struct.calcsize(_VALUES[inner]))
        elif inner == _TEXT:
            cursor.texts += count
            if cursor.texts > MOST_TEXTS:
                raise cursor.source.error(f"has more than {MOST_TEXTS} texts in arrays")
            for _ in range(count):
                cursor.skip(cursor.take("Q"))
        else:
            raise cursor.source.error(f"has an array of the unknown type {inner}")
    else:
        raise cursor.source.error(f"has a value of the unknown type {kind}")


def _info(cursor: _Cursor) -> _Info:
    source = cursor.source
    name, count = cursor.text(), cursor.take("I")
    if count > 8:
        raise source.error(f"tensor {shown(name)} has {count} dimensions")
    shape = tuple(cursor.take("Q") for _ in range(count))
    kind, offset = cursor.take("I"), cursor.take("Q")
    number = elements(source, shape)
    if kind in _PLAIN:
        dtype = DTYPES[_PLAIN[kind]]
        return _Info(name, dtype, shape, number * dtype.size, offset)
    if kind not in _BLOCKS:
        raise source.error(f"tensor {shown(name)} is of the unknown type {kind}")
    word, block, size = _BLOCKS[kind]
    if not shape or shape[0] % block:
        raise source.error(f"tensor {shown(name)} is not whole blocks of {block}")
    length = number // block * size
    return _Info(name, DType(word, size, OPAQUE), shape, length, offset)
