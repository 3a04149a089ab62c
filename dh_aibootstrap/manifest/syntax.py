# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not YAML at all, in words that say what to write instead."""

from __future__ import annotations

from dataclasses import dataclass

# libyaml's words (scanner.c, parser.c) -> ours. Its place for these is right.
_MENDS = {
    "mapping values are not allowed in this context": (
        "a ':' where none can stand; put a text that holds one in quotes, or mend the"
        " indentation"
    ),
    "did not find expected key": (
        'wrong indentation, a text that needs quotes, as in "{out}/file", or a quote'
        " above that is not closed"
    ),
    "did not find expected '-' indicator": (
        "wrong indentation, or a text that needs quotes, as in '\"a\" b'"
    ),
    "did not find expected comment or line break": (
        "a text that begins with '>' or '|' stands in quotes"
    ),
    "did not find expected <document start>": "text behind the end of the document",
}
# The start of libyaml's context -> ours. What is wrong begins where the context does.
_OPENED = {
    "while parsing a flow sequence": (
        "the list that opens here does not end with ']'; a text with braces or"
        " brackets stands in quotes"
    ),
    "while parsing a flow mapping": (
        "the mapping that opens here does not end with '}'; a text with braces stands"
        " in quotes"
    ),
    "while scanning a quoted scalar": "the quote that opens here is not closed",
    "while scanning a simple key": "a key without ':'",
}


@dataclass(frozen=True)
class Stopped:
    """Where and why libyaml stopped; lines and columns count from 0."""

    said: str
    line: int
    column: int
    context: str
    context_line: int


def explain(stopped: Stopped, text: str) -> tuple[int, str]:
    """Return the line to look at, counted from 1, and what to do there."""
    line, said = stopped.line, stopped.said
    if said == "found character that cannot start any token":
        said = _character(text, line, stopped.column)
    elif stopped.context in _OPENED:
        if said.startswith(("did not find", "could not find", "found unexpected end")):
            line, said = stopped.context_line, _OPENED[stopped.context]
    return line + 1, f"not YAML: {_MENDS.get(said, said)}"


def _character(text: str, line: int, column: int) -> str:
    found = text.split("\n")[line][column : column + 1]
    if found == "\t":
        return "a tab; indent with blanks"
    return f"a text that begins with '{found}' stands in quotes"
