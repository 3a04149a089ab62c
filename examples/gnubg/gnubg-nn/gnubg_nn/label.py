# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the data files: games of the learnt nets, each position with its chances.

    python3 -m gnubg_nn.label --engine DIR --weights FILE --out DIR [--draft]

Training positions have what their game says of them: one ply of search and the later
changes of mind, without the luck of the dice. Held-out positions, out of other games,
are rolled out. What is finished stays in AIBOOTSTRAP_CHECKPOINT_DIR.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np
import numpy.typing as npt

from . import __version__
from .classes import PositionClass
from .command import checkpoint_folder, jobs_and_seed, path_option, run, scale_option
from .dataset import HELD_OUT_FILE, TRAIN_FILE
from .dataset import Labels, labels_from_probabilities, write_dataset
from .engine.library import Engine, PlayOptions, Records, open_engine
from .errors import NNError
from .files import read_array, write_array
from .net import Floats, Net
from .positions import Keys
from .weights import read_weights
from .workers import Workers

PROGRAM = "gnubg_nn.label"
LINEAGE = "self-play"
LAMBDA = 0.6
TRIALS = 36
GAMES = 45_000
GAMES_PER_FILE = 2_500
GAMES_PER_TASK = 125
POSITIONS_PER_FILE = 200
# One game in so many is held out.
HELD_OUT_SHARE = 25
# Positions by class: training, held-out.
QUOTA = {
    PositionClass.CONTACT: (1_000_000, 1_000),
    PositionClass.CRASHED: (180_000, 500),
    PositionClass.RACE: (200_000, 500),
}
# Every fourth part of the games: good play never comes to positions that a net must
# know all the same, as a race with two men far behind.
WILD_EVERY = 4
WILD: dict[str, Any] = {
    "random_share": 0.5,
    "random_plies": 40,
    "explore_share": 0.25,
    "explore_choices": 6,
}
# Apart from the generations that learnt.
GENERATION = 1_000_000


@dataclass(frozen=True)
class Options:
    """What decides the data, and where things are."""

    engine: Path
    kept: Path
    seed: int
    scale: float
    recipe: str


@dataclass(frozen=True)
class Split:
    """Positions of one data file: keys (n, 10), what the games say of them (n, 5)."""

    keys: Keys
    chances: Floats


def _once(path: Path, make: Callable[[], Records]) -> Records:
    """Return the array that an earlier run left at `path`, or make it and keep it."""
    try:
        return read_array(path)
    except NNError:
        made = make()
        write_array(path, made)
        return made


def scaled(number: int, scale: float) -> int:
    """Return so many times the number, at least 1."""
    return max(1, round(number * scale))


def rules(part: int, seed: int) -> PlayOptions:
    """Return how the games of a part are played: as well as can be, or wildly."""
    best = PlayOptions(
        seed=seed,
        generation=GENERATION + part,
        pruning=True,
        all_rolls=True,
        lambda_=LAMBDA,
    )
    if part % WILD_EVERY == WILD_EVERY - 1:
        return replace(best, **WILD)
    return best


def play(workers: Workers, nets: Sequence[Net], options: Options) -> Records:
    """Return the positions of all games, which are numbered through."""
    games = scaled(GAMES, options.scale)
    parts = []
    for number, first in enumerate(range(0, games, GAMES_PER_FILE)):
        count = min(GAMES_PER_FILE, games - first)
        how = rules(number, options.seed)
        part = _once(
            options.kept / f"{options.recipe}-games-{first}-{count}.npy",
            lambda: workers.play(nets, how, count, GAMES_PER_TASK),
        ).copy()
        part["game"] += first
        parts.append(part)
        print(f"played: {first + count} of {games} games", flush=True)
    return np.concatenate(parts)


def unique(records: Records) -> tuple[Records, npt.NDArray[np.bool_]]:
    """Return each position once, by key, and whether it is held out.

    A part of the games is held out; a position that also occurs in another game
    belongs to training alone.
    """
    held = records["game"] % HELD_OUT_SHARE == 0
    columns = records["key"].T[::-1]
    order = np.lexsort((records["game"], held, *columns))
    records, held = records[order], held[order]
    first = np.ones(len(records), np.bool_)
    first[1:] = (records["key"][1:] != records["key"][:-1]).any(axis=1)
    return records[first], held[first]


