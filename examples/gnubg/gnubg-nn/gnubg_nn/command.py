# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the programs' command lines have in common."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, NoReturn, Sequence

from .errors import NNError, one_line


def whole(text: str) -> int:
    """Return the whole number that an option gives."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number")
    return int(text)


def count(text: str) -> int:
    """Return the whole number of at least 1 that an option gives."""
    number = whole(text)
    if not number:
        raise argparse.ArgumentTypeError("0: expected at least 1")
    return number


def factor(text: str) -> float:
    """Return the number above 0 that an option gives."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return number


def jobs_option(parser: argparse.ArgumentParser) -> None:
    """Add --jobs; without it as many as the stage may use."""
    jobs = os.environ.get("OMP_NUM_THREADS", "1")
    parser.add_argument("--jobs", type=count, default=jobs, help="processes at once")


def seed_option(parser: argparse.ArgumentParser) -> None:
    """Add --seed; without it AIBOOTSTRAP_SEED, or 1."""
    seed = os.environ.get("AIBOOTSTRAP_SEED") or "1"
    parser.add_argument("--seed", type=whole, default=seed)


@contextmanager
def checkpoint_folder(out: Path) -> Iterator[Path]:
    """Yield AIBOOTSTRAP_CHECKPOINT_DIR, or a folder in `out` that goes afterwards."""
    kept = os.environ.get("AIBOOTSTRAP_CHECKPOINT_DIR", "")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept)
    else:
        with tempfile.TemporaryDirectory(prefix=".checkpoints-", dir=out) as folder:
            yield Path(folder)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def run(
    parser: argparse.ArgumentParser,
    work: Callable[[argparse.Namespace], None],
    arguments: Sequence[str] | None,
) -> int:
    """Parse and work; return the exit status, errors in one line on stderr."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        work(parser.parse_args(arguments))
    except (NNError, OSError) as error:
        print(one_line(parser.prog, error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(one_line(parser.prog, NNError("interrupted")), file=sys.stderr)
        return 130
    return 0
