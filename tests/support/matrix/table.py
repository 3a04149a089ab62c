# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers as a table for people, and whether all of them agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Mapping, Sequence

from .stacks import Answer

SHOWN = 12


@dataclass(frozen=True)
class Row:
    """A stack's name and its answer."""

    name: str
    answer: Answer

    @property
    def why_none(self) -> str:
        """Return why the row has no digests, or nothing."""
        reasons = ("refused", "absent", "failed")
        words = {"absent": "not here"}
        for reason in reasons:
            text = getattr(self.answer, reason)
            if text:
                return f"{words.get(reason, reason)}: {text}"
        return ""


def line(row: Row, columns: Sequence[str], width: int) -> str:
    """Return the row of the exact digests."""
    answer = row.answer
    seconds = f"{answer.seconds:6.1f} s"
    if row.why_none:
        found = f" ({answer.machine})" if answer.machine else ""
        return f"{row.name:{width}}  {row.why_none}{found}"
    cells = _cells(answer.exact, columns)
    notes = "; ".join(part for part in (answer.machine, answer.note) if part)
    return f"{row.name:{width}}  {cells}  {seconds}  {notes}"


def heading(columns: Sequence[str], width: int, first: str) -> str:
    """Return the line above the digests."""
    cells = "  ".join(f"{column:{SHOWN}}" for column in columns)
    return f"{first:{width}}  {cells}".rstrip()


def _cells(digests: Mapping[str, str], columns: Sequence[str]) -> str:
    return "  ".join(f"{digests.get(c, '-')[:SHOWN]:{SHOWN}}" for c in columns)


def plain(rows: Sequence[Row], columns: Sequence[str], width: int) -> Iterator[str]:
    """Yield the table of the ordinary programs, and how many digests they have."""
    yield heading(columns, width, "the same nets in ordinary binary32")
    shown = [row for row in rows if row.answer.plain]
    for row in shown:
        yield f"{row.name:{width}}  {_cells(row.answer.plain, columns)}".rstrip()
    counts = (f"{_kinds(shown, c, 'plain')} for {c}" for c in columns)
    yield f"ordinary: {len(shown)} stacks, different digests: {', '.join(counts)}"


def _kinds(rows: Sequence[Row], column: str, kind: str) -> int:
    found = (getattr(row.answer, kind).get(column) for row in rows)
    return len({digest for digest in found if digest})


def verdict(rows: Sequence[Row], columns: Sequence[str]) -> tuple[list[str], int]:
    """Return the last lines, and the exit status: 0 if all agree, and none failed."""
    counted = [row for row in rows if row.answer.exact and not row.why_none]
    failed = [row for row in rows if row.answer.failed]
    lines = [f"failed: {row.name}: {row.answer.failed}" for row in failed]
    for column in columns:
        lines += _disagreement(counted, column)
    if len(counted) < 2:
        lines.append("fewer than two stacks gave digests: nothing was compared")
    if lines:
        return lines, 1
    others = len(rows) - len(counted)
    rest = f" ({others} without)" if others else ""
    return [f"{len(counted)} stacks, 1 digest per configuration{rest}"], 0


def _disagreement(rows: Sequence[Row], column: str) -> list[str]:
    """Return a line for each row that has another digest than most have."""
    digests = [row.answer.exact.get(column, "") for row in rows]
    given = [digest for digest in digests if digest]
    if len(set(given)) < 2:
        return []
    usual = max(sorted(set(given)), key=given.count)
    return [
        f"differs: {column}: {row.name}: {digest[:SHOWN]}, most have {usual[:SHOWN]}"
        for row, digest in zip(rows, digests, strict=True)
        if digest not in ("", usual)
    ]
