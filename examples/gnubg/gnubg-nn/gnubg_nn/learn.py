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
import re
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from . import __version__
from .checkpoint import State, load, save
from .command import checkpoint_folder, jobs_and_seed, path_option, run, scale_option
from .engine.library import RECORD, PlayOptions, Records
from .errors import NNError
from .files import read_array, read_file, write_array, write_file
from .net import Floats, Net
from .nets import CLASS_OF_NET
from .optimise import Layers, initial, size
from .weights import NETS, write_weights
from .workers import Lesson, Workers

PROGRAM = "gnubg_nn.learn"
WEIGHTS_FILE = "learnt.weights"
CURVE_FILE = "learning.tsv"
# Numbers of the generations whose nets are kept, the newest first.
FINISHED_FILE = "finished"
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

    def replayed(self) -> range:
        """Return the earlier generations, twice `replay`, some of which it replays."""
        latest = min(self.number - self.first_of_kind, 2 * self.phase.replay)
        return range(self.number - latest, self.number)


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


@dataclass(frozen=True)
class Progress:
    """Where a course stands after generation `number`; -1 before the first.

    `lines` are those of the learning curve, one for each generation.
    """

    number: int
    pupils: list[Pupil]
    lines: list[str]


def due(number: int, former: int, last: int, waited: bool) -> bool:
    """Tell whether the nets of a generation are to be kept, as those of `former` were.

    Odd and even generations have files of their own: those of `former` stay whole while
    others are written, so that two in a row that are kept are one odd, one even. `last`
    is kept whatever `waited` says, which else tells that it is time.
    """
    return (number - former) % 2 == 1 and (waited or number >= last - 1)


