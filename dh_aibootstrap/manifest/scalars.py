# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scalars as values: numbers, truth values and texts, and what could be either.

The core schema of YAML 1.2 (section 10.3.2) decides. What YAML 1.1, which most
programs still read, takes for another value is refused, not guessed: `012` is 10 or
12, `yes` a text or true, `1:30` a text or 90.
"""

from __future__ import annotations

import re

from .model import Scalar
from .reader import Node

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII
)
_TRUTH = re.compile(r"yes|no|on|off|y|n|true|false", re.IGNORECASE)
_NULL = re.compile(r"|~|null", re.IGNORECASE)
# YAML 1.1: octal, sexagesimal, binary, and digits with '_' (yaml.org/type/int, /float);
# YAML 1.2: 0o and 0x. Numbers that are not finite are those of both.
_OTHER_NUMBER = re.compile(
    r"[-+]?(0o[0-7]+|0x[0-9a-f_]+|0b[01_]+|[0-9][0-9_]*(\.[0-9_]*)?"
    r"|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|\.(inf|nan))(e[-+]?[0-9]+)?",
    re.IGNORECASE | re.ASCII,
)
_LIMIT = 1 << 63


def fault_of_value(node: Node) -> str | None:
    """Return what is wrong with a scalar as a value, None where nothing is."""
    text = str(node.value)
    if not node.plain or text in ("true", "false"):
        return None
    if _NULL.fullmatch(text):
        found = f"'{text}', no value" if text else "nothing"
        return f"found {found}; write a number, a text, true or false"
    if _TRUTH.fullmatch(text):
        return f"found '{text}'; write true or false, or the text in quotes: \"{text}\""
    if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
        if _is_in_range(text):
            return None
        return "found a number that is too large; write one below 2^63"
    if _OTHER_NUMBER.fullmatch(text):
        return (
            f"found '{text}'; write a plain decimal number, or the text in quotes:"
            f' "{text}"'
        )
    return None


def _is_in_range(text: str) -> bool:
    if not _INTEGER.fullmatch(text):
        return abs(float(text)) < _LIMIT
    # int() refuses thousands of digits; 2^63 has nineteen.
    return len(text) <= 20 and -_LIMIT <= int(text) < _LIMIT


def value_of(node: Node) -> Scalar:
    """Return the value of a scalar that fault_of_value finds no fault with."""
    text = str(node.value)
    if not node.plain:
        return text
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
