# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the six nets and writes gnubg.weights.

    python3 -m gnubg_nn.train --data DIR --out DIR [--epochs N] [--hidden N] [--jobs N]
        [--backend exact|numpy|torch]
    python3 -m gnubg_nn.train --upstream FILE... --out DIR ...

Each net is a process of its own with one BLAS thread, so that the number of jobs
changes the time and nothing else. The seed comes from AIBOOTSTRAP_SEED; checkpoints
go to AIBOOTSTRAP_CHECKPOINT_DIR and are taken up again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from . import __version__
from .backend import BACKENDS, EXPECTED, Backend, Trainer, choose
from .backend.material import Material, encode
from .checkpoint import State, load, save
from .command import checkpoint_folder, count, jobs_and_seed, path_option, run, whole
from .dataset import TRAIN_FILE, TrainingSet, read_dataset
from .errors import NNError
from .net import Net
from .nets import CLASS_OF_NET
from .optimise import Schedule, initial, order, size
from .targets import free_outputs
from .threads import ONE_THREAD
from .upstream.training import read_training_lines
from .weights import NETS, write_weights

PROGRAM = "gnubg_nn.train"
WEIGHTS_FILE = "gnubg.weights"
# Longest first, so that two jobs end together.
ORDER_OF_WORK = (0, 2, 1, 3, 4, 5)
CHECKPOINT_EVERY = 5
REPORTS = 4

# How often a net goes through its data for each of --epochs, by the order of the
# weights file: where there are fewer positions, more often.
PASSES = (1, 1, 2, 1, 2, 2)
# With Adam's usual 1e-8 the weights of inputs that are rarely not 0 wander: a race with
# two men left was judged lost by 1.4 points; so by at most 0.5 on 900 games.
EPSILON = 1e-4
# The small pruning nets learn as well in large steps, in half the time.
PRUNING_BATCH, PRUNING_RATE = 256, 2e-2


@dataclass(frozen=True)
class Options:
    """What decides the result, and where things are.

    Positions come from the folder `data`, or from upstream's files where it is None.
    """

    data: Path | None
    upstream: tuple[Path, ...]
    epochs: int
    hidden: int
    seed: int
    backend: Backend
    checkpoints: Path


def read_positions(options: Options) -> TrainingSet:
    """Return the positions to learn from, some for every net; NNError otherwise."""
    if options.data is None:
        place, found = "--upstream", read_training_lines(options.upstream)
    else:
        place = TRAIN_FILE
        found = read_dataset(options.data / TRAIN_FILE).training_set()
    for kind in CLASS_OF_NET:
        if not (found.classes == kind).any():
            raise NNError(f"{place}: no position of class {kind.name.lower()}")
    return found


def material(data: TrainingSet, net: int) -> Material:
    """Return what the net with this place in the weights file learns from."""
    kind = CLASS_OF_NET[net]
    rows = np.flatnonzero(data.classes == kind)
    boards = data.boards[rows]
    mask = free_outputs(boards, kind)
    return Material(encode(net, boards), data.targets[rows], mask)


@dataclass(frozen=True)
class Course:
    """How the net with this place in the weights file is trained."""

    options: Options
    net: int
    digest: str

    @property
    def name(self) -> str:
        """Return what the net is called."""
        return NETS[self.net].name

    @property
    def _pruning(self) -> bool:
        return self.name.startswith("pruning")

    @property
    def hidden(self) -> int:
        """Return the hidden units: those asked for, but gnubg's own for pruning."""
        return NETS[self.net].hidden if self._pruning else self.options.hidden

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of inputs and of hidden units."""
        return NETS[self.net].inputs, self.hidden

    @property
    def schedule(self) -> Schedule:
        """Return epochs, batch and rate."""
        epochs = self.options.epochs * PASSES[self.net]
        if self._pruning:
            return Schedule(epochs, PRUNING_BATCH, PRUNING_RATE)
        return Schedule(epochs, epsilon=EPSILON)

    @property
    def recipe(self) -> str:
        """Return everything that decides the net's numbers, as one line."""
        backend = self.options.backend
        parts = {
            "net": self.name,
            "hidden": self.hidden,
            "seed": self.options.seed,
            "data": self.digest,
            "version": __version__,
            "backend": backend.name,
            "device": backend.device,
            **asdict(self.schedule),
        }
        return json.dumps(parts, sort_keys=True)

    @property
    def path(self) -> Path:
        """Return where the checkpoint is."""
        return self.options.checkpoints / f"{self.name}.npz"

    def load(self) -> State | None:
        """Return the checkpoint, None where there is none; NNError if damaged."""
        return load(self.path, self.recipe, size(*self.shape))

    def beginning(self) -> State:
        """Return the state before the first epoch."""
        flat = initial(self.options.seed, self.net, *self.shape)
        return State(0, *self.options.backend.begin(flat, self.shape))


