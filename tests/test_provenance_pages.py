# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual pages of stamp and record against the code that writes and reads them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dh_aibootstrap import record  # noqa: E402
from dh_aibootstrap import stamp as stamps  # noqa: E402

STAMP_PAGE = "dh_aibootstrap-provenance"
RECORD_PAGE = "bootstrapinfo"
PAGES = (STAMP_PAGE, RECORD_PAGE)


def page(name: str) -> str:
    """Return the source of a manual page."""
    return (ROOT / f"man/{name}.pod").read_text("utf-8")


def section(text: str, title: str) -> str:
    """Return what stands below a heading."""
    (found,) = re.findall(rf"^=head1 {title}$(.*?)^=head1 ", text, re.M | re.S)
    return str(found)


def entries(text: str) -> dict[str, str]:
    """Return the items of a section, each with its text; a name stands there once."""
    found = re.findall(r"^=item B<([^>]+)>$(.*?)(?=^=item|^=back)", text, re.M | re.S)
    assert len(dict(found)) == len(found)
    return dict(found)


def example(text: str) -> bytes:
    """Return the file that a page shows."""
    lines = section(text, "EXAMPLE").strip("\n").split("\n")
    assert all(line.startswith("    ") for line in lines)
    return "".join(line[4:] + "\n" for line in lines).encode()


def written(module: str) -> list[str]:
    """Return the names of the fields that to_bytes of a module gives a value."""
    tree = ast.parse((ROOT / f"dh_aibootstrap/{module}.py").read_text("utf-8"))
    (function,) = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "to_bytes"
    )
    found = [node for node in ast.walk(function) if isinstance(node, ast.Dict)]
    names = [key.value for key in found[0].keys if isinstance(key, ast.Constant)]
    return [str(name) for name in names]


def test_every_field_of_the_stamp_is_documented() -> None:
    """What is written, what is known, what the page has: the same, in one order."""
    documented = list(entries(section(page(STAMP_PAGE), "FIELDS")))
    assert documented == stamps.FIELDS == written("stamp")


def test_every_field_of_the_record_is_documented() -> None:
    """The same for the record, and for the words of its stages."""
    text = page(RECORD_PAGE)
    documented = list(entries(section(text, "FIELDS")))
    assert documented == record.FIELDS == written("record")
    words = [
        name.removesuffix("=") for name in entries(section(text, "WORDS OF STAGES"))
    ]
    assert words == record.STAGE_WORDS


@pytest.mark.parametrize("name", PAGES)
def test_every_entry_says_all(name: str) -> None:
    """Type, example, what it does not prove; who writes it, where that differs."""
    for title, needed in (
        ("FIELDS", ["Type: ", "Example: ", "Does not prove: "]),
        ("WORDS OF STAGES", ["Type: ", "Does not prove: "]),
    ):
        if name == STAMP_PAGE:
            needed = [*needed, "Written by: "]
            if title != "FIELDS":
                continue
        for field, text in entries(section(page(name), title)).items():
            for words in needed:
                assert text.count(f"\n{words}") == 1, f"{field}: {words}"


def test_the_examples_are_a_stamp_and_a_record() -> None:
    """They are read by the code, hold every field, and are written the same again."""
    data = example(page(STAMP_PAGE))
    assert stamps.to_bytes(stamps.from_bytes(data)) == data
    assert re.findall(r"^([A-Z][\w-]*):", data.decode(), re.M) == stamps.FIELDS
    data = example(page(RECORD_PAGE))
    assert record.to_bytes(record.from_bytes(data)) == data
    assert re.findall(r"^([A-Z][\w-]*):", data.decode(), re.M) == record.FIELDS
    (stage,) = record.from_bytes(data).stages
    assert all(f" {word}=" in str(stage) for word in record.STAGE_WORDS)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (STAMP_PAGE, "what the shipped weights of a package were made from"),
        (RECORD_PAGE, "how one training of a package's weights went"),
    ],
)
def test_the_package_brings_the_pages(name: str, short: str, tmp_path: Path) -> None:
    """debian/rules makes them for section 5, and they are without fault."""
    source, made = ROOT / f"man/{name}.pod", tmp_path / f"{name}.5"
    checked = subprocess.run(["podchecker", "-warnings", source], capture_output=True)
    assert checked.returncode == 0
    assert checked.stderr.decode().strip() == f"{source} pod syntax OK."
    rule = f"$(pod2man) --section=5 man/{name}.pod debian/man/{name}.5"
    assert (ROOT / "debian/rules").read_text("utf-8").count(f"\t{rule}\n") == 1
    command = ["pod2man", "--utf8", "--section=5", str(source), str(made)]
    subprocess.run(command, check=True)
    text = made.read_text("utf-8").replace("\\-", "-").replace("\\*(Aq", "'")
    assert f"{name} - {short}" in text
