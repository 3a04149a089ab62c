# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paragraphs of fields (deb822), read strictly and written to the same bytes always."""

from __future__ import annotations

import re
from typing import Iterable, Mapping

SIZE_LIMIT = 1 << 22  # bytes

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_FIELD = re.compile(rf"({_NAME.pattern}):(.*)", re.DOTALL)


def read(data: bytes) -> dict[str, str]:
    """Return the fields of the one paragraph that `data` holds.

    Raises ValueError with a reason. python3-debian passes over lines that are no
    field, keeps the last of two fields of one name and strips what looks like a
    signature; here only what `write` writes is read.
    """
    if len(data) > SIZE_LIMIT:
        raise ValueError(f"larger than {SIZE_LIMIT} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
    fields: dict[str, str] = {}
    known: set[str] = set()
    name = ""
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        match = _FIELD.fullmatch(line)
        if match:
            name = match[1]
            if name.lower() in known:
                raise ValueError(f"line {number}: field '{name}' stands there twice")
            known.add(name.lower())
            fields[name] = match[2].strip()
        elif name and line.startswith((" ", "\t")) and line.strip():
            fields[name] += "\n" + line.rstrip()
        else:
            raise ValueError(f"line {number}: no field and no part of one")
    return fields


def write(fields: Mapping[str, str]) -> bytes:
    """Return the paragraph with these fields, in their order, without empty ones.

    Blanks at the end of lines are not kept. Raises ValueError where a value would end
    its field or begin another, or a name is none.
    """
    text = ""
    for name, value in fields.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is no name of a field")
        if value.strip():
            text += f"{name}:{_folded(name, value)}\n"
    return text.encode("utf-8")


def _folded(name: str, value: str) -> str:
    first, *others = value.split("\n")
    for line in others:
        if not line.startswith((" ", "\t")) or not line.strip():
            raise ValueError(f"field '{name}': the line '{line}' would end it")
    head = f" {first.strip()}" if first.strip() else ""
    return "\n".join([head, *(line.rstrip() for line in others)])


def lines(items: Iterable[str]) -> str:
    """Return the value of a field that holds one item on each line, '' for none."""
    return "".join(f"\n {item}" for item in items)


def split(value: str) -> list[str]:
    """Return the items of a field that holds one on each line."""
    return [line.strip() for line in value.splitlines() if line.strip()]
