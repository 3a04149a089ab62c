# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Learns the six nets from the rules alone: generations of games against itself.

    python3 -m gnubg_nn.learn --engine DIR --out DIR [--scale X] [--jobs N]

Generation 0 plays with random nets, generation n with those that generation n-1 left.
What a game teaches depends on its number and on the seed, so that the number of jobs
changes the time and nothing else. Finished generations are kept in
AIBOOTSTRAP_CHECKPOINT_DIR, and a run that was killed goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from . import __version__
from .checkpoint import State, load, save
from .command import checkpoint_folder, factor, jobs_option, run, seed_option
from .engine.library import PlayOptions, Records
from .errors import NNError
from .net import Floats, Net
from .nets import CLASS_OF_NET
from .optimise import Layers, initial, size
from .weights import NETS, write_weights
from .workers import Lesson, Workers

PROGRAM = "gnubg_nn.learn"
WEIGHTS_FILE = "learnt.weights"
CURVE_FILE = "learning.tsv"
GAMES_PER_TASK = 250
# The averaged nets forget half of what they were in so many generations.
HALF_LIFE = 10
SNAPSHOT_EVERY = 20
# Seconds; what a killed run loses.
SAVE_EVERY = 30.0


@dataclass(frozen=True)
class Phase:
    """Generations that learn in one way; pairs go from the first to the last of them.

    `replay` is how many positions of the latest generations are gone through again
    for every new one, `passes` how often each net goes through what there is for it.
    """

    name: str
    generations: int
    games: int
    all_rolls: bool
    pruning: bool
    lambdas: tuple[float, float]
    rates: tuple[float, float]
    batch: int
    replay: int = 0
    passes: tuple[int, ...] = (1,) * len(NETS)


# Crashed positions and races are rare; their nets have too few steps otherwise.
RARE_MORE = (1, 2, 4, 1, 4, 2)
# What was tried, and why this was kept, stands in README.md.
CURRICULUM = (
    Phase("first", 60, 500, False, False, (0.9, 0.8), (4e-3, 4e-3), 64),
    Phase("rolls", 112, 4000, False, True, (0.8, 0.6609), (3e-3, 1.581e-3), 128),
    Phase("replay", 41, 4000, False, True, (0.66, 0.6077), (2e-3, 0.001447), 64, 2),
    Phase("search", 37, 1000, True, True, (0.8, 0.8201), (1.2e-3, 0.0006333), 128, 4),
    Phase(
        "polish", 150, 1000, True, True, (0.85, 0.9), (6e-4, 3e-5), 128, 4, RARE_MORE
    ),
)
PRUNING_STEP = 4.0


@dataclass(frozen=True)
class Generation:
    """One generation of the curriculum, with its own rate and lambda."""

    number: int
    phase: Phase
    lambda_: float
    rate: float
    first_of_kind: int


def generations(curriculum: Sequence[Phase]) -> Iterator[Generation]:
    """Yield the generations in order; rates fall geometrically within a phase."""
    number = first = 0
    former: Phase | None = None
    for phase in curriculum:
        if former is None or not former.replay or former.all_rolls != phase.all_rolls:
            first = number
        former = phase
        for index in range(phase.generations):
            part = index / max(1, phase.generations - 1)
            low, high = phase.lambdas
            begin, end = phase.rates
            rate = begin * (end / begin) ** part
            lambda_ = low + (high - low) * part
            yield Generation(number, phase, lambda_, rate, first)
            number += 1


@dataclass(frozen=True)
class Pupil:
    """One net as it learns, and its average over the last generations."""

    state: State
    average: Floats


def _net(index: int, flat: Floats) -> Net:
    return Layers(flat, NETS[index].inputs, NETS[index].hidden).net()


def beginning(seed: int) -> list[Pupil]:
    """Return the six nets of generation 0, drawn from the seed."""
    pupils = []
    for index, spec in enumerate(NETS):
        flat = initial(seed, index, spec.inputs, spec.hidden)
        zeros = np.zeros(size(spec.inputs, spec.hidden), np.float32)
        state = State(0, flat, zeros, zeros.copy())
        pupils.append(Pupil(state, flat.copy()))
    return pupils


