# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sizes, times, digests and quotations of messages, in words for people."""

from __future__ import annotations


def size(count: int) -> str:
    """Return a number of bytes as people write it: 480 kB, 1.5 GB."""
    if count < 1000:
        return f"{count} B"
    number = float(count)
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.5:
            break
    else:
        number, unit = number / 1000, "TB"
    return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"


def duration(seconds: float) -> str:
    """Return a time as people write it: 12 s, 3 min 20 s, 5 h 2 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def short(digest: str) -> str:
    """Return the start of a digest, enough for a person to tell two apart."""
    return digest[:12]


def shown(text: str, limit: int = 60) -> str:
    """Return a text in quotes as a message can hold it: on one line, and not long."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "'" + "".join(_visible(character) for character in cut) + "'"


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