def train_net(options: Options, net: int, parent: int | None = None) -> None:
    """Train one net to its last epoch, leaving its state in the checkpoint folder."""
    data = read_positions(options)
    course = Course(options, net, data.digest)
    try:
        state = course.load()
    except NNError as error:
        print(f"{course.name}: starting anew: {error}", flush=True)
        state = None
    if state is None:
        state = course.beginning()
    else:
        print(f"{course.name}: resuming after epoch {state.epoch}", flush=True)
    if state.epoch < course.schedule.epochs:
        lesson = material(data, net)
        # The positions of the other nets make room.
        del data
        vectors = state.flat, state.mean, state.square
        trainer = options.backend.trainer(lesson, course.hidden, vectors)
        _train_from(course, trainer, len(lesson.inputs), state.epoch, parent)


def _train_from(
    course: Course, trainer: Trainer, positions: int, finished: int, parent: int | None
) -> None:
    """Train the epochs after those that are finished."""
    name, schedule = course.name, course.schedule
    every = max(1, schedule.epochs // REPORTS)
    begin = time.monotonic()
    for epoch in range(finished + 1, schedule.epochs + 1):
        if parent is not None and os.getppid() != parent:
            raise NNError(f"{name}: the parent process is gone")
        rows = order(course.options.seed, course.net, epoch, positions)
        rates = schedule.rates(epoch, positions)
        before = (epoch - 1) * len(rates)
        error = trainer.epoch(rows, schedule.batch, rates, before, schedule.epsilon)
        vectors = trainer.vectors()
        if not np.isfinite(error) or not np.isfinite(vectors[0]).all():
            raise NNError(f"{name}: epoch {epoch}: numbers that are not finite")
        last = epoch == schedule.epochs
        if last or epoch % CHECKPOINT_EVERY == 0:
            save(course.path, course.recipe, State(epoch, *vectors))
        if last or epoch % every == 0:
            spent = time.monotonic() - begin
            done = f"epoch {epoch}/{schedule.epochs}"
            print(f"{name}: {done}: error {error:.5f}, {spent:.0f} s", flush=True)


def _start(options: Options, net: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", PROGRAM]
    if options.data is None:
        command += ["--upstream", *map(str, options.upstream)]
    else:
        command += ["--data", str(options.data)]
    command += ["--out", str(options.checkpoints), "--seed", str(options.seed)]
    command += ["--epochs", str(options.epochs), "--hidden", str(options.hidden)]
    command += ["--backend", options.backend.name]
    command += ["--net", str(net), "--parent", str(os.getpid())]
    return subprocess.Popen(command, env={**os.environ, **ONE_THREAD})


def train_all(options: Options, jobs: int, digest: str) -> list[Net]:
    """Train the nets in up to `jobs` processes and return them in order."""
    waiting = list(ORDER_OF_WORK)
    running: dict[int, "subprocess.Popen[bytes]"] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                net = waiting.pop(0)
                running[net] = _start(options, net)
            time.sleep(0.05)
            for net, process in list(running.items()):
                status = process.poll()
                if status is None:
                    continue
                del running[net]
                if status:
                    how = f"exit status {status}" if status > 0 else f"signal {-status}"
                    raise NNError(f"{NETS[net].name}: training ended with {how}")
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return [_finished(Course(options, net, digest)) for net in range(len(NETS))]


def _finished(course: Course) -> Net:
    state = course.load()
    if state is None or state.epoch != course.schedule.epochs:
        raise NNError(f"{course.path}: no finished net")
    vectors = state.flat, state.mean, state.square
    return course.options.backend.net(vectors, course.shape)


def _backend_name(text: str) -> str:
    if text not in BACKENDS:
        raise argparse.ArgumentTypeError(f"{text!r}: expected {EXPECTED}")
    return text


def _options(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of the data")
    source.add_argument(
        "--upstream",
        type=Path,
        nargs="+",
        default=(),
        metavar="FILE",
        help="training lines of upstream's gnubg-nn instead, for all classes",
    )
    path_option(parser, "--out", "folder of the weights")
    parser.add_argument("--epochs", type=count, default=40)
    parser.add_argument("--hidden", type=whole, default=128, help="multiple of 8")
    parser.add_argument(
        "--backend",
        type=_backend_name,
        default=BACKENDS[0],
        help="exact (default): the same bits everywhere; numpy; or torch, with CUDA "
        "where there is a device",
    )
    jobs_and_seed(parser)
    parser.add_argument("--net", type=whole, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=whole, help=argparse.SUPPRESS)


def _run(given: argparse.Namespace) -> None:
    if not given.hidden or given.hidden % 8 or given.hidden > 1024:
        found = f"--hidden: {given.hidden}: expected a multiple of 8 up to 1024"
        raise NNError(found)
    options = Options(
        data=given.data,
        upstream=tuple(given.upstream),
        epochs=given.epochs,
        hidden=given.hidden,
        seed=given.seed,
        backend=choose(given.backend),
        checkpoints=given.out,
    )
    if given.net is not None:
        train_net(options, given.net, given.parent)
        return
    data = read_positions(options)
    digest, made = data.digest, f"{len(data.keys)} positions labelled {data.labelling}"
    print(f"data: {made}; lineage: {data.lineage}; seed {given.seed}", flush=True)
    del data
    with checkpoint_folder(given.out) as folder:
        nets = train_all(replace(options, checkpoints=folder), given.jobs, digest)
        write_weights(given.out / WEIGHTS_FILE, nets)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return run(PROGRAM, _options, _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
