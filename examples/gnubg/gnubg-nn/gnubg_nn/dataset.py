# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data files: positions with five probabilities, in columns, xz-compressed.

A file is a few lines of text, an empty line, and one xz stream:

    gnubg-nn-data 1
    lineage: gnubg 1.07.001 weights
    labels: 0-ply cubeless
    positions: 300000
    sha256: of the uncompressed columns

The columns: byte 0 of every key, byte 1, ... byte 9; then for each of the five
probabilities the high bytes of all positions and the low bytes. A probability p is
stored as the whole number round(65535 p). Keys ascend strictly, so that no position
occurs twice. The same data give the same bytes.
"""

from __future__ import annotations

import hashlib
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .classes import PositionClass, classify
from .errors import NNError
from .files import read_file, write_file
from .net import OUTPUTS, Floats
from .positions import KEY_BYTES, Boards, Keys, boards_from_keys

MAGIC = "gnubg-nn-data 1"
TRAIN_FILE = "train.data"
HELD_OUT_FILE = "held-out.data"
SCALE = 65535
MAX_POSITIONS = 10_000_000
_ROW_BYTES = KEY_BYTES + 2 * OUTPUTS
_MAX_HEADER = 4096
_MEMORY = 512 << 20
_FIELDS = ("lineage", "labels", "positions", "sha256")

Labels = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class TrainingSet:
    """Positions by ascending key, each once, with their probabilities.

    keys uint8 (n, 10), boards uint8 (n, 2, 25), targets float32 (n, 5), classes uint8
    (n,); the digest is of keys and probabilities as they were read.
    """

    lineage: str
    labelling: str
    keys: Keys
    boards: Boards
    targets: Floats
    classes: npt.NDArray[np.uint8]
    digest: str


@dataclass(frozen=True)
class Dataset:
    """Keys (n, 10), boards (n, 2, 25), labels (n, 5) in 1/65535, classes (n,)."""

    lineage: str
    labelling: str
    keys: Keys
    boards: Boards
    labels: Labels
    classes: npt.NDArray[np.uint8]
    digest: str

    def probabilities(self) -> Floats:
        """Return the labels as float32 probabilities, (n, 5)."""
        return (self.labels / SCALE).astype(np.float32)

    def training_set(self) -> TrainingSet:
        """Return what nets are trained on."""
        return TrainingSet(
            self.lineage,
            self.labelling,
            self.keys,
            self.boards,
            self.probabilities(),
            self.classes,
            self.digest,
        )


def labels_from_probabilities(values: npt.NDArray[Any]) -> Labels:
    """Return labels of (n, 5) probabilities; rounding never makes them contradict."""
    labels: Labels = np.rint(np.asarray(values) * SCALE).astype(np.uint16)
    lose = SCALE - labels[:, 0]
    labels[:, 3] = np.minimum(labels[:, 3], lose)
    labels[:, 4] = np.minimum(labels[:, 4], labels[:, 3])
    return labels


def _columns(keys: Keys, labels: Labels) -> bytes:
    parts = [keys.T.tobytes()]
    for column in labels.T:
        parts.append((column >> 8).astype(np.uint8).tobytes())
        parts.append((column & 255).astype(np.uint8).tobytes())
    return b"".join(parts)


def _check(
    place: str, keys: Keys, labels: Labels
) -> tuple[Boards, npt.NDArray[np.uint8]]:
    """Return boards and classes, or raise NNError naming the first bad position."""
    try:
        boards = boards_from_keys(keys)
    except NNError as error:
        raise NNError(f"{place}: {error}") from None
    order = _not_ascending(keys)
    if order is not None:
        raise NNError(f"{place}: position {order}: key not above the one before")
    wide = labels.astype(np.int64)
    win, gammon, backgammon, lose_gammon, lose_backgammon = wide.T
    wrong = (gammon > win) | (backgammon > gammon)
    wrong |= (lose_gammon > SCALE - win) | (lose_backgammon > lose_gammon)
    bad = np.flatnonzero(wrong)
    if bad.size:
        numbers = " ".join(str(value) for value in wide[bad[0]])
        what = f"probabilities contradict each other: {numbers}"
        raise NNError(f"{place}: position {int(bad[0])}: {what}")
    classes = classify(boards)
    other = np.flatnonzero(classes < PositionClass.RACE)
    if other.size:
        name = PositionClass(int(classes[other[0]])).name.lower()
        what = f"class {name}: not one that a net is trained for"
        raise NNError(f"{place}: position {int(other[0])}: {what}")
    return boards, classes


def _not_ascending(keys: Keys) -> int | None:
    """Return the first index whose key is not above its predecessor's."""
    wide = keys.astype(np.int16)
    difference = wide[1:] - wide[:-1]
    first = np.argmax(difference != 0, axis=1)
    step = np.take_along_axis(difference, first[:, None], axis=1)[:, 0]
    bad = np.flatnonzero(step <= 0)
    return int(bad[0]) + 1 if bad.size else None


