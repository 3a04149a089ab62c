# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of weights made byte by byte, as their formats say, with room for faults."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import Any, Iterable, Mapping, Sequence


def floats(numbers: Iterable[float]) -> bytes:
    """Return numbers as single precision, the least significant byte first."""
    return b"".join(struct.pack("<f", number) for number in numbers)


def npy(data: bytes, shape: tuple[int, ...], descr: str = "'<f4'") -> bytes:
    """Return a .npy of version 1."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    head = text.encode("latin-1")
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + data


def zipped(
    files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED, **more: Any
) -> bytes:
    """Return a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method, **more) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def safetensors(header: Any, data: bytes, length: int | None = None) -> bytes:
    """Return a safetensors file; `length` in the place of the header's own."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    return struct.pack("<Q", size) + text + data


def two_tensors() -> bytes:
    """Return a safetensors file with the tensors a, 2x2, and b, of 3 numbers."""
    header = {
        "__metadata__": {"made": "by hand"},
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "F32", "shape": [3], "data_offsets": [16, 28]},
    }
    return safetensors(header, floats([1, 2, 3, 4, 5, 6, 7]))


def varint(number: int) -> bytes:
    """Return a number as protocol buffers write it."""
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: int | bytes | str) -> bytes:
    """Return a field of a protocol buffer: a number, or counted bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def onnx_tensor(
    name: str, dims: Sequence[int], kind: int, *parts: tuple[int, int | bytes]
) -> bytes:
    """Return a TensorProto with these fields for its data."""
    out = b"".join(field(1, dim) for dim in dims) + field(2, kind)
    return out + b"".join(field(*part) for part in parts) + field(8, name)


def onnx(*tensors: bytes, nodes: Sequence[bytes] = ()) -> bytes:
    """Return a ModelProto with these initialisers and nodes."""
    graph = b"".join(field(1, node) for node in nodes) + field(2, "net")
    graph += b"".join(field(5, tensor) for tensor in tensors)
    return field(1, 8) + field(2, "by hand") + field(7, graph) + field(8, field(2, 17))


def text(value: str) -> bytes:
    """Return a text as GGUF writes it."""
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def gguf(
    tensors: Sequence[tuple[str, Sequence[int], int, int]],
    data: bytes,
    keys: Sequence[bytes] = (),
    counts: tuple[int, int] | None = None,
) -> bytes:
    """Return a GGUF of tensors (name, dimensions, type, offset), aligned to 32."""
    found = counts or (len(tensors), len(keys))
    out = b"GGUF" + struct.pack("<IQQ", 3, *found) + b"".join(keys)
    for name, dims, kind, offset in tensors:
        out += text(name) + struct.pack("<I", len(dims))
        out += b"".join(struct.pack("<Q", dim) for dim in dims)
        out += struct.pack("<IQ", kind, offset)
    return out + b"\0" * (-len(out) % 32) + data


def gguf_keys() -> list[bytes]:
    """Return keys of GGUF, of each kind of value."""
    return [
        text("general.architecture") + struct.pack("<I", 8) + text("net"),
        text("general.alignment") + struct.pack("<II", 4, 32),
        text("net.rate") + struct.pack("<If", 6, 0.5),
        text("words") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc"),
        text("scores") + struct.pack("<IIQ", 9, 6, 2) + floats([1, 2]),
    ]
