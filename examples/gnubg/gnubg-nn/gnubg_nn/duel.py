# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets two weights files play each other, and says how much one wins of the other.

    python3 -m gnubg_nn.duel --engine DIR FIRST SECOND [--games N] [--until ERROR]

Money games without cube at 0-ply, in pairs with the same dice and sides changed. They
are played in rounds, each with dice of its own out of the seed: what is won depends
on the seed and on the number of games, not on the number of jobs. FIRST and SECOND
are a gnubg.weights or a gnubg.wd.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from .command import count, jobs_option, run, seed_option
from .errors import NNError
from .net import Floats, Net
from .weights import read_binary, read_weights
from .workers import Workers

PROGRAM = "gnubg_nn.duel"
ROUND_PAIRS = 5000
# WEIGHTS_MAGIC_BINARY (eval.h:37) in this machine's byte order.
BINARY_MAGIC = np.float32(472.3782).tobytes()


@dataclass(frozen=True)
class Result:
    """Points that the first wins per game, the standard error of that, and games."""

    ppg: float
    error: float
    games: int


def statistics(points: Floats) -> Result:
    """Return the result of pairs of games from each one's points per game, (pairs,).

    The two games of a pair share their dice, so that the pairs are what is
    independent. At least two pairs.
    """
    pairs = np.asarray(points, np.float64)
    error = float(pairs.std(ddof=1)) / math.sqrt(len(pairs))
    return Result(float(pairs.mean()), error, 2 * len(pairs))


def read_nets(path: Path) -> list[Net]:
    """Return the six nets of a gnubg.weights or a gnubg.wd, told by its first bytes."""
    try:
        with open(path, "rb") as file:
            start = file.read(len(BINARY_MAGIC))
    except OSError as error:
        raise NNError(f"{path}: cannot read: {error.strerror}") from None
    return read_binary(path) if start == BINARY_MAGIC else read_weights(path)


def rounds(pairs: int) -> Iterator[tuple[int, int]]:
    """Yield the number and the pairs of each round."""
    for number, start in enumerate(range(0, pairs, ROUND_PAIRS)):
        yield number, min(ROUND_PAIRS, pairs - start)


def round_seed(seed: int, number: int) -> int:
    """Return the 32 bits that decide the dice of a round."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def duel(
    workers: Workers, nets: Sequence[Sequence[Net]], pairs: int, seed: int, until: float
) -> Result:
    """Play at most so many pairs, until the standard error is at most `until`."""
    points: list[Floats] = []
    for number, size in rounds(pairs):
        points.append(workers.duel(nets, size, round_seed(seed, number)))
        result = statistics(np.concatenate(points))
        if result.error <= until:
            break
    return result


def even(text: str) -> int:
    """Return the even number of at least 4 that an option gives."""
    number = count(text)
    if number % 2 or number < 4:
        raise argparse.ArgumentTypeError(f"{number}: expected an even number from 4 on")
    return number


def _error(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return number


def _write_json(path: Path, result: Result) -> None:
    figures = {"ppg": result.ppg, "error": result.error, "games": result.games}
    beside = path.with_name(path.name + ".new")
    text = json.dumps({"duel": figures}, indent=1, allow_nan=False)
    beside.write_text(text + "\n", encoding="ascii")
    os.replace(beside, path)


def _run(given: argparse.Namespace) -> None:
    if given.json and not given.json.parent.is_dir():
        raise NNError(f"--json: {given.json}: no such folder")
    nets = [read_nets(path) for path in (given.first, given.second)]
    # Less than 0 is never reached.
    until = given.until if given.until is not None else -1.0
    with Workers(given.engine, given.jobs) as workers:
        begin = time.monotonic()
        result = duel(workers, nets, given.games // 2, given.seed, until)
        minutes = (time.monotonic() - begin) / 60
    if given.json:
        _write_json(given.json, result)
    won = f"{result.ppg:+.4f} points per game, standard error {result.error:.4f}"
    speed = f"{result.games / minutes / given.jobs:,.0f} games a minute and core"
    who = f"{given.first} against {given.second}"
    print(f"{who}: {won}, {result.games} games, {speed}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, allow_abbrev=False)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--engine", type=Path, required=True, help="folder of build")
    parser.add_argument("--games", type=even, default=100_000, help="at most so many")
    parser.add_argument("--until", type=_error, help="standard error that is enough")
    parser.add_argument("--json", type=Path, help="where the figures go")
    jobs_option(parser)
    seed_option(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return run(_parser(), _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