@dataclass(frozen=True)
class Course:
    """What decides the result, and where things are."""

    engine: Path
    kept: Path
    seed: int
    curriculum: tuple[Phase, ...]

    def recipe(self, number: int) -> str:
        """Return everything that decides the nets after a generation, as one line."""
        begun, first = [], 0
        for phase in self.curriculum:
            if first <= number:
                begun.append(asdict(phase))
            first += phase.generations
        parts = {
            "generation": number,
            "curriculum": begun,
            "seed": self.seed,
            "version": __version__,
        }
        return json.dumps(parts, sort_keys=True)


class Archive:
    """The kept files of a course: nets after a generation, positions to replay."""

    def __init__(self, course: Course) -> None:
        self._folder = course.kept
        self._course = course

    def _pupil(self, name: str) -> Path:
        return self._folder / f"{name}.npz"

    def save(self, pupils: Sequence[Pupil], number: int) -> None:
        """Keep the nets as they are after generation `number`."""
        for spec, pupil in zip(NETS, pupils):
            recipe = self._course.recipe(number)
            save(self._pupil(f"{spec.name}-{number % 2}"), recipe, pupil.state)
            zeros = np.zeros_like(pupil.average)
            average = State(number, pupil.average, zeros, zeros)
            save(self._pupil(f"{spec.name}-{number % 2}-average"), recipe, average)
        mark = self._folder / "finished"
        beside = mark.with_name("finished.new")
        beside.write_text(f"{number}\n", encoding="ascii")
        os.replace(beside, mark)

    def load(self) -> tuple[list[Pupil], int] | None:
        """Return the nets and the number of the last whole generation, if any."""
        try:
            number = int((self._folder / "finished").read_text(encoding="ascii"))
            pupils = []
            for spec in NETS:
                count = size(spec.inputs, spec.hidden)
                recipe = self._course.recipe(number)
                path = f"{spec.name}-{number % 2}"
                state = load(self._pupil(path), recipe, count)
                average = load(self._pupil(path + "-average"), recipe, count)
                if state is None or average is None:
                    return None
                pupils.append(Pupil(state, average.flat))
            return pupils, number
        except FileNotFoundError:
            return None
        except (NNError, ValueError) as error:
            print(f"starting anew: {error}", flush=True)
            return None

    def keep(self, number: int, records: Records) -> None:
        """Keep the positions of a generation for replay."""
        path = self._folder / f"positions-{number}.npy"
        beside = path.with_name("positions.new")
        with open(beside, "wb") as file:
            np.save(file, records)
        os.replace(beside, path)

    def replay(self, numbers: Sequence[int]) -> list[Records]:
        """Return the positions of these generations."""
        paths = [self._folder / f"positions-{number}.npy" for number in numbers]
        return [np.load(path, allow_pickle=False) for path in paths]


def _earlier(archive: Archive, generation: Generation, seed: int) -> list[Records]:
    """Return positions of the latest generations before this one of its kind.

    From twice as many generations as are to be gone through again, half of each.
    """
    replay = generation.phase.replay
    count = min(generation.number - generation.first_of_kind, 2 * replay)
    if not count:
        return []
    random = np.random.Generator(np.random.Philox(seed=[seed, generation.number]))
    share = min(1.0, replay / count)
    numbers = range(generation.number - count, generation.number)
    parts = archive.replay(numbers)
    return [part[random.random(len(part)) < share] for part in parts]


def _play(
    workers: Workers, generation: Generation, seed: int, nets: list[Net]
) -> Records:
    phase = generation.phase
    options = PlayOptions(
        seed=seed,
        generation=generation.number,
        pruning=phase.pruning,
        all_rolls=phase.all_rolls,
        lambda_=generation.lambda_,
    )
    return workers.play(nets, options, phase.games, GAMES_PER_TASK)


def _lessons(
    generation: Generation, seed: int, pupils: Sequence[Pupil], records: Records
) -> list[Lesson]:
    lessons = []
    for index, spec in enumerate(NETS):
        rows = np.flatnonzero(records["class"] == CLASS_OF_NET[index])
        rows = np.tile(rows, generation.phase.passes[index])
        small = spec.name.startswith("pruning")
        rate = generation.rate * (PRUNING_STEP if small else 1)
        state = pupils[index].state
        keys = np.ascontiguousarray(records["key"][rows])
        targets = np.ascontiguousarray(records["target"][rows])
        where = (seed, index, generation.number + 1)
        lessons.append(
            Lesson(index, state, keys, targets, rate, generation.phase.batch, where)
        )
    return lessons


