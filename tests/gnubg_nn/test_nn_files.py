# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are there whole or not at all, and what is wrong with one is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nn_support  # noqa: F401
import numpy as np
import pytest

from gnubg_nn.errors import NNError
from gnubg_nn.files import read_array, read_file, write_array, write_file, write_json


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_the_place_of_the_former(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for data in (b"one", b"", b"three"):
        write_file(path, data)
        assert path.read_bytes() == data
    assert names(tmp_path) == ["a"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "no" / "a"
    with pytest.raises(NNError) as caught:
        write_file(path, b"new")
    assert str(caught.value) == f"{path}: cannot write: No such file or directory"
    assert names(tmp_path) == []


def test_a_full_disk_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    (tmp_path / "a.new").symlink_to("/dev/full")
    with pytest.raises(NNError) as caught:
        write_file(path, b"new")
    assert str(caught.value) == f"{path}: cannot write: No space left on device"
    assert names(tmp_path) == ["a"] and path.read_bytes() == b"old"


def test_what_cannot_be_replaced_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.mkdir()
    with pytest.raises(NNError) as caught:
        write_file(path, b"new")
    assert str(caught.value) == f"{path}: cannot write: Is a directory"
    assert names(tmp_path) == ["a"] and names(path) == []


def test_whatever_ends_a_write_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    wrong: Any = "no bytes"
    with pytest.raises(TypeError):
        write_file(path, wrong)
    assert names(tmp_path) == ["a"] and path.read_bytes() == b"old"


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_json(path, {"duel": {"ppg": 0.5, "who": "\u00e9"}})
    text = '{\n "duel": {\n  "ppg": 0.5,\n  "who": "\\u00e9"\n }\n}\n'
    assert path.read_text("ascii") == text
    with pytest.raises(ValueError):
        write_json(path, {"duel": float("nan")})
    assert json.loads(path.read_text())["duel"]["ppg"] == 0.5
    assert names(tmp_path) == ["a"]


def test_reading_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_file(path, 5, "thing") == b"12345"
    with pytest.raises(NNError) as caught:
        read_file(path, 4, "thing")
    assert str(caught.value) == f"{path}: more than 4 bytes: not a thing"
    with pytest.raises(NNError) as caught:
        read_file(tmp_path, 4, "thing")
    assert str(caught.value) == f"{tmp_path}: cannot read: Is a directory"


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a"
    array = np.zeros(3, [("key", np.uint8, 10), ("value", np.float32)])
    array["value"] = 1, 2, 3
    write_array(path, array)
    again = read_array(path)
    assert again.dtype == array.dtype and (again == array).all()
    whole = path.read_bytes()
    damaged = f"{path}: damaged array: "
    for data, message in (
        (b"", damaged),
        (b"no array", damaged),
        (b"PK\x03\x04", damaged),
        (whole[:-1], damaged),
        (whole[:30], damaged),
        (whole.replace(b"(3,)", b"(9,)"), damaged),
        (whole.replace(b"(3,)", b"((3,"), damaged),
        (whole + b"x", damaged + "more than an array"),
    ):
        path.write_bytes(data)
        with pytest.raises(NNError) as caught:
            read_array(path)
        assert str(caught.value).startswith(message)
    path.unlink()
    with pytest.raises(NNError) as caught:
        read_array(path)
    assert str(caught.value) == f"{path}: cannot read: No such file or directory"
