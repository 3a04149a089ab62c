# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data files: deterministic, bounded, and refused when anything is off."""

from __future__ import annotations

import hashlib
import lzma
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from nn_support import DATA, judged

from gnubg_nn.classes import PositionClass
from gnubg_nn.dataset import (
    HELD_OUT_FILE,
    TRAIN_FILE,
    Labels,
    labels_from_probabilities,
    read_dataset,
    write_dataset,
)
from gnubg_nn.errors import NNError
from gnubg_nn.positions import Keys, keys_from_boards, start_position

COUNT = 40


def _sample() -> tuple[Keys, Labels]:
    data = judged()
    return data.keys[:: 20000 // COUNT].copy(), data.labels[:: 20000 // COUNT].copy()


def _packed(
    keys: Keys, labels: Labels, count: int | None = None, raw: bytes | None = None
) -> bytes:
    """Return a data file with a right digest, whatever it holds."""
    if raw is None:
        parts = [keys.T.tobytes()]
        for column in labels.T:
            parts.append((column >> 8).astype(np.uint8).tobytes())
            parts.append((column & 255).astype(np.uint8).tobytes())
        raw = b"".join(parts)
    digest = hashlib.sha256(raw).hexdigest()
    number = len(keys) if count is None else count
    head = f"gnubg-nn-data 1\nlineage: a\nlabels: b\npositions: {number}\n"
    return f"{head}sha256: {digest}\n\n".encode() + lzma.compress(raw, preset=0)


def test_round_trip_and_same_bytes(tmp_path: Path) -> None:
    keys, labels = _sample()
    shuffled = np.random.Generator(np.random.PCG64(1)).permutation(len(keys))
    write_dataset(tmp_path / "a", "x", "y", keys, labels)
    write_dataset(tmp_path / "b", "x", "y", keys[shuffled], labels[shuffled])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    data = read_dataset(tmp_path / "a")
    assert (data.keys == keys).all() and (data.labels == labels).all()
    assert (data.lineage, data.labelling) == ("x", "y")
    (tmp_path / "c").write_bytes(_packed(keys, labels))
    assert (read_dataset(tmp_path / "c").labels == labels).all()


def test_shipped_data() -> None:
    total = 0
    keys = []
    for name, contact, crashed, race in (
        (TRAIN_FILE, 500_000, 100_000, 100_000),
        (HELD_OUT_FILE, 1_000, 500, 500),
    ):
        data = read_dataset(DATA / name)
        counts = np.bincount(data.classes, minlength=6)
        assert counts[PositionClass.CONTACT] >= contact
        assert counts[PositionClass.CRASHED] >= crashed
        assert counts[PositionClass.RACE] >= race
        assert data.lineage == "self-play"
        keys.append(data.keys)
        total += (DATA / name).stat().st_size
    assert total < 16_000_000
    both = np.concatenate(keys)
    assert len(np.unique(both, axis=0)) == len(both)


def test_labels_never_contradict() -> None:
    third = 1 / 3
    rows = [[third, third, third, 1 - third, 1 - third], [1, 0, 0, 0, 0]]
    rows += [[0.5, 0.5, 0.5, 0.5, 0.5], [0.0, 0, 0, 1, 1]]
    labels = labels_from_probabilities(np.array(rows)).astype(int)
    assert (labels[:, 0] + labels[:, 3] <= 65535).all()
    assert (labels[:, 4] <= labels[:, 3]).all()
    assert labels[0].tolist() == [21845, 21845, 21845, 43690, 43690]


def _label(column: int, value: int) -> Callable[[Keys, Labels], bytes]:
    def change(keys: Keys, labels: Labels) -> bytes:
        labels[3] = 30000, 20000, 10000, 20000, 10000
        labels[3, column] = value
        return _packed(keys, labels)

    return change


def _key(row: int, key: bytes) -> Callable[[Keys, Labels], bytes]:
    def change(keys: Keys, labels: Labels) -> bytes:
        keys[row] = np.frombuffer(key, np.uint8)
        return _packed(keys, labels)

    return change


def _whole(change: Callable[[bytes], bytes]) -> Callable[[Keys, Labels], bytes]:
    return lambda keys, labels: change(_packed(keys, labels))


SIXTEEN = b"\xff\xff" + b"\0" * 8
CONTRADICT = ": position 3: probabilities contradict each other: "
REFUSED = [
    (_key(0, SIXTEEN), ": position 0: 16 chequers on one side, at most 15"),
    (_key(5, b"\xff" * 10), ": position 5: 80 chequers, at most 30"),
    (_label(1, 30001), CONTRADICT + "30000 30001 10000 20000 10000"),
    (_label(2, 20001), CONTRADICT + "30000 20000 20001 20000 10000"),
    (_label(3, 35536), CONTRADICT + "30000 20000 10000 35536 10000"),
    (_label(4, 20001), CONTRADICT + "30000 20000 10000 20000 20001"),
    (
        lambda keys, labels: _packed(keys[::-1], labels),
        ": position 1: key not above the one before",
    ),
    (
        lambda keys, labels: _packed(np.repeat(keys, 2, 0), np.repeat(labels, 2, 0)),
        ": position 1: key not above the one before",
    ),
    (
        lambda keys, labels: _packed(keys, labels, count=COUNT - 1),
        ": more data than the header's positions",
    ),
    (
        lambda keys, labels: _packed(keys, labels, count=COUNT + 1),
        ": 800 bytes of columns: the header promises 820",
    ),
    (
        lambda keys, labels: _packed(keys, labels, count=0),
        ":4: 0 positions: expected 1 to 10000000",
    ),
    (
        lambda keys, labels: _packed(keys, labels, count=99999999),
        ":4: 99999999 positions: expected 1 to 10000000",
    ),
    (
        lambda keys, labels: _packed(keys, labels, count=-1),
        ":4: positions '-1': expected a whole number",
    ),
    (_whole(lambda data: data[:-9]), ": the file ends early: truncated"),
    (_whole(lambda data: data[:200]), ": the file ends early: truncated"),
    (_whole(lambda data: data + b"x"), ": data behind the xz stream"),
    (_whole(lambda data: b""), ":1: not a data file: expected 'gnubg-nn-data 1'"),
    (
        _whole(lambda data: data.replace(b"data 1", b"data 2")),
        ":1: not a data file: expected 'gnubg-nn-data 1'",
    ),
    (
        _whole(lambda data: data.replace(b"lineage: a\n", b"")),
        ":2: 'labels: b': expected 'lineage: ...'",
    ),
    (
        _whole(lambda data: data.replace(b"\n\n", b"\nmore: 1\n\n", 1)),
        ":6: a line too many in the header",
    ),
]


@pytest.mark.parametrize("make, message", REFUSED, ids=range(len(REFUSED)))
def test_refused(
    tmp_path: Path, make: Callable[[Keys, Labels], bytes], message: str
) -> None:
    path = tmp_path / "data"
    path.write_bytes(make(*_sample()))
    with pytest.raises(NNError) as caught:
        read_dataset(path)
    assert str(caught.value) == f"{path}{message}"


def test_damage_anywhere_is_refused(tmp_path: Path) -> None:
    whole = _packed(*_sample())
    path = tmp_path / "data"
    for at in range(len(whole) - 12, 200, -37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(NNError) as caught:
            read_dataset(path)
        assert str(caught.value).startswith(str(path))


def test_a_bomb_makes_no_memory(tmp_path: Path) -> None:
    keys, labels = _sample()
    path = tmp_path / "data"
    path.write_bytes(_packed(keys, labels, raw=b"\0" * 50_000_000))
    with pytest.raises(NNError) as caught:
        read_dataset(path)
    assert str(caught.value) == f"{path}: more data than the header's positions"


def test_a_class_without_a_net_is_refused(tmp_path: Path) -> None:
    board = start_position()
    board[:] = 0
    board[:, :, 2] = 3
    path = tmp_path / "data"
    with pytest.raises(NNError) as caught:
        write_dataset(
            path, "x", "y", keys_from_boards(board), np.zeros((1, 5), np.uint16)
        )
    message = "position 0: class bearoff2: not one that a net is trained for"
    assert str(caught.value) == f"{path}: {message}"
    assert not path.exists()


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(NNError) as caught:
        read_dataset(tmp_path / "no")
    message = f"{tmp_path}/no: cannot read: No such file or directory"
    assert str(caught.value) == message
