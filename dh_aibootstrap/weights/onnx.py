# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""ONNX: the tensors of the graph, and every other tensor wherever it is nested.

Field numbers are those of onnx.proto3. What holds a tensor is followed, all else is
passed over, and a tensor whose data lie in another file is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Callable, Iterator

from ..errors import Error
from ..words import shown
from .dtypes import DTYPES, OPAQUE, DType, pack_integers
from .protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, fields, varints
from .source import Source
from .tensor import CHUNK, MOST_TENSORS, Tensor, elements

# What leads from a message to those that hold tensors: field number -> its message.
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "sparse": {1: "tensor", 2: "tensor"},
}
DEEPEST = 64
MOST_FIELDS = 4_000_000
MOST_PARTS = 200_000
_TYPES = {
    1: "F32",
    2: "U8",
    3: "I8",
    4: "U16",
    5: "I16",
    6: "I32",
    7: "I64",
    9: "BOOL",
    10: "F16",
    11: "F64",
    12: "U32",
    13: "U64",
    16: "BF16",
}
# TensorProto: its fields with one value, and those that may hold the numbers.
_ONCE = {2: "type", 8: "name", 9: "raw_data", 14: "data_location"}
_FLOATS, _INT32, _TEXTS, _INT64, _RAW, _DOUBLES, _UINT64 = 4, 5, 6, 7, 9, 10, 11
_NUMBERS_OF = {
    "F32": _FLOATS,
    "F64": _DOUBLES,
    "I64": _INT64,
    "U64": _UINT64,
    "U32": _UINT64,
}


@dataclass
class _Walk:
    """What is found on the way through a model."""

    source: Source
    tensors: list[Tensor] = field(default_factory=list)
    left: int = MOST_FIELDS
    parts: int = 0

    def fields(self, offset: int, length: int) -> Iterator[Field]:
        for found in fields(self.source, offset, length):
            self.left -= 1
            if self.left < 0:
                raise self.source.error(f"has more than {MOST_FIELDS} fields")
            yield found


def looks_like(source: Source) -> bool:
    """Tell whether the whole file is one message, with a graph that is one too."""
    try:
        graphs = [
            found
            for found in _Walk(source).fields(0, source.size)
            if found.number == 7 and found.wire == BYTES
        ]
        kinds = [
            found.number
            for graph in graphs
            for found in _Walk(source).fields(graph.offset, graph.length)
            if found.wire == BYTES
        ]
    except Error:
        return False
    return not {1, 5, 11, 12, 15}.isdisjoint(kinds)


def read(source: Source) -> tuple[Tensor, ...]:
    """Return every tensor. Raises Error where one has its data in another file."""
    walk = _Walk(source)
    _message(walk, "model", 0, source.size, "", 0)
    return tuple(walk.tensors)


def _message(
    walk: _Walk, kind: str, offset: int, length: int, path: str, depth: int
) -> None:
    if kind == "tensor":
        walk.tensors.append(_tensor(walk, offset, length, path))
        if len(walk.tensors) > MOST_TENSORS:
            raise walk.source.error(f"has more than {MOST_TENSORS} tensors")
        return
    if depth > DEEPEST:
        raise walk.source.error(f"is nested more than {DEEPEST} deep")
    places: dict[str, int] = {}
    for found in walk.fields(offset, length):
        inside = _INSIDE[kind].get(found.number)
        if inside is None or found.wire != BYTES:
            continue
        place = places[inside] = places.get(inside, -1) + 1
        if (kind, inside, place) == ("model", "graph", 1):
            raise walk.source.error(
                "has two graphs; readers differ on which one counts"
            )
        below = f"{path}{inside}{place}/" if kind != "model" or place else path
        _message(walk, inside, found.offset, found.length, below, depth + 1)


def _tensor(walk: _Walk, offset: int, length: int, path: str) -> Tensor:
    source = walk.source
    once: dict[int, Field] = {}
    shape: list[int] = []
    data: dict[int, list[Field]] = {}
    external = False
    for found in walk.fields(offset, length):
        if found.number in _ONCE and found.number in once:
            raise source.error(f"a tensor has '{_ONCE[found.number]}' twice")
        once[found.number] = found
        if found.number == 1:
            shape += _dims(source, found, len(shape))
        elif found.number in (_FLOATS, _INT32, _TEXTS, _INT64, _RAW, _DOUBLES, _UINT64):
            data.setdefault(found.number, []).append(found)
            walk.parts += 1
            if walk.parts > MOST_PARTS:
                raise source.error(f"has tensors in more than {MOST_PARTS} parts")
        external = external or found.number == 13
    name = _name(source, once.get(8), path)
    if external or (14 in once and once[14].value):
        raise source.error(
            f"tensor {shown(name)} has its data in another file; store them inside"
        )
    number = once[2].value if 2 in once else 0
    if number not in _TYPES:
        # Texts, complex, 8 and 4 bit numbers.
        dtype = DType(f"onnx type {number}", 1, OPAQUE)
        return Tensor(name, dtype, tuple(shape), lambda: _as_it_is(source, data))
    return _numbers(source, name, DTYPES[_TYPES[number]], tuple(shape), data)


