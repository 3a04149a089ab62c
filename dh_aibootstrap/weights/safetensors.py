# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Safetensors: a length, a JSON header, and tensors that fill the rest exactly."""

from __future__ import annotations

import json
from typing import Any

from ..words import shown
from .dtypes import DTYPES, OPAQUE, DType
from .source import Source
from .tensor import MOST_TENSORS, Tensor, elements, stored

# A header of this size lists some 40,000 tensors.
LONGEST_HEADER = 1 << 22
_OPAQUE = {"F8_E4M3": 1, "F8_E5M2": 1, "C64": 8}


def looks_like(source: Source) -> bool:
    """Tell whether a JSON object follows a length that is no text."""
    head = source.head(9)
    return len(head) == 9 and head[6:] == b"\0\0{"


def read(source: Source) -> tuple[Tensor, ...]:
    """Return the tensors. Raises Error where they overlap, leave gaps or run over."""
    length = int.from_bytes(source.read(0, 8), "little")
    if length > LONGEST_HEADER:
        raise source.error(
            f"says that its header has {length} bytes; at most {LONGEST_HEADER} may be"
        )
    header = _header(source, length)
    if len(header) > MOST_TENSORS:
        raise source.error(f"lists more than {MOST_TENSORS} tensors")
    entries = []
    for name, entry in header.items():
        if name == "__metadata__":
            _check_notes(source, entry)
        else:
            entries.append((name, *_entry(source, name, entry)))
    entries.sort(key=lambda entry: entry[3:])
    end, tensors = 0, []
    for name, dtype, shape, first, last in entries:
        if first != end:
            what = (
                "overlaps the one before" if first < end else "leaves a gap before it"
            )
            raise source.error(f"tensor {shown(name)} {what}")
        at = 8 + length + first
        if at + last - first > source.size:
            raise source.error(f"tensor {shown(name)} ends after the end of the file")
        tensors.append(stored(source, name, dtype, shape, at, last - first))
        end = last
    if 8 + length + end != source.size:
        left = source.size - 8 - length - end
        raise source.error(f"has {left} bytes after its last tensor")
    return tuple(tensors)


def _header(source: Source, length: int) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key is there twice")
        return found

    try:
        text = source.read(8, length).decode("utf-8")
        header = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise source.error(f"its header is not JSON as it should be: {error}") from None
    if not isinstance(header, dict):
        raise source.error("its header is not a JSON object")
    return header


def _check_notes(source: Source, notes: Any) -> None:
    if not isinstance(notes, dict) or not all(
        isinstance(text, str) for text in notes.values()
    ):
        raise source.error("'__metadata__' of its header is not a map of texts")


def _entry(
    source: Source, name: str, entry: Any
) -> tuple[DType, tuple[int, ...], int, int]:
    keys = {"dtype", "shape", "data_offsets"}
    if not isinstance(entry, dict) or set(entry) != keys:
        raise source.error(f"tensor {shown(name)} has not the keys {sorted(keys)}")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise source.error(f"tensor {shown(name)} has no usable shape or offsets")
    word = entry["dtype"] if isinstance(entry["dtype"], str) else ""
    if word in _OPAQUE:
        dtype = DType(word, _OPAQUE[word], OPAQUE)
    elif word in DTYPES:
        dtype = DTYPES[word]
    else:
        raise source.error(f"tensor {shown(name)} is of the unknown type {shown(word)}")
    length = elements(source, tuple(shape)) * dtype.size
    if offsets[1] - offsets[0] != length:
        raise source.error(
            f"tensor {shown(name)} has {offsets[1] - offsets[0]} bytes;"
            f" its shape takes {length}"
        )
    return dtype, tuple(shape), offsets[0], offsets[1]


def _are_counts(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(
        type(number) is int and 0 <= number < 1 << 63 for number in numbers
    )
