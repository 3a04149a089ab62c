# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the nets of a learning as it went, and draws the curves.

    python3 -m gnubg_nn.curve --engine DIR --learnt DIR --data DIR --against WEIGHTS
                              --out DIR [--games N] [--jobs N]

`--learnt` is the folder that gnubg_nn.learn kept its generations in. Writes curve.tsv,
a line for each generation, and curve.svg.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from .chart import Chart, Line, draw
from .command import count, jobs_and_seed, path_option, run
from .dataset import HELD_OUT_FILE, read_dataset
from .duel import duel, read_nets
from .errors import NNError
from .evaluate import measure
from .files import write_file
from .learn import CURVE_FILE
from .weights import read_weights
from .workers import Workers

PROGRAM = "gnubg_nn.curve"
NAMES = ("contact", "crashed", "race")
COLUMNS = ("generation", "games", *NAMES, "ppg", "ppg_error")


@dataclass(frozen=True)
class Row:
    """One generation: games played until then, equity errors by class, duel."""

    generation: int
    games: int
    errors: tuple[float, ...]
    ppg: float
    ppg_error: float

    def text(self) -> str:
        """Return the row as a line of curve.tsv."""
        errors = "\t".join(f"{error:.4f}" for error in self.errors)
        duel = f"{self.ppg:+.4f}\t{self.ppg_error:.4f}"
        return f"{self.generation}\t{self.games}\t{errors}\t{duel}"


def games_until(path: Path) -> list[int]:
    """Return how many games were played by the end of each generation."""
    total, found = 0, []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        fields = line.split("\t")
        if len(fields) < 3 or not fields[2].isdigit():
            raise NNError(f"{path}:{number}: expected GENERATION, PHASE, GAMES, ...")
        total += int(fields[2])
        found.append(total)
    return found


def snapshots(folder: Path) -> list[tuple[int, Path]]:
    """Return the kept generations and their weights, in order."""
    found = []
    for path in folder.glob("generation-*.weights"):
        match = re.fullmatch(r"generation-([0-9]+)\.weights", path.name)
        if match:
            found.append((int(match[1]), path))
    if not found:
        raise NNError(f"{folder}: no generation-N.weights: not a folder of learn")
    return sorted(found)


def charts(rows: Sequence[Row]) -> list[Chart]:
    """Return the two panels: equity errors by class, and points per game."""
    errors = [
        Line(name, [(row.generation, row.errors[index]) for row in rows])
        for index, name in enumerate(NAMES)
    ]
    won = Line(
        "points per game",
        [(row.generation, row.ppg) for row in rows],
        [row.ppg_error for row in rows],
    )
    return [
        Chart(
            "Equity error on rolled-out positions", "generation", errors, 0, 0.4, 0.1
        ),
        Chart("Duel with the stock nets", "generation", [won], -0.3, 0.05, 0.05),
    ]


def _run(given: argparse.Namespace) -> None:
    data = read_dataset(given.data / HELD_OUT_FILE)
    against = read_nets(given.against)
    played = games_until(given.learnt / CURVE_FILE)
    kept = [(n, path) for n, path in snapshots(given.learnt) if n <= len(played)]
    rows = []
    print("\t".join(COLUMNS), flush=True)
    with Workers(given.engine, given.jobs) as workers:
        for generation, path in kept:
            nets = read_weights(path)
            found = measure(nets, data)
            result = duel(workers, (nets, against), given.games // 2, given.seed)
            row = Row(
                generation,
                played[generation - 1],
                tuple(found[name]["error"] for name in NAMES),
                result.ppg,
                result.error,
            )
            rows.append(row)
            print(row.text(), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(COLUMNS), *(row.text() for row in rows), ""]
    write_file(given.out / "curve.tsv", "\n".join(lines).encode("ascii"))
    write_file(given.out / "curve.svg", draw(charts(rows)).encode("utf-8"))


def _options(parser: argparse.ArgumentParser) -> None:
    path_option(parser, "--engine", "folder of build")
    path_option(parser, "--learnt", "folder of learn")
    path_option(parser, "--data", "folder of the data")
    path_option(parser, "--against", "weights")
    path_option(parser, "--out", "folder of the curves")
    parser.add_argument("--games", type=count, default=20_000, help="per generation")
    jobs_and_seed(parser)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return run(PROGRAM, _options, _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
