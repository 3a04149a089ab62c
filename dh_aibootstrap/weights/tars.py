# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tar archives: their members, walked from header to header, nothing after them."""

from __future__ import annotations

from typing import Iterator

from .source import Source

BLOCK = 512
MOST_MEMBERS = 100_000
_FILES = (b"0", b"\0", b"7")
_FOLDER = b"5"
# Longer names and other notes on the member behind them: pax, GNU.
_NOTES = (b"x", b"g", b"L", b"K")


def looks_like(source: Source) -> bool:
    """Tell whether the first block is a header with the right checksum."""
    block = source.head(BLOCK)
    return len(block) == BLOCK and _is_header(block)


def members(source: Source) -> Iterator[Source]:
    """Yield the files. Raises Error at links, other special files and what follows."""
    at = 0
    for _ in range(MOST_MEMBERS):
        block = source.read(at, BLOCK)
        if not block.strip(b"\0"):
            break
        if not _is_header(block):
            raise source.error(f"has no tar header where one should be, at {at}")
        size, kind = _number(source, block[124:136]), block[156:157]
        name = block[:100].rstrip(b"\0").decode("utf-8", "replace")
        at += BLOCK
        if kind in _FILES:
            yield source.part(name, at, size)
        elif kind not in (_FOLDER, *_NOTES):
            raise source.error(f"member {ascii(name)} is a link or no file at all")
        elif kind in _NOTES:
            source.part(name, at, size)
        elif size:
            raise source.error(
                f"member {ascii(name)} is a folder with bytes of its own"
            )
        at += -(-size // BLOCK) * BLOCK
    else:
        raise source.error(f"has more than {MOST_MEMBERS} members")
    for piece in source.pieces(at, source.size - at):
        if piece.strip(b"\0"):
            raise source.error("is a tar archive with other bytes after its end")


def _is_header(block: bytes) -> bool:
    text = block[148:156].strip(b" \0")
    if not text or not text.isdigit() or b"8" in text or b"9" in text:
        return False
    rest = block[:148] + b" " * 8 + block[156:]
    # Some old programs added signed bytes.
    signed = sum(byte - 256 if byte > 127 else byte for byte in rest)
    return int(text, 8) in (sum(rest), signed)


def _number(source: Source, field: bytes) -> int:
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise source.error("has a member whose size is no number") from None
