# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire format of protocol buffers: fields of a message, in bounds, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

from .source import Source

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_WINDOW = 4096


@dataclass(frozen=True)
class Field:
    """A field: its number and wire type; a varint's value, or where its bytes lie."""

    number: int
    wire: int
    value: int
    offset: int
    length: int


def fields(source: Source, offset: int, length: int) -> Iterator[Field]:
    """Yield the fields of the message in these bytes; Error where it is not one."""
    end = offset + length
    while offset < end:
        tag, offset = _varint(source, offset, end)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise source.error(f"is no protocol buffer at {offset}: field {number}")
        if wire == VARINT:
            value, offset = _varint(source, offset, end)
            yield Field(number, wire, value, offset, 0)
            continue
        if wire == BYTES:
            size, offset = _varint(source, offset, end)
        elif wire in _FIXED:
            size = _FIXED[wire]
        else:
            raise source.error(f"is no protocol buffer at {offset}: wire type {wire}")
        if offset + size > end:
            raise source.error(f"is truncated: field {number} at {offset} has {size}")
        yield Field(number, wire, 0, offset, size)
        offset += size


def varints(source: Source, offset: int, length: int) -> Iterator[int]:
    """Yield the numbers of a packed field."""
    end = offset + length
    while offset < end:
        window = source.read(offset, min(_WINDOW, end - offset))
        # A number may go over the end of the window: it is read with the next one.
        used, value, shift = 0, 0, 0
        for place, byte in enumerate(window):
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                yield value & 0xFFFFFFFFFFFFFFFF
                used, value, shift = place + 1, 0, 0
            elif shift >= 70:
                break
        if not used:
            raise source.error(f"is no protocol buffer at {offset}: an endless number")
        offset += used


def _varint(source: Source, offset: int, end: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(source.read(offset, min(10, end - offset))):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, offset + place + 1
    raise source.error(f"is no protocol buffer at {offset}: an endless number")
