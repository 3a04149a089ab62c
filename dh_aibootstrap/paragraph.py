# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paragraphs of fields (deb822), read strictly and written to the same bytes always."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterable, Mapping

from debian.deb822 import Deb822

SIZE_LIMIT = 1 << 22  # bytes

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_FIELD = re.compile(rf"({_NAME.pattern}):(.*)", re.DOTALL)

# What no person sees: C0 without the tab, DEL, C1, and the two that split lines.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_SHA256 = re.compile("[0-9a-f]{64}")


def load(path: Path) -> bytes:
    """Return the bytes of a file, as many as `read` takes and one more at most."""
    with open(path, "rb") as stream:
        return stream.read(SIZE_LIMIT + 1)


def read(data: bytes) -> dict[str, str]:
    """Return the fields of the one paragraph that `data` holds.

    Raises ValueError with a reason: not UTF-8, too large, or not what `write` writes.
    """
    if len(data) > SIZE_LIMIT:
        raise ValueError(f"larger than {SIZE_LIMIT} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
    lines = text.removesuffix("\n").split("\n")
    _refuse_what_deb822_forgives(lines)
    return {str(name): _tidy(str(value)) for name, value in Deb822(lines).items()}


def _refuse_what_deb822_forgives(lines: list[str]) -> None:
    """Raise ValueError for a line that is no field, no part of one, or a second one.

    python3-debian passes over lines that are no field, keeps the last of two fields
    of one name and strips what looks like a signature.
    """
    known: set[str] = set()
    for number, line in enumerate(lines, 1):
        unseen = _UNSEEN.search(line)
        match = _FIELD.fullmatch(line)
        if unseen:
            raise ValueError(f"line {number}: control character {_code(unseen)}")
        if match:
            name = match[1].lower()
            if name in known:
                raise ValueError(
                    f"line {number}: field '{match[1]}' stands there twice"
                )
            known.add(name)
        elif known and not line.strip() and any(map(str.strip, lines[number:])):
            raise ValueError(f"line {number}: a blank line; there is one paragraph")
        elif not (known and line.startswith((" ", "\t")) and line.strip()):
            raise ValueError(f"line {number}: no field and no part of one")


def _code(unseen: re.Match[str]) -> str:
    return f"U+{ord(unseen[0]):04X}"


def check_format(fields: Mapping[str, str], known: str, needed: Iterable[str]) -> None:
    """Raise ValueError where the fields are of another Format, or one is missing.

    The format comes first: what else is needed, only that of this version says.
    """
    if "Format" not in fields:
        raise ValueError("field 'Format' is missing")
    if fields["Format"] != known:
        raise ValueError(
            f"Format {fields['Format']}; this version reads {known}, a newer"
            " dh-aibootstrap may read it"
        )
    for name in needed:
        if not fields.get(name, "").strip():
            raise ValueError(f"field '{name}' is missing")


def digest(fields: Mapping[str, str], name: str) -> str:
    """Return the SHA-256 that a field holds. Raises ValueError where it holds none."""
    if not _SHA256.fullmatch(fields[name]):
        raise ValueError(f"{name}: '{fields[name]}' is not 64 hexadecimal digits")
    return fields[name]


def write(fields: Mapping[str, str]) -> bytes:
    """Return the paragraph with these fields, in their order, without empty ones.

    Blanks at the end of lines are not kept. Raises ValueError where a value would end
    its field or begin another, or a name is none.
    """
    paragraph = Deb822()
    for name, value in fields.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is no name of a field")
        if value.strip():
            paragraph[name] = _folded(name, value)
    return str(paragraph.dump()).encode("utf-8")


def _folded(name: str, value: str) -> str:
    for line in value.split("\n")[1:]:
        if not line.startswith((" ", "\t")) or not line.strip():
            raise ValueError(f"field '{name}': the line '{line}' would end it")
    unseen = _UNSEEN.search(value)
    if unseen:
        raise ValueError(f"field '{name}': control character {_code(unseen)}")
    return _tidy(value)


def visible(text: str) -> str:
    """Return a text from elsewhere as a field can hold it: unseen characters as '?'."""
    return _UNSEEN.sub("?", text.replace("\n", "?"))


def _tidy(value: str) -> str:
    """Return a value without the blanks that nobody sees."""
    first, *others = value.split("\n")
    return "\n".join([first.strip(), *(line.rstrip() for line in others)])


def lines(items: Iterable[str]) -> str:
    """Return the value of a field that holds one item on each line, '' for none."""
    return "".join(f"\n {item}" for item in items)


def split(value: str) -> list[str]:
    """Return the items of a field that holds one on each line."""
    return [line.strip() for line in value.splitlines() if line.strip()]
