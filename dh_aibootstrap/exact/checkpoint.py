# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A training's whole state as bytes, and back; nothing in a file is trusted.

    AIBOOTSTRAP-EXACT 1\\n
    {"arrays": ["master", ...], "count": N, "recipe": "...", "step": S}\\n
    the arrays, N binary32 numbers each, little-endian
    SHA-256 of all before it, 32 bytes

The second line is canonical JSON of at most 64 KiB. A file's size is compared with
what the reader expects before a number is read, and nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ExactError

MAGIC = b"AIBOOTSTRAP-EXACT 1\n"
HEADER_LIMIT = 1 << 16
_DIGEST = 32

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class State:
    """After `step` steps: the named vectors, all of one length."""

    recipe: str
    step: int
    arrays: dict[str, Floats]


def to_bytes(state: State) -> bytes:
    """Return the state's one encoding; ExactError for names beyond 64 KiB."""
    count = len(next(iter(state.arrays.values())))
    header = {
        "arrays": list(state.arrays),
        "count": count,
        "recipe": state.recipe,
        "step": state.step,
    }
    line = json.dumps(header, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    if len(line) > HEADER_LIMIT:
        raise ExactError(f"a header of {len(line)} bytes, at most {HEADER_LIMIT}")
    parts = [MAGIC, line]
    parts += [array.astype("<f4").tobytes() for array in state.arrays.values()]
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def save(path: Path, state: State) -> None:
    """Write the state beside `path` and rename it there: the old or the new, whole."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with open(beside, "wb") as stream:
            stream.write(to_bytes(state))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def load(path: Path, recipe: str, arrays: tuple[str, ...], count: int) -> State:
    """Return the state in a file that was saved by this recipe.

    Raises ExactError for another recipe, shape or version, for damage, and for
    numbers that are not finite; FileNotFoundError where there is no file.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ExactError(f"{path}: no regular file; move it away")
    size = status.st_size
    limit = len(MAGIC) + HEADER_LIMIT + 4 * count * len(arrays) + _DIGEST
    if size > limit:
        raise ExactError(f"{path}: {size} bytes, at most {limit} were expected")
    data = path.read_bytes()
    line = _header_line(path, data)
    header = _header(path, line)
    expected = {"arrays": list(arrays), "count": count, "recipe": recipe}
    for key, value in expected.items():
        if header.get(key) != value:
            found = _short(header.get(key))
            raise ExactError(
                f"{path}: {key} is {found}, expected {_short(value)}; it is of another "
                "training: remove it"
            )
    if type(header.get("step")) is not int or header["step"] < 0:
        raise ExactError(
            f"{path}: step is {_short(header.get('step'))}; remove the file"
        )
    begin = len(MAGIC) + len(line) + 1
    if len(data) != begin + 4 * count * len(arrays) + _DIGEST:
        raise ExactError(f"{path}: {len(data)} bytes, cut off or grown; remove it")
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise ExactError(f"{path}: its SHA-256 is wrong, it is damaged; remove it")
    numbers = np.frombuffer(body, "<f4", offset=begin).astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ExactError(f"{path}: numbers that are not finite; remove it")
    parts = numbers.reshape(len(arrays), count)
    return State(recipe, header["step"], dict(zip(arrays, parts, strict=True)))


def _header_line(path: Path, data: bytes) -> bytes:
    if not data.startswith(MAGIC):
        version = data[: len(MAGIC)].decode("latin-1").rstrip("\n")
        raise ExactError(
            f"{path}: begins with {version!r}, expected {MAGIC.decode().rstrip()!r}; "
            "it is no checkpoint, or one of another version: remove it"
        )
    end = data.find(b"\n", len(MAGIC), len(MAGIC) + HEADER_LIMIT)
    if end < 0:
        raise ExactError(f"{path}: no header within 64 KiB; remove it")
    return data[len(MAGIC) : end]


def _header(path: Path, line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ExactError(f"{path}: the header is no JSON object; remove the file")
    return header


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