def write_dataset(
    path: Path, lineage: str, labelling: str, keys: Keys, labels: Labels
) -> None:
    """Write a data file, all or nothing; positions are sorted by key first."""
    order = np.lexsort(keys.T[::-1])
    keys, labels = np.ascontiguousarray(keys[order]), labels[order]
    _check(str(path), keys, labels)
    raw = _columns(keys, labels)
    header = (
        f"{MAGIC}\nlineage: {lineage}\nlabels: {labelling}\n"
        f"positions: {len(keys)}\nsha256: {hashlib.sha256(raw).hexdigest()}\n\n"
    )
    packed = lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)
    write_file(path, header.encode("ascii") + packed)


def _header(path: Path, data: bytes) -> tuple[dict[str, str], int]:
    """Return the fields of the header and the offset of the xz stream."""
    end = data.find(b"\n\n", 0, _MAX_HEADER)
    try:
        lines = data[: max(end, 0)].decode("ascii").split("\n")
    except UnicodeDecodeError:
        lines = [""]
    if lines[0] != MAGIC:
        raise NNError(f"{path}:1: not a data file: expected {MAGIC!r}")
    fields: dict[str, str] = {}
    for number, name in enumerate(_FIELDS, 2):
        text = lines[number - 1] if number <= len(lines) else ""
        if not text.startswith(name + ": "):
            raise NNError(f"{path}:{number}: {text[:40]!r}: expected '{name}: ...'")
        fields[name] = text[len(name) + 2 :]
    if len(lines) > len(_FIELDS) + 1:
        raise NNError(f"{path}:{len(_FIELDS) + 2}: a line too many in the header")
    return fields, end + 2


def _count(path: Path, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 8):
        raise NNError(f"{path}:4: positions {text[:20]!r}: expected a whole number")
    count = int(text)
    if not 1 <= count <= MAX_POSITIONS:
        raise NNError(f"{path}:4: {count} positions: expected 1 to {MAX_POSITIONS}")
    return count


def _unpack(path: Path, packed: bytes, size: int) -> bytes:
    """Return exactly `size` bytes out of one xz stream, never making more."""
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    try:
        raw = decoder.decompress(packed, max_length=size + 1)
        if len(raw) == size and not decoder.eof:
            raw += decoder.decompress(b"", max_length=1)
    except (lzma.LZMAError, EOFError) as error:
        raise NNError(f"{path}: damaged xz stream: {error}") from None
    if len(raw) > size:
        raise NNError(f"{path}: more data than the header's positions")
    if not decoder.eof:
        raise NNError(f"{path}: the file ends early: truncated")
    if len(raw) < size:
        raise NNError(
            f"{path}: {len(raw)} bytes of columns: the header promises {size}"
        )
    if decoder.unused_data:
        raise NNError(f"{path}: data behind the xz stream")
    return raw


def read_dataset(path: Path) -> Dataset:
    """Return a data file, every position checked; raises NNError otherwise."""
    data = read_file(path, _MAX_HEADER + MAX_POSITIONS * _ROW_BYTES, "data file")
    fields, start = _header(path, data)
    count = _count(path, fields["positions"])
    raw = _unpack(path, data[start:], count * _ROW_BYTES)
    digest = hashlib.sha256(raw).hexdigest()
    if digest != fields["sha256"]:
        raise NNError(f"{path}:5: sha256 of the columns is {digest}: damaged")
    table = np.frombuffer(raw, np.uint8).reshape(_ROW_BYTES, count)
    keys = np.ascontiguousarray(table[:KEY_BYTES].T)
    halves = table[KEY_BYTES:].reshape(OUTPUTS, 2, count).astype(np.uint16)
    labels = np.ascontiguousarray((halves[:, 0] << 8 | halves[:, 1]).T)
    boards, classes = _check(str(path), keys, labels)
    return Dataset(
        fields["lineage"], fields["labels"], keys, boards, labels, classes, digest
    )
