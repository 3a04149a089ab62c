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
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from .command import even, jobs_and_seed, path_option, positive, run
from .errors import NNError
from .files import write_json
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

    def text(self) -> str:
        """Return the points and their error in words."""
        return f"{self.ppg:+.4f} points per game, standard error {self.error:.4f}"


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
    workers: Workers,
    nets: Sequence[Sequence[Net]],
    pairs: int,
    seed: int,
    until: float | None = None,
) -> Result:
    """Play so many pairs, or fewer once the standard error is at most `until`."""
    points: list[Floats] = []
    for number, size in rounds(pairs):
        points.append(workers.duel(nets, size, round_seed(seed, number)))
        result = statistics(np.concatenate(points))
        if until is not None and result.error <= until:
            break
    return result


def _run(given: argparse.Namespace) -> None:
    if given.json and not given.json.parent.is_dir():
        raise NNError(f"--json: {given.json}: no such folder")
    nets = [read_nets(path) for path in (given.first, given.second)]
    with Workers(given.engine, given.jobs) as workers:
        begin = time.monotonic()
        result = duel(workers, nets, given.games // 2, given.seed, given.until)
        minutes = (time.monotonic() - begin) / 60
    if given.json:
        write_json(given.json, {"duel": asdict(result)})
    speed = f"{result.games / minutes / given.jobs:,.0f} games a minute and core"
    who = f"{given.first} against {given.second}"
    print(f"{who}: {result.text()}, {result.games} games, {speed}")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    path_option(parser, "--engine", "folder of build")
    parser.add_argument("--games", type=even, default=100_000, help="at most so many")
    parser.add_argument("--until", type=positive, help="standard error that is enough")
    parser.add_argument("--json", type=Path, help="where the figures go")
    jobs_and_seed(parser)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return run(PROGRAM, _options, _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
