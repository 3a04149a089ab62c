# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stamp: the same bytes for the same weights, and nothing read that is none."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap import stamp as stamps  # noqa: E402
from dh_aibootstrap.errors import Error  # noqa: E402
from dh_aibootstrap.stamp import Stamp, WeightPin  # noqa: E402

STAMP = Stamp(
    source="words",
    manifest="12" * 32,
    recipe="34" * 32,
    determinism="bitwise",
    parameters=("epochs 40", 'name "a b"'),
    datasets=("words " + "56" * 32 + " source-package words-data 1.0-1",),
    licences=("words GPL-3+",),
    lineage=("words a word list of 1998, by Jörg",),
    stages=("train " + "78" * 32 + " 4711",),
    weights=(
        WeightPin("model.txt", "9a" * 32, 5),
        WeightPin("other.txt", "bc" * 32, 0),
    ),
    replaces=("debian/aibootstrap/model.txt data/model.txt",),
    acceptance=("train.error <= 0.1: met (0.05)",),
    static_built_using="words-data (= 1.0-1)",
)
TEXT = f"""\
Format: 1
Source: words
Manifest-Sha256: {'12' * 32}
Recipe-Sha256: {'34' * 32}
Determinism: bitwise
Parameters:
 epochs 40
 name "a b"
Datasets:
 words {'56' * 32} source-package words-data 1.0-1
Licences:
 words GPL-3+
Lineage:
 words a word list of 1998, by Jörg
Stages:
 train {'78' * 32} 4711
Weights:
 {'9a' * 32} 5 model.txt
 {'bc' * 32} 0 other.txt
Replaces:
 debian/aibootstrap/model.txt data/model.txt
Acceptance:
 train.error <= 0.1: met (0.05)
Static-Built-Using: words-data (= 1.0-1)
"""


NEWER = "; this version reads 1, a newer dh-aibootstrap may read it"


def test_bytes_of_a_stamp() -> None:
    """The file as a person reads it, and back."""
    assert stamps.to_bytes(STAMP).decode() == TEXT
    assert stamps.from_bytes(TEXT.encode()) == STAMP


def test_small_stamp() -> None:
    """Fields without content are left out, and come back empty."""
    names = ("parameters", "datasets", "licences", "lineage", "stages", "replaces")
    empty = {name: () for name in (*names, "acceptance")}
    small = dataclasses.replace(
        STAMP, determinism="", static_built_using="", **empty  # type: ignore[arg-type]
    )
    data = stamps.to_bytes(small)
    assert [line.split(":")[0] for line in data.decode().splitlines()] == [
        "Format",
        "Source",
        "Manifest-Sha256",
        "Recipe-Sha256",
        "Weights",
        f" {'9a' * 32} 5 model.txt",
        f" {'bc' * 32} 0 other.txt",
    ]
    assert stamps.from_bytes(data) == small


def test_field_of_a_later_version_is_kept() -> None:
    """What this version does not know passes through it unchanged."""
    data = TEXT.encode() + b"Colour: blue\nShapes:\n round\n"
    stamp = stamps.from_bytes(data)
    assert stamp.others == {"Colour": "blue", "Shapes": "\n round"}
    assert stamps.to_bytes(stamp) == data


@pytest.mark.parametrize(
    "field", ["Format", "Source", "Manifest-Sha256", "Recipe-Sha256", "Weights"]
)
def test_missing_field(field: str) -> None:
    """What a check needs must be there."""
    text = TEXT.replace(f"\n{field}:", "\nX:").replace("Format: 1\n", "Format: 1\n")
    if field == "Format":
        text = TEXT.replace("Format: 1\n", "")
    with pytest.raises(ValueError) as caught:
        stamps.from_bytes(text.encode())
    assert str(caught.value) == f"field '{field}' is missing"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Format: 1", "Format: 2", f"Format 2{NEWER}"),
        ("Format: 1", "Format: 1.0", f"Format 1.0{NEWER}"),
        ("Source: words", "Source:", "field 'Source' is missing"),
        (
            f"Recipe-Sha256: {'34' * 32}",
            "Recipe-Sha256: 34",
            "Recipe-Sha256: '34' is not 64 hexadecimal digits",
        ),
        ("other.txt", "model.txt", "Weights: 'model.txt' stands there twice"),
        (
            "Source: words\n",
            "Source: words\x1b[2K\n",
            "line 2: control character U+001B",
        ),
        (" 5 model.txt", " 5 a/b", "Weights: '{} 5 a/b' is not SHA256 SIZE NAME"),
        (" 5 model.txt", " 5 ..", "Weights: '{} 5 ..' is not SHA256 SIZE NAME"),
        (" 5 model.txt", " 5", "Weights: '{} 5' is not SHA256 SIZE NAME"),
        (" 5 model.txt", " -5 m", "Weights: '{} -5 m' is not SHA256 SIZE NAME"),
        (" 5 model.txt", " 5 a b", "Weights: '{} 5 a b' is not SHA256 SIZE NAME"),
        (" 5 model.txt", "0 5 m", "Weights: '{}0 5 m' is not SHA256 SIZE NAME"),
        (
            "Source: words\n",
            "Source: words\n\n",
            "line 3: a blank line; there is one paragraph",
        ),
        (
            "Source: words\n",
            "Source: words\nsource: other\n",
            "line 3: field 'source' stands there twice",
        ),
    ],
)
def test_what_is_no_stamp(old: str, new: str, reason: str) -> None:
    """A stamp is read whole or not at all."""
    assert TEXT.count(old) == 1
    with pytest.raises(ValueError) as caught:
        stamps.from_bytes(TEXT.replace(old, new).encode())
    assert str(caught.value) == reason.format("9a" * 32)


def test_load(tmp_path: Path) -> None:
    """A stamp, none, one that cannot be read: three answers."""
    path = tmp_path / "provenance"
    assert stamps.load(path) is None
    path.write_text(TEXT)
    assert stamps.load(path) == STAMP
    path.write_text("nothing\n")
    with pytest.raises(Error) as caught:
        stamps.load(path)
    assert str(caught.value) == (
        "debian/aibootstrap/provenance: line 1: no field and no part of one; make it"
        " anew with 'debian/rules bootstrap'"
    )
    assert caught.value.status == 1
    path.unlink()
    path.mkdir()
    with pytest.raises(Error) as caught:
        stamps.load(path)
    assert str(caught.value) == (
        f"debian/aibootstrap/provenance: [Errno 21] Is a directory: '{path}'; make it"
        " anew with 'debian/rules bootstrap'"
    )
