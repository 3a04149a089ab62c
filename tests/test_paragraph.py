# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paragraphs: what is read is what was written, and nothing else is read."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from debian.deb822 import Deb822

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap import paragraph  # noqa: E402

GOOD = (
    "Format: 1\n"
    "Source: words\n"
    "Weights:\n"
    " " + "0" * 64 + " 5 model.txt\n"
    " " + "1" * 64 + " 6 other.txt\n"
    "Message: first line\n"
    " second line\n"
    " .\n"
    "  indented\n"
    "Lineage: Wörter\n"
).encode()


def test_fields_in_their_order() -> None:
    """Every field with its value, as python3-debian reads it too."""
    fields = paragraph.read(GOOD)
    assert fields == {
        "Format": "1",
        "Source": "words",
        "Weights": "\n " + "0" * 64 + " 5 model.txt\n " + "1" * 64 + " 6 other.txt",
        "Message": "first line\n second line\n .\n  indented",
        "Lineage": "Wörter",
    }
    assert fields == dict(Deb822(GOOD))
    assert list(fields) == ["Format", "Source", "Weights", "Message", "Lineage"]


def test_written_bytes_are_read_and_written_again() -> None:
    """write(read(data)) is data, bit for bit."""
    assert paragraph.write(paragraph.read(GOOD)) == GOOD


def test_empty_fields_are_left_out() -> None:
    """A field without a value is not written."""
    assert paragraph.write({"A": "1", "B": "", "C": "\n x"}) == b"A: 1\nC:\n x\n"


def test_lines_and_their_items() -> None:
    """One item a line, and back."""
    assert paragraph.lines(["a b", "c"]) == "\n a b\n c"
    assert paragraph.lines([]) == ""
    assert paragraph.split("\n a b\n c") == ["a b", "c"]
    assert paragraph.split("") == []


@pytest.mark.parametrize(
    ("value", "line"),
    [("1\nB: 2", "B: 2"), ("1\n\n x", ""), ("1\n", ""), ("1\n \n x", " ")],
)
def test_value_that_would_end_its_field_is_not_written(value: str, line: str) -> None:
    """No value can begin a field of its own, or end the paragraph."""
    with pytest.raises(ValueError) as caught:
        paragraph.write({"A": value})
    assert str(caught.value) == f"field 'A': the line '{line}' would end it"


@pytest.mark.parametrize("unseen", ["\0", "\r", "\x1b", "\x7f", "\x85", "\u2029"])
def test_control_character_is_not_written(unseen: str) -> None:
    """What would not be read again; from elsewhere it is made visible first."""
    with pytest.raises(ValueError) as caught:
        paragraph.write({"A": f"1{unseen}2"})
    code = f"U+{ord(unseen):04X}"
    assert str(caught.value) == f"field 'A': control character {code}"
    assert paragraph.visible(f"1{unseen}2\n3") == "1?2?3"
    assert paragraph.write({"A": "1\t2"}) == b"A: 1\t2\n"


def test_no_more_of_a_file_is_read_than_can_be_used(tmp_path: Path) -> None:
    """A file without an end ends here."""
    endless = tmp_path / "endless"
    endless.symlink_to("/dev/zero")
    data = paragraph.load(endless)
    assert len(data) == (1 << 22) + 1
    with pytest.raises(ValueError) as caught:
        paragraph.read(data)
    assert str(caught.value) == "larger than 4194304 bytes"


@pytest.mark.parametrize("name", ["", "A B", "A:", "-A", "#A", "A\n"])
def test_name_that_is_none_is_not_written(name: str) -> None:
    """Names are letters, digits and '-'."""
    with pytest.raises(ValueError) as caught:
        paragraph.write({name: "1"})
    assert str(caught.value) == f"'{name}' is no name of a field"


def test_blanks_at_the_end_of_lines_are_not_kept() -> None:
    """They cannot be seen, and dpkg does not keep them either."""
    assert paragraph.write({"A": " 1 \n x  ", "B": " "}) == b"A: 1\n x\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "line 1: no field and no part of one"),
        (b"\n", "line 1: no field and no part of one"),
        (b"A: 1\nA: 2\n", "line 2: field 'A' stands there twice"),
        (b"A: 1\nB: 2\na: 2\n", "line 3: field 'a' stands there twice"),
        (b"A: 1\nA : 2\n", "line 2: no field and no part of one"),
        (b"A: 1\n\nB: 2\n", "line 2: a blank line; there is one paragraph"),
        (b"A: 1\n\n", "line 2: no field and no part of one"),
        (b"A: 1\n \n x\n", "line 2: a blank line; there is one paragraph"),
        (b" x\nA: 1\n", "line 1: no field and no part of one"),
        (b"A: 1\nword\n", "line 2: no field and no part of one"),
        (b"# a comment\nA: 1\n", "line 1: no field and no part of one"),
        (b": 1\n", "line 1: no field and no part of one"),
        (b"-A: 1\n", "line 1: no field and no part of one"),
        (b"\xef\xbb\xbfA: 1\n", "line 1: no field and no part of one"),
        (
            b"-----BEGIN PGP SIGNED MESSAGE-----\n\nA: 1\n",
            "line 1: no field and no part of one",
        ),
        (b"A: \0\n", "line 1: control character U+0000"),
        (b"A: 1\nB: 1\r\n", "line 2: control character U+000D"),
        (b"A: \x1b[2K\n", "line 1: control character U+001B"),
        (b"A: \x7f\n", "line 1: control character U+007F"),
        ("A:\n b\x85 c\n".encode(), "line 2: control character U+0085"),
        ("A:\n b\u2028 c\n".encode(), "line 2: control character U+2028"),
        (b"A: \xff\n", "not UTF-8 text"),
        (b"A: " + b"x" * (1 << 22), "larger than 4194304 bytes"),
    ],
)
def test_what_is_no_paragraph(data: bytes, reason: str) -> None:
    """Nothing is passed over, guessed or kept in part."""
    with pytest.raises(ValueError) as caught:
        paragraph.read(data)
    assert str(caught.value) == reason


def test_mutated_paragraphs_give_fields_or_a_reason() -> None:
    """10,000 mutations: fields that come back when written, or a ValueError."""
    chance = random.Random(3)
    odd = [b"\n", b" ", b":", b"\t", b"\0", b"\xff", b"\r\n", b"A: 1\n", b".", b"\n\n"]
    odd += [b"\xc2\x85", b"\xe2\x80\xa8", b"\x0b", b"#", b"-----BEGIN PGP"]
    read = refused = 0
    for _ in range(10_000):
        data = GOOD
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(data) + 1)
            end = min(len(data), start + chance.choice((0, 1, 3, 40)))
            put = chance.choice([b"", chance.choice(odd), data[end : end + 30]])
            data = data[:start] + put + data[end:]
        try:
            fields = paragraph.read(data)
        except ValueError as error:
            assert str(error)
            refused += 1
            continue
        read += 1
        kept = {name: value for name, value in fields.items() if value}
        if kept:
            assert paragraph.read(paragraph.write(kept)) == kept
    assert read > 1000 and refused > 1000
