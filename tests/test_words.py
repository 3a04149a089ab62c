# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, times, digests and quotations as messages show them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap import words  # noqa: E402


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1549, "1.5 kB"),
        (480_000, "480 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_500_000_000, "1.5 GB"),
        (64 << 30, "69 GB"),
        (999_600_000_000, "1.0 TB"),
        (2_000_000_000_000_000, "2000 TB"),
    ],
)
def test_size(count: int, text: str) -> None:
    """Decimal units, two digits where the number is small."""
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 0 min"),
        (5 * 3600 + 179, "5 h 2 min"),
        (100 * 3600, "100 h 0 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    """Two units at most, and never 60 of one."""
    assert words.duration(seconds) == text


def test_short_digest() -> None:
    """Twelve digits, as git shows them."""
    assert words.short("0123456789abcdef" * 4) == "0123456789ab"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("word", "'word'"),
        ("", "''"),
        ("a\nb\tc", r"'a\nb\tc'"),
        ("\x1b[1m\x00", r"'\x1b[1m\x00'"),
        ("\u2028\ufeff", r"'\u2028\ufeff'"),
        ("Übermaß", "'Übermaß'"),
        ("x" * 60, "'" + "x" * 60 + "'"),
        ("x" * 61, "'" + "x" * 59 + "…'"),
    ],
)
def test_shown(text: str, quoted: str) -> None:
    """On one line, not long, and nothing that a terminal obeys."""
    assert words.shown(text) == quoted