def _as_it_is(source: Source, data: dict[int, list[Field]]) -> Iterator[bytes]:
    """Yield all fields of the data, such that other data give other bytes."""
    for number, found in sorted(data.items()):
        for part in found:
            yield struct.pack("<QQQ", number, part.value, part.length)
            yield from source.pieces(part.offset, part.length, CHUNK)


def _name(source: Source, found: Field | None, path: str) -> str:
    if found is None or found.wire != BYTES or not found.length:
        return path.rstrip("/")
    # At the top the names are the graph's own; below they may be there again.
    name = source.read(found.offset, min(found.length, 4096)).decode("utf-8", "replace")
    return name if path.count("/") <= 1 else path + name


def _dims(source: Source, found: Field, known: int) -> list[int]:
    if found.wire == VARINT:
        numbers = [found.value]
    else:
        # Ten bytes each at most; what is longer has too many for elements() anyway.
        numbers = list(varints(source, found.offset, min(found.length, 640)))
    if known + len(numbers) > 64:
        raise source.error("a tensor has more than 64 dimensions")
    return numbers


def _numbers(
    source: Source,
    name: str,
    dtype: DType,
    shape: tuple[int, ...],
    data: dict[int, list[Field]],
) -> Tensor:
    count = elements(source, shape)
    kinds = [number for number, found in data.items() if any(f.length for f in found)]
    loose = [number for number in data if any(f.wire == VARINT for f in data[number])]
    if len(set(kinds + loose)) > 1:
        raise source.error(f"tensor {shown(name)} has its data twice")
    kind = (kinds + loose + [_RAW])[0]
    found = data.get(kind, [])
    if kind in (_RAW, _FLOATS, _DOUBLES):
        width = {_RAW: dtype.size, _FLOATS: 4, _DOUBLES: 8}[kind]
        held = sum(part.length for part in found)
        if kind != _RAW and _NUMBERS_OF.get(dtype.name) != kind:
            raise source.error(f"tensor {shown(name)} has its data in a wrong field")
        if held != count * width:
            raise source.error(
                f"tensor {shown(name)} has {held} bytes;"
                f" its shape takes {count * width}"
            )
        return Tensor(name, dtype, shape, _plain(source, found, CHUNK * dtype.size))
    if kind != _NUMBERS_OF.get(dtype.name, _INT32):
        raise source.error(f"tensor {shown(name)} has its data in a wrong field")
    return _of_varints(source, name, dtype, shape, found)


def _plain(
    source: Source, found: list[Field], step: int
) -> Callable[[], Iterator[bytes]]:
    for part in found:
        if part.wire not in (BYTES, FIXED32, FIXED64):
            raise source.error("a tensor has a number where its data should be")

    def pieces() -> Iterator[bytes]:
        waiting = b""
        for part in found:
            for piece in source.pieces(part.offset, part.length, step):
                waiting += piece
                while len(waiting) >= step:
                    yield waiting[:step]
                    waiting = waiting[step:]
        if waiting:
            yield waiting

    return pieces


def _of_varints(
    source: Source,
    name: str,
    dtype: DType,
    shape: tuple[int, ...],
    found: list[Field],
) -> Tensor:
    mask = (1 << 8 * dtype.size) - 1
    half = 0 if dtype.code.isupper() else (mask + 1) // 2
    # A 16 bit float stands here as the number of its bits.
    kept = DTYPES["I16"] if dtype.kind == "float" else dtype

    def numbers() -> Iterator[int]:
        for part in found:
            if part.wire == VARINT:
                yield part.value
            elif part.wire == BYTES:
                yield from varints(source, part.offset, part.length)
            else:
                raise source.error(f"tensor {shown(name)} has its data in a wrong form")

    def pieces() -> Iterator[bytes]:
        waiting: list[int] = []
        for number in numbers():
            number &= mask
            waiting.append(number - mask - 1 if half and number >= half else number)
            if len(waiting) == CHUNK:
                yield pack_integers(kept, waiting)
                waiting = []
        if waiting:
            yield pack_integers(kept, waiting)

    count = elements(source, shape)
    held = sum(1 for _ in numbers())
    if held != count:
        raise source.error(
            f"tensor {shown(name)} has {held} numbers; its shape takes {count}"
        )
    return Tensor(name, dtype, shape, pieces)