def choose(
    records: Records, scale: float, random: np.random.Generator
) -> tuple[Split, Split]:
    """Return the training and the held-out positions, up to the quota of each class."""
    records, held = unique(records)
    splits = []
    for split in (0, 1):
        rows = []
        for kind, quota in QUOTA.items():
            own = np.flatnonzero((records["class"] == kind) & (held == bool(split)))
            rows.append(random.permutation(own)[: scaled(quota[split], scale)])
        part = records[np.sort(np.concatenate(rows))]
        splits.append(Split(np.ascontiguousarray(part["key"]), part["target"].copy()))
    return splits[0], splits[1]


def roll_out(
    workers: Workers, nets: Sequence[Net], options: Options, keys: Keys
) -> Records:
    """Return chances and standard error, (n, 6), of rolled-out positions."""
    parts = []
    for first in range(0, len(keys), POSITIONS_PER_FILE):
        part = keys[first : first + POSITIONS_PER_FILE]

        def rolled() -> Records:
            means, errors = workers.rollout(nets, part, TRIALS, options.seed + first)
            return np.concatenate([means, errors[:, None]], axis=1)

        path = options.kept / f"{options.recipe}-rollouts-{first}-{len(part)}.npy"
        parts.append(_once(path, rolled))
        print(f"rolled out: {first + len(part)} of {len(keys)} positions", flush=True)
    return np.concatenate(parts)


def _sane(engine: Engine, split: Split) -> Labels:
    """Return labels: chances within [0, 1], and as gnubg would correct them."""
    held = np.clip(split.chances, 0, 1)
    return labels_from_probabilities(engine.sanity(split.keys, held))


def _write(path: Path, labelling: str, keys: Keys, labels: Labels) -> None:
    write_dataset(path, LINEAGE, labelling, keys, labels)
    size = path.stat().st_size
    print(f"{path.name}: {len(keys)} positions, {size} bytes", flush=True)


def make(
    options: Options, nets: Sequence[Net], out: Path, jobs: int, draft: bool
) -> None:
    """Write both data files into `out`; of a draft the training positions alone."""
    with Workers(options.engine, jobs) as workers:
        records = play(workers, nets, options)
        random = np.random.Generator(np.random.Philox(seed=options.seed))
        training, held = choose(records, options.scale, random)
        engine = open_engine(options.engine)
        how = f"games without luck, lambda {LAMBDA}"
        _write(out / TRAIN_FILE, how, training.keys, _sane(engine, training))
        if draft:
            return
        rolled = roll_out(workers, nets, options, held.keys)
    held = Split(held.keys, rolled[:, :5])
    spread = float(np.sqrt(np.mean(rolled[:, 5] ** 2)))
    print(f"standard error of the rollouts: {spread:.4f}", flush=True)
    how = f"rollouts, {TRIALS} games without luck"
    _write(out / HELD_OUT_FILE, how, held.keys, _sane(engine, held))


def recipe(weights: Path, seed: int) -> str:
    """Return the name of what decides the games: program, weights and seed."""
    parts = [__version__, hashlib.sha256(weights.read_bytes()).hexdigest(), seed]
    parts += [LAMBDA, TRIALS]
    text = " ".join(map(str, parts))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def _run(given: argparse.Namespace) -> None:
    nets = read_weights(given.weights)
    with checkpoint_folder(given.out) as kept:
        name = recipe(given.weights, given.seed)
        options = Options(given.engine, kept, given.seed, given.scale, name)
        make(options, nets, given.out, given.jobs, given.draft)


def _options(parser: argparse.ArgumentParser) -> None:
    path_option(parser, "--engine", "folder of build")
    path_option(parser, "--weights", "who plays")
    path_option(parser, "--out", "folder of the data")
    scale_option(parser, "of the numbers")
    parser.add_argument("--draft", action="store_true", help="no held-out positions")
    jobs_and_seed(parser)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return run(PROGRAM, _options, _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