class Archive:
    """The kept files of a course: nets of two generations, positions to replay."""

    def __init__(self, course: Course) -> None:
        self._folder = course.kept
        self._course = course
        self._finished: list[int] = []

    def _state(self, name: str, number: int, suffix: str = "") -> Path:
        return self._folder / f"{name}-{number % 2}{suffix}.npz"

    def _positions(self, number: int) -> Path:
        return self._folder / f"positions-{number}.npy"

    def save(self, progress: Progress) -> None:
        """Keep where the course stands, and nothing that is no longer of use."""
        number, recipe = progress.number, self._course.recipe(progress.number)
        for spec, pupil in zip(NETS, progress.pupils):
            save(self._state(spec.name, number), recipe, pupil.state)
            zeros = np.zeros_like(pupil.average)
            average = State(number, pupil.average, zeros, zeros)
            save(self._state(spec.name, number, "-average"), recipe, average)
        write_lines(self._folder / CURVE_FILE, progress.lines)
        self._finished = [number, *self._finished][:2]
        mark = " ".join(map(str, self._finished))
        write_lines(self._folder / FINISHED_FILE, [mark])
        self._forget()

    def _forget(self) -> None:
        """Remove positions that none goes through again after any kept generation."""
        window = 2 * max(phase.replay for phase in self._course.curriculum)
        first = self._finished[-1] + 1 - window
        for path in self._folder.glob("positions-*.npy"):
            match = re.fullmatch(r"positions-([0-9]+)\.npy", path.name)
            if match and not first <= int(match[1]) <= self._finished[0]:
                path.unlink()

    def load(self) -> Progress | None:
        """Return where the course stands after the last whole generation, if any.

        What is damaged is said, and the generation kept before it taken instead.
        """
        mark = self._folder / FINISHED_FILE
        if not mark.exists():
            return None
        try:
            text = read_file(mark, 100, "list of generations").strip()
            if not re.fullmatch(rb"[0-9]{1,9}( [0-9]{1,9})?", text):
                raise NNError(f"{mark}: {text!r}: expected numbers of generations")
            for number in map(int, text.split()):
                try:
                    found = self._load(number)
                except NNError as error:
                    print(f"generation {number}: {error}", flush=True)
                else:
                    self._finished = [number]
                    return found
            raise NNError(f"{self._folder}: no whole generation")
        except NNError as error:
            print(f"starting anew: {error}", flush=True)
            return None

    def _load(self, number: int) -> Progress:
        """Return where the course stood after this generation; NNError if damaged."""
        recipe, pupils = self._course.recipe(number), []
        for spec in NETS:
            count = size(spec.inputs, spec.hidden)
            parts = []
            for suffix in ("", "-average"):
                path = self._state(spec.name, number, suffix)
                part = load(path, recipe, count)
                if part is None:
                    raise NNError(f"{path}: is missing")
                parts.append(part)
            pupils.append(Pupil(parts[0], parts[1].flat))
        for earlier in needed_after(number, self._course.curriculum):
            self.replay([earlier])
        return Progress(number, pupils, self._curve(number))

    def _curve(self, number: int) -> list[str]:
        """Return the lines of the generations up to this one."""
        path = self._folder / CURVE_FILE
        data = read_file(path, 1 << 24, "learning curve")
        lines = data.decode("ascii", "backslashreplace").splitlines()
        for index in range(number + 1):
            if index >= len(lines) or not lines[index].startswith(f"{index}\t"):
                raise NNError(f"{path}:{index + 1}: expected generation {index}")
        return lines[: number + 1]

    def keep(self, number: int, records: Records) -> None:
        """Keep the positions of a generation for replay."""
        write_array(self._positions(number), records)

    def replay(self, numbers: Sequence[int]) -> list[Records]:
        """Return the positions of these generations; NNError for damaged ones."""
        found = []
        for number in numbers:
            path = self._positions(number)
            records = read_array(path)
            if records.dtype != RECORD or records.ndim != 1:
                raise NNError(f"{path}: damaged array: not of positions")
            found.append(records)
        return found


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write lines of text, all or nothing."""
    write_file(path, "".join(f"{line}\n" for line in lines).encode("ascii"))


def needed_after(number: int, curriculum: Sequence[Phase]) -> list[int]:
    """Return the generations up to `number` that later ones go through again."""
    later = (one for one in generations(curriculum) if one.number > number)
    found = {earlier for one in later for earlier in one.replayed()}
    return sorted(earlier for earlier in found if earlier <= number)


def _earlier(archive: Archive, generation: Generation, seed: int) -> list[Records]:
    """Return positions of the latest generations before this one of its kind.

    From twice as many generations as are to be gone through again, half of each.
    """
    numbers = generation.replayed()
    if not numbers:
        return []
    random = np.random.Generator(np.random.Philox(seed=[seed, generation.number]))
    share = min(1.0, generation.phase.replay / len(numbers))
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
    former: Progress,
) -> Progress:
    """Play and learn once; return where the course stands then."""
    pupils = former.pupils
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
    phase = generation.phase
    row = [generation.number, phase.name, phase.games, made]
    line = "\t".join([*map(str, row), *(f"{error:.5f}" for _, error in results)])
    return Progress(generation.number, after, [*former.lines, line])


def averages(pupils: Sequence[Pupil]) -> list[Net]:
    """Return the averaged nets."""
    return [_net(index, pupil.average) for index, pupil in enumerate(pupils)]


def learn(course: Course, out: Path, jobs: int) -> None:
    """Go through the curriculum and write the averaged nets and the learning curve."""
    archive = Archive(course)
    progress = archive.load()
    if progress is None:
        progress = Progress(-1, beginning(course.seed), [])
    else:
        print(f"resuming after generation {progress.number}", flush=True)
    kept, saved = progress.number, -SAVE_EVERY
    begin = time.monotonic()
    last = sum(phase.generations for phase in course.curriculum) - 1
    with Workers(course.engine, jobs) as workers:
        for generation in generations(course.curriculum):
            number = generation.number
            if number <= progress.number:
                continue
            progress = learn_generation(
                workers, archive, generation, course.seed, progress
            )
            if (number + 1) % SNAPSHOT_EVERY == 0:
                snapshot = course.kept / f"generation-{number + 1}.weights"
                write_weights(snapshot, averages(progress.pupils))
            now = time.monotonic()
            if due(number, kept, last, now - saved > SAVE_EVERY):
                archive.save(progress)
                kept, saved = number, now
                print(f"{now - begin:.0f} s\t{progress.lines[-1]}", flush=True)
    write_lines(out / CURVE_FILE, progress.lines)
    write_weights(out / WEIGHTS_FILE, averages(progress.pupils))


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
    with checkpoint_folder(given.out) as kept:
        curriculum = scaled(CURRICULUM, given.scale)
        course = Course(given.engine, kept, given.seed, curriculum)
        learn(course, given.out, given.jobs)


def _options(parser: argparse.ArgumentParser) -> None:
    path_option(parser, "--engine", "folder of build")
    path_option(parser, "--out", "folder of the nets")
    scale_option(parser, "of the generations")
    jobs_and_seed(parser)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return run(PROGRAM, _options, _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
