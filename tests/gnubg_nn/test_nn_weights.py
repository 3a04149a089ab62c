# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""gnubg.weights: Debian's own file byte for byte, and what the gate refuses."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Callable

import numpy as np
import pytest

from gnubg_nn.errors import NNError
from gnubg_nn.net import Net
from gnubg_nn.weights import NETS, format_weights, read_weights, write_weights


def _nets() -> list[Net]:
    random = np.random.Generator(np.random.PCG64(1))
    nets = []
    for spec in NETS:
        net = _zero(spec.inputs, spec.hidden)
        for array in net.arrays():
            array[:] = random.normal(size=array.shape)
        nets.append(net)
    return nets


def _zero(inputs: int, hidden: int) -> Net:
    return Net(
        np.zeros((inputs, hidden), np.float32),
        np.zeros((5, hidden), np.float32),
        np.zeros(hidden, np.float32),
        np.zeros(5, np.float32),
    )


@pytest.fixture(scope="module")
def text() -> bytes:
    return format_weights(_nets())


def test_debian_file_byte_for_byte(debian_weights: Path, tmp_path: Path) -> None:
    original = debian_weights.read_bytes()
    assert len(original) == 1_097_781
    assert hashlib.md5(original).hexdigest() == "b42faf608145e57837443b12e69987ea"
    write_weights(tmp_path / "again", read_weights(debian_weights))
    assert (tmp_path / "again").read_bytes() == original


def test_round_trip(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "w"
    write_weights(path, _nets())
    assert path.read_bytes() == text
    assert format_weights(read_weights(path)) == text
    assert [entry.name for entry in tmp_path.iterdir()] == ["w"]


def _lines(change: Callable[[list[bytes]], object]) -> Callable[[bytes], bytes]:
    def apply(text: bytes) -> bytes:
        lines = text.split(b"\n")
        change(lines)
        return b"\n".join(lines)

    return apply


def _set(line: int, value: bytes) -> Callable[[bytes], bytes]:
    return _lines(lambda lines: lines.__setitem__(line - 1, value))


def _made(change: Callable[[list[Net]], list[Net]]) -> Callable[[bytes], bytes]:
    return lambda text: format_weights(change(_nets()))


GATE = [
    (
        _set(1, b"GNU Backgammon 1.01"),
        "1: version 'GNU Backgammon 1.01': expected 'GNU Backgammon 1.00'",
    ),
    (lambda text: b"", "1: version '': expected 'GNU Backgammon 1.00'"),
    (_made(lambda nets: nets[:5]), "1: 5 nets: expected 6"),
    (_made(lambda nets: nets + nets[:1]), "101974: 7 nets: expected 6"),
    (
        _made(lambda nets: [nets[0], nets[2], nets[1], *nets[3:]]),
        "32776: race net: 250 and 5: expected 214 inputs and 5 outputs",
    ),
    (
        _made(lambda nets: [*nets[:3], _zero(250, 16), *nets[4:]]),
        "93716: pruning-contact net: 250 and 5: expected 200 inputs and 5 outputs",
    ),
    (
        _made(lambda nets: [_zero(250, 130), *nets[1:]]),
        "2: contact net: 130 hidden units: expected a multiple of 8",
    ),
    (
        _made(lambda nets: [replace(nets[0], beta_hidden=1.0), *nets[1:]]),
        "2: contact net: betas 1.0 and 1.0: not 0.1 and 1.0",
    ),
    (_set(77, b"nan"), "77: 'nan': expected a decimal number"),
    (_set(78, b"-inf"), "78: '-inf': expected a decimal number"),
    (_set(79, b"1e999"), "79: '1e999': expected a decimal number"),
    (_set(81, b" 1.0000000"), "81: ' 1.0000000': expected a decimal number"),
    (
        _set(2, b"250 128 5 0 0.1000000"),
        "2: '250 128 5 0 0.1000000': expected INPUTS HIDDEN OUTPUTS 0 BETA BETA",
    ),
    (
        _set(2, b"250 999999 5 0 0.1000000 1.0000000"),
        "2: sizes [250, 999999, 5]: each must be 1 to 4096",
    ),
    (
        _set(2, b"250 128 5 0 0.0000000 1.0000000"),
        "2: beta '0.0000000': expected a number > 0",
    ),
    (
        lambda text: text[: text.rindex(b"\n", 0, -1) + 1],
        "101972: the file ends early: 1652 numbers of 1653",
    ),
    (_set(9, b"\xff"), "9: not plain text: not a weights file"),
]


@pytest.mark.parametrize("change, message", GATE, ids=range(len(GATE)))
def test_gate(
    tmp_path: Path, text: bytes, change: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "w"
    path.write_bytes(change(text))
    with pytest.raises(NNError) as caught:
        read_weights(path)
    assert str(caught.value) == f"{path}:{message}"


def test_a_number_beyond_float32(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "w"
    path.write_bytes(_set(80, b"9" * 30)(text))
    assert read_weights(path)[0].hidden_weights.max() == np.float32(1e30)
    path.write_bytes(_set(80, b"9" * 40)(text))
    with pytest.raises(NNError) as caught:
        read_weights(path)
    assert str(caught.value) == f"{path}:80: '{'9' * 40}': expected a decimal number"


def test_writer_refuses_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_text("old")
    nets = _nets()
    nets[1].hidden_bias[3] = np.nan
    with pytest.raises(NNError) as caught:
        write_weights(path, nets)
    message = f"{path}: race net: numbers that are not finite"
    assert str(caught.value) == message
    with pytest.raises(NNError) as caught:
        write_weights(path, _nets()[:5])
    assert str(caught.value) == f"{path}:1: 5 nets: expected 6"
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["w"]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NNError) as caught:
        read_weights(tmp_path / "w")
    message = f"{tmp_path}/w: cannot read: No such file or directory"
    assert str(caught.value) == message
