# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text tables: lines of numbers between blanks, under lines that are no numbers.

Lines with the same number of numbers that follow each other are one tensor, named after
the last line of words before it and its place below that line. So

    Words 1.00          'Words 1.00 / 1' is 1x3, 'Words 1.00 / 2' has 4 numbers
    2 2 1
    0.5
    ...
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator

from ..words import shown
from .dtypes import DECIMAL, pack_decimals
from .source import STEP, Source
from .tensor import CHUNK, MOST_TENSORS, Tensor

LONGEST_LINE = 1 << 18
# Python's float() takes time by the square of the digits.
_NUMBER = re.compile(
    rb"[+-]?(?:[0-9]{1,64}(?:\.[0-9]{0,64})?(?:e[+-]?[0-9]{1,8})?"
    rb"|\.[0-9]{1,64}(?:e[+-]?[0-9]{1,8})?|nan|inf(?:inity)?)",
    re.IGNORECASE,
)


@dataclass
class Table:
    """Lines of `columns` numbers each, from the byte `start` to before `end`."""

    name: str
    start: int
    end: int
    rows: int
    columns: int


def looks_like(source: Source) -> bool:
    """Tell whether the file is mostly lines of numbers."""
    return tables(source) is not None


def read(source: Source) -> tuple[Tensor, ...]:
    """Return a tensor for each table."""
    found = tables(source)
    if found is None:
        raise source.error("is not a text of mostly numbers")
    return tuple(_tensor(source, table) for table in found)


def tables(source: Source) -> list[Table] | None:
    """Return the tables; None where words prevail, or it is no text at all."""
    if b"\0" in source.head(4096):
        return None
    found: list[Table] = []
    header, places, words, columns = "", {"": 0}, 0, 0
    for start, line in _lines(source):
        if len(line) >= LONGEST_LINE:
            return None
        numbers = line.split()
        if not numbers:
            continue
        if not all(map(_NUMBER.fullmatch, numbers)):
            header = " ".join(line.decode("utf-8", "replace").split())[:80]
            places.setdefault(header, 0)
            words, columns = words + 1, 0
        elif columns == len(numbers):
            found[-1].rows += 1
            found[-1].end = start + len(line)
        else:
            places[header] += 1
            name = f"{header} / {places[header]}".strip(" /")
            columns = len(numbers)
            found.append(Table(name, start, start + len(line), 1, columns))
        if max(len(found), len(places)) > MOST_TENSORS:
            return None
    rows = sum(table.rows for table in found)
    return found if rows > words else None


def _lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its place; one that is too long as its first part alone."""
    start, rest = 0, b""
    for piece in source.pieces(0, source.size, STEP):
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield start, line
            start += len(line) + 1
        if len(rest) >= LONGEST_LINE:
            yield start, rest
            return
    if rest:
        yield start, rest


def _tensor(source: Source, table: Table) -> Tensor:
    shape = (table.rows, table.columns)

    def pieces() -> Iterator[bytes]:
        part = source.part(table.name, table.start, table.end - table.start)
        waiting: list[float] = []
        for _, line in _lines(part):
            numbers = line.split()
            if not all(map(_NUMBER.fullmatch, numbers)):
                raise source.error(f"changed while it was read: {shown(str(line))}")
            waiting += map(float, numbers)
            while len(waiting) >= CHUNK:
                yield pack_decimals(waiting[:CHUNK])
                del waiting[:CHUNK]
        if waiting:
            yield pack_decimals(waiting)

    return Tensor(
        table.name, DECIMAL, shape[:1] if table.columns == 1 else shape, pieces
    )
