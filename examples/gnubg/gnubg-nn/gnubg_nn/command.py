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


class UsageError(NNError):
    """Options that each are fine and do not go together; the exit status is 2."""


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


def even(text: str) -> int:
    """Return the even number of at least 4 that an option gives."""
    number = count(text)
    if number % 2 or number < 4:
        raise argparse.ArgumentTypeError(f"{number}: expected an even number from 4 on")
    return number


def positive(text: str) -> float:
    """Return the finite number above 0 that an option gives."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return number


def factor(text: str) -> float:
    """Return the number above 0, and of at most 1000, that an option gives."""
    number = positive(text)
    if number > 1000:
        raise argparse.ArgumentTypeError(f"{text!r}: expected at most 1000")
    return number


def path_option(parser: argparse.ArgumentParser, name: str, what: str) -> None:
    """Add an option that names a file or a folder and must be given."""
    parser.add_argument(name, type=Path, required=True, help=what)


def scale_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --scale, a factor of the work."""
    parser.add_argument("--scale", type=factor, default=1.0, help=what)


def jobs_and_seed(parser: argparse.ArgumentParser) -> None:
    """Add --jobs, without it as many as the stage may use, and --seed.

    Without --seed it is AIBOOTSTRAP_SEED, or 1.
    """
    jobs = os.environ.get("OMP_NUM_THREADS", "1")
    parser.add_argument("--jobs", type=count, default=jobs, help="processes at once")
    seed = os.environ.get("AIBOOTSTRAP_SEED") or "1"
    parser.add_argument("--seed", type=whole, default=seed)


@contextmanager
def checkpoint_folder(out: Path) -> Iterator[Path]:
    """Make `out`, and yield the folder of checkpoints.

    It is AIBOOTSTRAP_CHECKPOINT_DIR, or one in `out` that goes afterwards.
    """
    out.mkdir(parents=True, exist_ok=True)
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
    program: str,
    options: Callable[[argparse.ArgumentParser], None],
    work: Callable[[argparse.Namespace], None],
    arguments: Sequence[str] | None,
) -> int:
    """Parse the options that `options` adds, and work with what was given.

    Returns the exit status; errors go to stderr in one line.
    """
    parser = argparse.ArgumentParser(prog=program, allow_abbrev=False)
    options(parser)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        work(parser.parse_args(arguments))
    except UsageError as error:
        parser.error(str(error))
    except (NNError, OSError) as error:
        print(one_line(program, error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(one_line(program, NNError("interrupted")), file=sys.stderr)
        return 130
    return 0
