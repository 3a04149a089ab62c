# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command tests/matrix: run the rows, print them as they come, and the verdict."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Iterable, TextIO

from . import rows, table
from .places import PACKAGES

WIDTH = 48

_ABOUT = """
Train the same nets on every stack that this machine can run, and compare the digests
of all weights and moments. Exit status 0: all stacks that gave digests gave the same.
A stack whose self-test refuses its BLAS gives none. 1: some differ, or one failed.
"""
_NEEDS = f"""
Needs root and, of Debian, {PACKAGES.replace(",", " ")} python3-torch
mmdebstrap qemu-user-static; without --small python3-venv too, and pip finds torch as
its settings say.
"""


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/matrix", description=_ABOUT, epilog=_NEEDS
    )
    parser.add_argument("--small", action="store_true", help="what tests/run does")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table too")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="make chroots and virtual environments here, and use what is there",
    )
    parser.add_argument(
        "--only", default="", metavar="REGEX", help="rows whose names hold this"
    )
    return parser.parse_args(given)


def _show(runnables: Iterable[rows.Runnable], streams: list[TextIO]) -> int:
    """Run all, write the table as it grows, and return the exit status."""

    def say(text: str) -> None:
        for stream in streams:
            print(text.rstrip(), file=stream, flush=True)

    say(table.heading(rows.ALL, WIDTH, "exact"))
    done = []
    try:
        for runnable in runnables:
            row = table.Row(runnable.name, runnable.run())
            done.append(row)
            say(table.line(row, rows.ALL, WIDTH))
    except RuntimeError as error:
        # A virtual environment could not be made, and what follows is not run.
        say(f"failed: {error}")
        return 1
    say("")
    for text in table.plain(done, rows.ALL, WIDTH):
        say(text)
    say("")
    lines, status = table.verdict(done, rows.ALL)
    for text in lines:
        say(text)
    return status


def main(given: list[str]) -> int:
    """Return the exit status."""
    arguments = _arguments(given)
    kind = "small" if arguments.small else "full"
    missing = rows.programs(kind)
    if missing:
        names = ", ".join(missing)
        print(f"tests/matrix: error: no {names} here; see --help", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="matrix-") as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        every = rows.small(folder) if arguments.small else rows.full(folder)
        chosen = (row for row in every if re.search(arguments.only, row.name))
        if arguments.out is None:
            return _show(chosen, [sys.stdout])
        with open(arguments.out, "w", encoding="utf-8") as stream:
            return _show(chosen, [sys.stdout, stream])
