# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of one net: numpy arrays in a zip, never pickled, written beside."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import NNError
from .files import read_file, write_file
from .net import Floats

_NAMES = ("recipe", "epoch", "flat", "mean", "square")
_MAX_RECIPE = 4096


@dataclass(frozen=True)
class State:
    """Where the training of a net stands after `epoch` whole epochs."""

    epoch: int
    flat: Floats
    mean: Floats
    square: Floats


def save(path: Path, recipe: str, state: State) -> None:
    """Write a checkpoint; an interrupted write leaves the former one."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        recipe=np.frombuffer(recipe.encode("utf-8"), np.uint8),
        epoch=np.array([state.epoch], "<i8"),
        flat=state.flat.astype("<f4"),
        mean=state.mean.astype("<f4"),
        square=state.square.astype("<f4"),
    )
    write_file(path, buffer.getvalue())


def load(path: Path, recipe: str, count: int) -> State | None:
    """Return the checkpoint of `recipe` with `count` parameters; None without file.

    Raises NNError for a file that cannot be read, is damaged or of another recipe.
    """
    if not path.exists():
        return None
    limit = 3 * 4 * count + _MAX_RECIPE + 65536
    data = read_file(path, limit, "checkpoint of this net")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # Bounds the memory before numpy believes any header.
            if sum(info.file_size for info in archive.infolist()) > limit:
                raise ValueError("members too large")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            if sorted(arrays.files) != sorted(_NAMES):
                raise ValueError(f"members {sorted(arrays.files)}")
            parts = {name: arrays[name] for name in _NAMES}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise NNError(f"{path}: damaged checkpoint: {error}") from None
    if parts["recipe"].tobytes() != recipe.encode("utf-8"):
        raise NNError(f"{path}: checkpoint of another recipe")
    vectors = [parts[name] for name in ("flat", "mean", "square")]
    for vector in vectors:
        if vector.shape != (count,) or vector.dtype != np.dtype("<f4"):
            raise NNError(f"{path}: damaged checkpoint: wrong shape or type")
        if not np.isfinite(vector).all():
            raise NNError(f"{path}: damaged checkpoint: numbers that are not finite")
    if parts["epoch"].shape != (1,) or parts["epoch"].dtype != np.dtype("<i8"):
        raise NNError(f"{path}: damaged checkpoint: wrong epoch")
    flat, mean, square = (vector.astype(np.float32) for vector in vectors)
    return State(int(parts["epoch"][0]), flat, mean, square)