def learn_generation(
    workers: Workers,
    archive: Archive,
    generation: Generation,
    seed: int,
    pupils: list[Pupil],
) -> tuple[list[Pupil], list[float], int]:
    """Play and learn once; return the nets, the errors met, and the new positions."""
    nets = [_net(i, pupil.state.flat) for i, pupil in enumerate(pupils)]
    records = _play(workers, generation, seed, nets)
    made = len(records)
    if generation.phase.replay:
        archive.keep(generation.number, records)
        records = np.concatenate([records, *_earlier(archive, generation, seed)])
    results = workers.teach(_lessons(generation, seed, pupils, records))
    share = 1 - 0.5 ** (1 / HALF_LIFE)
    # From the first generations on it is a plain mean.
    share = max(share, 1 / (generation.number + 1))
    after = []
    for pupil, (state, _) in zip(pupils, results):
        average = pupil.average + np.float32(share) * (state.flat - pupil.average)
        after.append(Pupil(state, average))
    return after, [error for _, error in results], made


def averages(pupils: Sequence[Pupil]) -> list[Net]:
    """Return the averaged nets."""
    return [_net(index, pupil.average) for index, pupil in enumerate(pupils)]


def learn(course: Course, out: Path, jobs: int) -> None:
    """Go through the curriculum and write the averaged nets and the learning curve."""
    archive = Archive(course)
    found = archive.load()
    pupils, done = found if found else (beginning(course.seed), -1)
    if found:
        print(f"resuming after generation {done}", flush=True)
    curve = course.kept / CURVE_FILE
    lines = curve.read_text(encoding="ascii").splitlines() if found else []
    lines = lines[: done + 1]
    begin = time.monotonic()
    saved = -SAVE_EVERY
    with Workers(course.engine, jobs) as workers:
        last = sum(phase.generations for phase in course.curriculum) - 1
        for generation in generations(course.curriculum):
            if generation.number <= done:
                continue
            pupils, errors, made = learn_generation(
                workers, archive, generation, course.seed, pupils
            )
            figures = "\t".join(f"{error:.5f}" for error in errors)
            phase = generation.phase
            line = (
                f"{generation.number}\t{phase.name}\t{phase.games}\t{made}\t{figures}"
            )
            lines.append(line)
            if (generation.number + 1) % SNAPSHOT_EVERY == 0:
                snapshot = f"generation-{generation.number + 1}.weights"
                write_weights(course.kept / snapshot, averages(pupils))
            spent = time.monotonic()
            if generation.number == last or spent - saved > SAVE_EVERY:
                curve.write_text("\n".join(lines) + "\n", encoding="ascii")
                archive.save(pupils, generation.number)
                saved = spent
                print(f"{spent - begin:.0f} s\t{line}", flush=True)
    (out / CURVE_FILE).write_text("\n".join(lines) + "\n", encoding="ascii")
    write_weights(out / WEIGHTS_FILE, averages(pupils))


def scaled(curriculum: Sequence[Phase], scale: float) -> tuple[Phase, ...]:
    """Return the curriculum with so many times the games.

    First with fewer generations, down to two for each phase, then with shorter ones.
    """
    phases = []
    for phase in curriculum:
        wanted = phase.generations * scale
        number = max(2, round(wanted))
        games = max(4, round(phase.games * min(1.0, wanted / number)))
        phases.append(replace(phase, generations=number, games=games))
    return tuple(phases)


def _run(given: argparse.Namespace) -> None:
    given.out.mkdir(parents=True, exist_ok=True)
    with checkpoint_folder(given.out) as kept:
        curriculum = scaled(CURRICULUM, given.scale)
        course = Course(given.engine, kept, given.seed, curriculum)
        learn(course, given.out, given.jobs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, allow_abbrev=False)
    parser.add_argument("--engine", type=Path, required=True, help="folder of build")
    parser.add_argument("--out", type=Path, required=True, help="folder of the nets")
    parser.add_argument("--scale", type=factor, default=1.0, help="of the generations")
    jobs_option(parser)
    seed_option(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return run(_parser(), _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
