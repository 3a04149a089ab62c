# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused as shipped weights, by what a file holds and not by its name.

Refused is what can do more than hold numbers when a program loads it, what several
programs would read differently, what nobody can look into, and numbers that are none.
A format that is not known here passes: dictionaries and tables are weights too.
"""

from __future__ import annotations

import math
import stat
from pathlib import Path

from ..errors import Error
from ..words import shown
from . import kinds, layers, npz, pickles, tars, zips
from .dtypes import FLOAT, values
from .kinds import Weights
from .source import Source, open_source
from .unpack import MOST_UNPACKED, Budget, Unpacked, unpack

DEEPEST = 4
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
# joblib's own header before zlib: its letters, and the length in 19 places.
_JOBLIB, _JOBLIB_SIZE = b"ZF0x", 21
_MEND = "write the numbers alone, as text, .npy or safetensors"


def refusal(path: Path, name: str) -> str | None:
    """Return why this file is refused, beginning with `name`; None where it is not."""
    try:
        source = open_source(path, name, follow=False)
        with source.stream:
            _check(source, Budget(), 0)
    except Error as error:
        return str(error)
    return None


def _check(source: Source, budget: Budget, depth: int) -> None:
    """Raise Error where this is refused."""
    if depth > DEEPEST:
        raise source.error(f"is packed more than {DEEPEST} times over")
    if zips.looks_like(source):
        _check_zip(source, budget, depth)
        return
    if zips.ends_like(source):
        raise source.error("ends with a zip archive: it is two formats in one")
    _check_hdf5(source)
    for magic, kind in _PACKED.items():
        if source.head(len(magic)) == magic:
            _check_packed(source, kind, budget, depth)
            return
    if tars.looks_like(source):
        for member in tars.members(source):
            _check(member, budget, depth + 1)
        return
    _check_pickle(source)
    if (weights := kinds.read(source)) is not None:
        _check_finite(source, weights)
    elif layers.looks_like(source):
        _check_layers(source)
    else:
        _check_perhaps_packed(source, budget, depth)


def _check_zip(source: Source, budget: Budget, depth: int) -> None:
    members = zips.members(source)
    for member in members:
        if stat.S_ISLNK(member.mode):
            raise source.error(f"member {shown(member.name)} is a symbolic link")
        parts = member.name.replace("\\", "/").split("/")
        if ".." in parts or not parts[0]:
            raise source.error(f"member {shown(member.name)} points out of the archive")
        _check(zips.content(source, member, budget), budget, depth + 1)
    if npz.looks_like(source):
        # Each array was looked at; what is left is how they are put together.
        npz.read(source, budget)


def _check_hdf5(source: Source) -> None:
    """HDF5 may begin behind a block of the user's own, of 512 bytes, 1024, 2048 ..."""
    at = 0
    while at + len(_HDF5) <= source.size:
        if source.read(at, len(_HDF5)) == _HDF5:
            raise source.error(
                "is HDF5, which nothing here can look into: it can hold pickles and"
                f" layers of code; {_MEND}"
            )
        at = 2 * at or 512


def _check_packed(source: Source, kind: str, budget: Budget, depth: int) -> None:
    unpacked = unpack(source, kind, budget, MOST_UNPACKED)
    if unpacked.fault is not None:
        _check_pickle(unpacked.source)
        raise source.error(f"is damaged: {kind} says {unpacked.fault}")
    _check_unpacked(source, kind, unpacked, budget, depth)


def _check_unpacked(
    source: Source, kind: str, unpacked: Unpacked, budget: Budget, depth: int
) -> None:
    _check(unpacked.source, budget, depth + 1)
    if unpacked.used != source.size:
        raise source.error(
            f"has {source.size - unpacked.used} bytes after the end of its {kind} data"
        )


def _check_perhaps_packed(source: Source, budget: Budget, depth: int) -> None:
    """Look into what has no magic number: zlib, lzma."""
    head = source.head(14)
    if head[:4] == _JOBLIB and source.size > _JOBLIB_SIZE:
        size = source.size - _JOBLIB_SIZE
        _check_perhaps_packed(source.part("joblib", _JOBLIB_SIZE, size), budget, depth)
    elif len(head) > 2 and head[0] & 15 == 8 and (head[0] << 8 | head[1]) % 31 == 0:
        _check_guess(source, "zlib", budget, depth)
    elif len(head) == 14 and head[0] < 225 and head[13] == 0 and _is_lzma(head):
        _check_guess(source, "lzma", budget, depth)


def _is_lzma(head: bytes) -> bool:
    """Tell whether the sizes of the header are such as programs write."""
    window = int.from_bytes(head[1:5], "little")
    size = int.from_bytes(head[5:13], "little")
    usual = {1 << n for n in range(32)} | {3 << n for n in range(31)} | {0xFFFFFFFF}
    return window in usual and (size == (1 << 64) - 1 or size < 1 << 38)


def _check_guess(source: Source, kind: str, budget: Budget, depth: int) -> None:
    """Check what comes out, if it is of this kind at all; a pickle also half of it."""
    unpacked = unpack(source, kind, budget, MOST_UNPACKED)
    if unpacked.fault is None:
        _check_unpacked(source, kind, unpacked, budget, depth)
    else:
        _check_pickle(unpacked.source)


def _check_pickle(source: Source) -> None:
    if pickles.looks_like(source):
        raise source.error(
            f"is a Python pickle, which runs code when it is loaded; {_MEND}"
        )


def _check_layers(source: Source) -> None:
    found = layers.code_in(source)
    if found is not None:
        raise source.error(
            f"has a layer of the class '{found}', which carries code; {_MEND}"
        )


def _check_finite(source: Source, weights: Weights) -> None:
    for tensor in weights.tensors:
        if tensor.dtype.kind != FLOAT:
            continue
        count = 0
        for piece in tensor.pieces():
            numbers = values(tensor.dtype, piece)
            if not all(map(math.isfinite, numbers)):
                place = next(n for n, x in enumerate(numbers) if not math.isfinite(x))
                raise source.error(
                    f"tensor {shown(tensor.name)} has {numbers[place]} at"
                    f" {count + place}, which is no finite number"
                )
            count += len(numbers)
