# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkpoint has one encoding, nothing in a file is trusted, no save half done."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest
from dh_aibootstrap.exact import checkpoint
from dh_aibootstrap.exact.checkpoint import MAGIC, State, load, save, to_bytes
from dh_aibootstrap.exact.errors import ExactError

NAMES = ("master", "momentum")
STATE = State(
    "net 1",
    300,
    {
        "master": np.array([1.0, -0.5, 0.1], np.float32),
        "momentum": np.array([0.0, -0.0, 1e-30], np.float32),
    },
)
HEADER = b'{"arrays":["master","momentum"],"count":3,"recipe":"net 1","step":300}\n'
NUMBERS = bytes.fromhex("0000803f000000bfcdcccc3d" "0000000000000080 6042a20d")


def sealed(body: bytes) -> bytes:
    """Return the body with the digest that goes with it."""
    return body + hashlib.sha256(body).digest()


def with_header(**changes: Any) -> bytes:
    """Return the file of STATE with another header, rightly sealed."""
    header = {**json.loads(HEADER), **changes}
    line = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return sealed(MAGIC + line + b"\n" + NUMBERS)


def refusal(path: Path, content: bytes) -> str:
    """Return why a file is refused; it is left as it was."""
    path.write_bytes(content)
    with pytest.raises(ExactError) as caught:
        load(path, "net 1", NAMES, 3)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message[len(f"{path}: ") :]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A place for a checkpoint."""
    return tmp_path / "net.checkpoint"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_bytes_are_these(path: Path) -> None:
    """Little-endian everywhere, canonical JSON, SHA-256 at the end."""
    expected = sealed(MAGIC + HEADER + NUMBERS)
    assert MAGIC == b"AIBOOTSTRAP-EXACT 1\n"
    assert to_bytes(STATE) == expected
    save(path, STATE)
    assert path.read_bytes() == expected
    assert os.listdir(path.parent) == [path.name]
    assert hashlib.sha256(expected).hexdigest() == (
        "04b60b777425cfc195c60060e10d5c7b2762f74d737fb8d159308a0466f00d91"
    )


def test_load_gives_back_every_bit(path: Path) -> None:
    """Names in order, zeros with their signs, the step."""
    save(path, STATE)
    found = load(path, "net 1", NAMES, 3)
    assert (found.recipe, found.step, tuple(found.arrays)) == ("net 1", 300, NAMES)
    for name in NAMES:
        assert found.arrays[name].dtype == np.float32
        assert found.arrays[name].tobytes() == STATE.arrays[name].tobytes()
    assert to_bytes(found) == to_bytes(STATE)


def test_no_file_is_no_file(path: Path) -> None:
    """The caller begins anew."""
    with pytest.raises(FileNotFoundError):
        load(path, "net 1", NAMES, 3)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """It is not read, nor removed."""
    with pytest.raises(ExactError) as caught:
        load(tmp_path, "net 1", NAMES, 3)
    assert str(caught.value) == f"{tmp_path}: no regular file; move it away"
    assert tmp_path.is_dir()


def test_a_pipe_is_refused_without_waiting(path: Path) -> None:
    """Opening it would wait for a writer."""
    os.mkfifo(path)
    with pytest.raises(ExactError) as caught:
        load(path, "net 1", NAMES, 3)
    assert str(caught.value) == f"{path}: no regular file; move it away"


OF_ANOTHER = "; it is of another training: remove it"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"recipe": "net 2"}, "recipe is 'net 2', expected 'net 1'"),
        ({"recipe": None}, "recipe is None, expected 'net 1'"),
        ({"recipe": "x" * 90}, f"recipe is '{'x' * 56}..., expected 'net 1'"),
        ({"count": 4}, "count is 4, expected 3"),
        ({"count": 10**300}, f"count is 1{'0' * 56}..., expected 3"),
        ({"count": "3"}, "count is '3', expected 3"),
        ({"count": [3]}, "count is [3], expected 3"),
        ({"count": float("nan")}, "count is nan, expected 3"),
        (
            {"arrays": ["master"]},
            "arrays is ['master'], expected ['master', 'momentum']",
        ),
        (
            {"arrays": {"master": 1}},
            "arrays is {'master': 1}, expected ['master', 'momentum']",
        ),
    ],
)
def test_another_training_is_refused(
    path: Path, changes: dict[str, Any], message: str
) -> None:
    """What differs, what was found, what was expected."""
    assert refusal(path, with_header(**changes)) == message + OF_ANOTHER


@pytest.mark.parametrize(
    "step, found",
    [(-1, "-1"), (True, "True"), (1.5, "1.5"), ("1", "'1'"), (None, "None")],
)
def test_a_step_that_is_none_is_refused(path: Path, step: Any, found: str) -> None:
    """It must be a whole number, at least 0."""
    assert refusal(path, with_header(step=step)) == (
        f"step is {found}; remove the file"
    )


@pytest.mark.parametrize(
    "content, found",
    [
        (b"", "''"),
        (b"\n" * 99, "''"),
        (MAGIC[:-3], "'AIBOOTSTRAP-EXACT'"),
        (b"AIBOOTSTRAP-EXACT 2\n" + HEADER, "'AIBOOTSTRAP-EXACT 2'"),
        (b"PK\x03\x04" + bytes(30), r"'PK\x03\x04" + r"\x00" * 16 + "'"),
    ],
)
def test_another_version_or_no_checkpoint_is_refused(
    path: Path, content: bytes, found: str
) -> None:
    """What the file begins with is quoted."""
    assert refusal(path, content) == (
        f"begins with {found}, expected 'AIBOOTSTRAP-EXACT 1'; it is no checkpoint, or "
        "one of another version: remove it"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"count":3}}',
        b"\xff\xfe\x00",
        b"[" * 60000,
        b'{"a":' * 10000,
        b"9" * 60000,
        b"\x00" * 60000,
    ],
)
def test_a_header_that_is_no_object_is_refused(path: Path, line: bytes) -> None:
    """However deep or long within 64 KiB, and though the digest is right."""
    content = sealed(MAGIC + line + b"\n")
    assert refusal(path, content) == "the header is no JSON object; remove the file"


def test_a_header_beyond_64_kib_is_refused(path: Path) -> None:
    """It is neither sought further nor written."""
    assert refusal(path, MAGIC + b" " * 65536) == "no header within 64 KiB; remove it"
    content = MAGIC + HEADER[:-1] + b" " * (65536 - len(HEADER)) + b"\n"
    path.write_bytes(sealed(content + NUMBERS))
    assert load(path, "net 1", NAMES, 3).step == 300
    longest = "r" * (65536 - len(HEADER) + len("net 1"))
    save(path, State(longest, 300, STATE.arrays))
    assert load(path, longest, NAMES, 3).recipe == longest
    before = path.read_bytes()
    with pytest.raises(ExactError) as caught:
        save(path, State(longest + "r", 300, STATE.arrays))
    assert str(caught.value) == "a header of 65537 bytes, at most 65536"
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_file_larger_than_any_of_its_kind_is_not_read(path: Path) -> None:
    """A terabyte of nothing costs nothing."""
    with open(path, "wb") as stream:
        stream.write(to_bytes(STATE))
        stream.truncate(1 << 40)
    with pytest.raises(ExactError) as caught:
        load(path, "net 1", NAMES, 3)
    limit = len(MAGIC) + 65536 + 24 + 32
    assert str(caught.value) == (
        f"{path}: {1 << 40} bytes, at most {limit} were expected"
    )
    assert path.stat().st_size == 1 << 40


def test_cut_off_anywhere_is_refused(tiny: Path) -> None:
    """At every length; the message says where in the file it ends."""
    path, whole = tiny / "net.checkpoint", to_bytes(STATE)
    begin = len(MAGIC) + len(HEADER)
    for length in range(len(whole)):
        message = refusal(path, whole[:length])
        if length < len(MAGIC):
            assert message.startswith("begins with ")
        elif length < begin:
            assert message == "no header within 64 KiB; remove it"
        else:
            assert message == f"{length} bytes, cut off or grown; remove it"


def test_grown_is_refused(path: Path) -> None:
    """A byte more, or the file twice."""
    whole = to_bytes(STATE)
    for content in (whole + b"\0", whole + whole):
        expected = f"{len(content)} bytes, cut off or grown; remove it"
        assert refusal(path, content) == expected


def test_every_flipped_bit_is_refused(tiny: Path) -> None:
    """Behind the header by the digest, before it by what it says or the digest."""
    path, whole = tiny / "net.checkpoint", to_bytes(STATE)
    begin = len(MAGIC) + len(HEADER)
    for place in range(8 * len(whole)):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        message = refusal(path, bytes(content))
        if place >= 8 * begin:
            assert message == "its SHA-256 is wrong, it is damaged; remove it"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(path: Path, value: float) -> None:
    """Though the digest is right."""
    numbers = np.array([1, value, 2, 3, 4, 5], "<f4").tobytes()
    content = sealed(MAGIC + HEADER + numbers)
    assert refusal(path, content) == "numbers that are not finite; remove it"


def test_mutated_files_raise_nothing_else(tiny: Path) -> None:
    """4,000 files with bytes changed, cut, doubled and spliced, half of them sealed."""
    chance = random.Random(12)
    path, whole = tiny / "net.checkpoint", to_bytes(STATE)
    pieces = [b"\n", b"{", b"}", b'"', b"[", b"9" * 40, b"\0", b"1e999", b"NaN", b"-"]
    body, refused = whole[:-32], 0
    for number in range(4000):
        content = bytearray(body if number % 2 else whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(content) + 1)
            kind = chance.randrange(5)
            if kind == 0 and at < len(content):
                content[at] = chance.randrange(256)
            elif kind == 1:
                del content[at : at + chance.randrange(1, 9)]
            elif kind == 2:
                content[at:at] = chance.choice(pieces)
            elif kind == 3:
                content[at:at] = content[max(0, at - 9) : at]
            else:
                content[at : at + 4] = chance.randbytes(4)
        path.write_bytes(sealed(bytes(content)) if number % 2 else bytes(content))
        try:
            state = load(path, "net 1", NAMES, 3)
        except ExactError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
        else:
            assert state.recipe == "net 1" and state.step >= 0
            assert all(np.isfinite(a).all() for a in state.arrays.values())
    assert 3000 < refused < 4000


def large(step: int) -> State:
    """Return a state of 40 KiB."""
    return State("net 1", step, {"master": np.full(10240, step, np.float32)})


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tiny: Path) -> None:
    """Two of 40 KiB do not fit beside each other."""
    path = tiny / "net.checkpoint"
    save(path, large(1))
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space left on device"):
        save(path, large(2))
    assert path.read_bytes() == before
    assert os.listdir(tiny) == [path.name]
    assert load(path, "net 1", ("master",), 10240).step == 1


def test_a_read_only_disk_leaves_the_old_file(tiny: Path) -> None:
    """The error names what could not be written."""
    path = tiny / "net.checkpoint"
    save(path, STATE)
    before = path.read_bytes()
    subprocess.run(["mount", "-o", "remount,ro", str(tiny)], check=True)
    with pytest.raises(OSError, match="Read-only file system"):
        save(path, large(2))
    assert path.read_bytes() == before
    assert os.listdir(tiny) == [path.name]


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    """Nothing is made on the way."""
    with pytest.raises(FileNotFoundError):
        save(tmp_path / "none" / "net.checkpoint", STATE)
    assert os.listdir(tmp_path) == []


def test_a_name_taken_by_a_folder_leaves_no_temporary(tmp_path: Path) -> None:
    """os.replace fails last; what was written beside goes."""
    path = tmp_path / "net.checkpoint"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        save(path, STATE)
    assert os.listdir(tmp_path) == [path.name]
    assert path.is_dir()


def test_limit_of_the_header_is_what_the_docstring_says() -> None:
    """64 KiB."""
    assert checkpoint.HEADER_LIMIT == 64 << 10
