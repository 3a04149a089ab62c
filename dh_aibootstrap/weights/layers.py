# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keras' layers of free code, 'Lambda', in the JSON that describes a model.

The text is read string by string, never as a whole: no depth and no size matters.
"""

from __future__ import annotations

import json
import re

from .source import AT_ONCE, STEP, Source

_STRING = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_CODE = {"Lambda", "__lambda__", "TorchModuleWrapper"}
LONGEST_STRING = AT_ONCE


def looks_like(source: Source) -> bool:
    """Tell whether the file begins as JSON of more than one value does."""
    head = source.head(256).lstrip(b"\xef\xbb\xbf \t\r\n")
    return head[:1] in (b"{", b"[")


def code_in(source: Source) -> str | None:
    """Return the class of the first layer that carries code, None where none does."""
    rest, is_next = b"", False
    for piece in source.pieces(0, source.size, STEP):
        data = rest + piece
        end = 0
        for match in _STRING.finditer(data):
            end = match.end()
            text = _text(match[1])
            if is_next and text in _CODE:
                return text
            is_next = text == "class_name"
        quote = data.find(b'"', end)
        rest = data[quote:] if quote >= 0 else b""
        if len(rest) > LONGEST_STRING:
            raise source.error(f"has a text of more than {LONGEST_STRING} bytes")
    return None


def _text(raw: bytes) -> str:
    if b"\\" not in raw:
        return raw.decode("utf-8", "replace")
    if len(raw) > 256:
        return ""
    try:
        return str(json.loads(b'"' + raw + b'"', strict=False))
    except ValueError:
        return ""
