# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files read with a bound, and written whole or not at all."""

from __future__ import annotations

import io
import json
import os
import tokenize
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Mapping

import numpy as np
import numpy.typing as npt

from .errors import NNError

# What numpy raises for an array file that is none, or whose header is spoilt.
_DAMAGED = (ValueError, EOFError, zipfile.BadZipFile, tokenize.TokenError)


def read_file(path: Path, limit: int, kind: str) -> bytes:
    """Return a file's bytes; NNError when it cannot be read or is beyond the limit."""
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise NNError(f"{path}: cannot read: {error.strerror}") from None
    if len(data) > limit:
        raise NNError(f"{path}: more than {limit} bytes: not a {kind}")
    return data


def write_file(path: Path, data: bytes) -> None:
    """Put these bytes in the place of a file; NNError, and the former one, if not.

    They are written beside it first. An error or an interruption leaves nothing there.
    """
    beside = path.with_name(path.name + ".new")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise NNError(f"{path}: cannot write: {error.strerror}") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as JSON in ASCII; ValueError for a number that is not finite."""
    text = json.dumps(values, indent=1, allow_nan=False)
    write_file(path, f"{text}\n".encode("ascii"))


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array in numpy's own format."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_file(path, buffer.getvalue())


def read_array(path: Path) -> npt.NDArray[Any]:
    """Return an array that write_array wrote; NNError when it is not there whole."""
    try:
        with open(path, "rb") as file:
            array: Any = np.load(file, allow_pickle=False)
            whole = isinstance(array, np.ndarray) and not file.read(1)
    except OSError as error:
        raise NNError(f"{path}: cannot read: {error.strerror or error}") from None
    except _DAMAGED as error:
        raise NNError(f"{path}: damaged array: {error}") from None
    if not whole:
        raise NNError(f"{path}: damaged array: more than an array")
    found: npt.NDArray[Any] = array
    return found
