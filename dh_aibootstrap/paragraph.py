# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paragraphs of fields (deb822), read strictly and written to the same bytes always."""

from __future__ import annotations

import re
from typing import Iterable, Mapping

from debian.deb822 import Deb822

SIZE_LIMIT = 1 << 22  # bytes

_FIELD = re.compile(r"^([^\s:#][^\s:]*):", re.MULTILINE)


def read(data: bytes) -> dict[str, str]:
    """Return the fields of the one paragraph that `data` holds.

    Raises ValueError with a reason: not UTF-8, too large, a field that stands there
    twice (python3-debian keeps the last one silently), more than one paragraph.
    """
    if len(data) > SIZE_LIMIT:
        raise ValueError(f"larger than {SIZE_LIMIT} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
    names = [name.lower() for name in _FIELD.findall(text)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"field '{name}' stands there twice")
    paragraphs = list(Deb822.iter_paragraphs(text, use_apt_pkg=False))
    if len(paragraphs) != 1:
        raise ValueError(f"{len(paragraphs)} paragraphs, not one")
    return {str(name): str(value) for name, value in paragraphs[0].items()}


def write(fields: Mapping[str, str]) -> bytes:
    """Return the paragraph with these fields, in their order, without empty ones."""
    paragraph = Deb822()
    for name, value in fields.items():
        if value:
            paragraph[name] = value
    return str(paragraph.dump()).encode("utf-8")


def lines(items: Iterable[str]) -> str:
    """Return the value of a field that holds one item on each line, '' for none."""
    return "".join(f"\n {item}" for item in items)


def split(value: str) -> list[str]:
    """Return the items of a field that holds one on each line."""
    return [line.strip() for line in value.splitlines() if line.strip()]
