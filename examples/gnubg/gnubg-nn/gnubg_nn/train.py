# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the six nets and writes gnubg.weights.

    python3 -m gnubg_nn.train --data DIR --out DIR [--epochs N] [--hidden N] [--jobs N]

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
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Iterator

import numpy as np
import numpy.typing as npt

from . import __version__
from .checkpoint import State, load, save
from .classes import PositionClass
from .dataset import TRAIN_FILE, Dataset, read_dataset
from .errors import NNError, one_line
from .net import Floats, Net
from .nets import CLASS_OF_NET, INPUTS_OF_NET
from .optimise import Adam, Layers, Schedule, gradient, initial, order, size
from .positions import CHEQUERS, Boards
from .weights import NETS, write_weights

PROGRAM = "gnubg_nn.train"
WEIGHTS_FILE = "gnubg.weights"
# Longest first, so that two jobs end together.
ORDER_OF_WORK = (0, 2, 1, 3, 4, 5)
CHECKPOINT_EVERY = 5
REPORTS = 4

# How often a net goes through its data for each of --epochs, by the order of the
# weights file: where there are fewer positions, more often.
PASSES = (1, 2, 2, 1, 2, 2)
# The small pruning nets learn as well in large steps, in half the time.
PRUNING_BATCH, PRUNING_RATE = 256, 2e-2


@dataclass(frozen=True)
class Options:
    """What decides the result, and where things are."""

    data: Path
    epochs: int
    hidden: int
    seed: int
    checkpoints: Path


@dataclass(frozen=True)
class Material:
    """What one net is trained on: inputs, targets (n, 5), and outputs that count."""

    inputs: Floats
    targets: Floats
    mask: Floats


def free_outputs(boards: Boards, kind: PositionClass) -> Floats:
    """Return 1 for the outputs (n, 5) that gnubg takes from the net, else 0.

    Gammons against who has borne off are always 0 (eval.c:1709-1743); backgammons
    of races are calculated (EvalRaceBG, eval.c:2022-2103).
    """
    mask = np.ones((len(boards), 5), np.float32)
    off = boards.sum(axis=2, dtype=np.int64) < CHEQUERS
    mask[off[:, 0], 1:3] = 0
    mask[off[:, 1], 3:5] = 0
    if kind == PositionClass.RACE:
        mask[:, [2, 4]] = 0
    return mask


def material(data: Dataset, net: int) -> Material:
    """Return what the net with this place in the weights file learns from."""
    kind = CLASS_OF_NET[net]
    rows = np.flatnonzero(data.classes == kind)
    if not rows.size:
        raise NNError(f"{TRAIN_FILE}: no position of class {kind.name.lower()}")
    boards = data.boards[rows]
    inputs = INPUTS_OF_NET[net](boards)
    return Material(inputs, data.probabilities()[rows], free_outputs(boards, kind))


def hidden_units(options: Options, net: int) -> int:
    """Return the hidden units: those asked for, but gnubg's own for pruning."""
    main = not NETS[net].name.startswith("pruning")
    return options.hidden if main else NETS[net].hidden


def schedule_of(options: Options, net: int) -> Schedule:
    """Return how the net with this place in the weights file is trained."""
    epochs = options.epochs * PASSES[net]
    if NETS[net].name.startswith("pruning"):
        return Schedule(epochs, PRUNING_BATCH, PRUNING_RATE)
    return Schedule(epochs)


def recipe(options: Options, net: int, schedule: Schedule, digest: str) -> str:
    """Return everything that decides the net's numbers, as one line."""
    parts = {
        "net": NETS[net].name,
        "hidden": hidden_units(options, net),
        "seed": options.seed,
        "data": digest,
        "version": __version__,
        **asdict(schedule),
    }
    return json.dumps(parts, sort_keys=True)


def _epoch(
    layers: Layers,
    adam: Adam,
    data: Material,
    rows: npt.NDArray[np.int64],
    schedule: Schedule,
    epoch: int,
) -> float:
    """Train one epoch in place; return the rms equity error met on the way."""
    slope = Layers(np.empty_like(layers.flat), *layers.u.shape)
    starts = range(0, len(rows), schedule.batch)
    steps = schedule.epochs * len(starts)
    squares = 0.0
    for index, start in enumerate(starts):
        part = rows[start : start + schedule.batch]
        target, mask = data.targets[part], data.mask[part]
        y = gradient(layers, data.inputs[part], target, mask, slope)
        number = (epoch - 1) * len(starts) + index
        rate = schedule.rate_at(number, steps)
        adam.step(layers.flat, slope.flat, rate, number + 1)
        error = (y - target) * mask
        error[:, 0] *= 2
        error[:, 3:] *= -1
        total = error.sum(axis=1)
        squares += float(np.dot(total, total))
    return float(np.sqrt(squares / len(rows)))


def train_net(options: Options, net: int, parent: int | None = None) -> None:
    """Train one net to its last epoch, leaving its state in the checkpoint folder."""
    name = NETS[net].name
    data = read_dataset(options.data / TRAIN_FILE)
    schedule = schedule_of(options, net)
    line = recipe(options, net, schedule, data.digest)
    path = options.checkpoints / f"{name}.npz"
    hidden = hidden_units(options, net)
    count = size(NETS[net].inputs, hidden)
    try:
        state = load(path, line, count)
    except NNError as error:
        print(f"{name}: starting anew: {error}", flush=True)
        state = None
    if state is None:
        zeros = np.zeros(count, np.float32)
        flat = initial(options.seed, net, NETS[net].inputs, hidden)
        state = State(0, flat, zeros, zeros.copy())
    else:
        print(f"{name}: resuming after epoch {state.epoch}", flush=True)
    if state.epoch < schedule.epochs:
        _train_from(options, net, material(data, net), schedule, state, line, parent)


def _train_from(
    options: Options,
    net: int,
    data: Material,
    schedule: Schedule,
    state: State,
    line: str,
    parent: int | None,
) -> None:
    name = NETS[net].name
    path = options.checkpoints / f"{name}.npz"
    adam = Adam(len(state.flat))
    adam.mean[:], adam.square[:] = state.mean, state.square
    layers = Layers(state.flat, NETS[net].inputs, hidden_units(options, net))
    every = max(1, schedule.epochs // REPORTS)
    begin = time.monotonic()
    for epoch in range(state.epoch + 1, schedule.epochs + 1):
        if parent is not None and os.getppid() != parent:
            raise NNError(f"{name}: the parent process is gone")
        rows = order(options.seed, net, epoch, len(data.inputs))
        error = _epoch(layers, adam, data, rows, schedule, epoch)
        if not np.isfinite(error) or not np.isfinite(layers.flat).all():
            raise NNError(f"{name}: epoch {epoch}: numbers that are not finite")
        last = epoch == schedule.epochs
        if last or epoch % CHECKPOINT_EVERY == 0:
            save(path, line, State(epoch, layers.flat, adam.mean, adam.square))
        if last or epoch % every == 0:
            spent = time.monotonic() - begin
            done = f"epoch {epoch}/{schedule.epochs}"
            print(f"{name}: {done}: error {error:.5f}, {spent:.0f} s", flush=True)


def _worker_environment() -> dict[str, str]:
    """One BLAS thread: more would change the order of sums, and so the bits."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(threads, "1")}


def _start(options: Options, net: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", PROGRAM, "--data", str(options.data)]
    command += ["--out", str(options.checkpoints), "--seed", str(options.seed)]
    command += ["--epochs", str(options.epochs), "--hidden", str(options.hidden)]
    command += ["--net", str(net), "--parent", str(os.getpid())]
    return subprocess.Popen(command, env=_worker_environment())


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
    return [_finished(options, net, digest) for net in range(len(NETS))]


def _finished(options: Options, net: int, digest: str) -> Net:
    schedule = schedule_of(options, net)
    hidden = hidden_units(options, net)
    path = options.checkpoints / f"{NETS[net].name}.npz"
    count = size(NETS[net].inputs, hidden)
    state = load(path, recipe(options, net, schedule, digest), count)
    if state is None or state.epoch != schedule.epochs:
        raise NNError(f"{path}: no finished net")
    return Layers(state.flat, NETS[net].inputs, hidden).net()


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


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the weights")
    parser.add_argument("--epochs", type=_whole, default=60)
    parser.add_argument("--hidden", type=_whole, default=128, help="multiple of 8")
    jobs = os.environ.get("OMP_NUM_THREADS", "1")
    parser.add_argument("--jobs", type=_whole, default=jobs, help="processes at once")
    seed = os.environ.get("AIBOOTSTRAP_SEED") or "1"
    parser.add_argument("--seed", type=_whole, default=seed)
    parser.add_argument("--net", type=_whole, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=_whole, help=argparse.SUPPRESS)
    return parser


def _run(given: argparse.Namespace) -> None:
    if not given.epochs or not given.jobs:
        raise NNError("--epochs and --jobs: 0: expected at least 1")
    if not given.hidden or given.hidden % 8 or given.hidden > 1024:
        found = f"--hidden: {given.hidden}: expected a multiple of 8 up to 1024"
        raise NNError(found)
    options = Options(given.data, given.epochs, given.hidden, given.seed, given.out)
    if given.net is not None:
        train_net(options, given.net, given.parent)
        return
    given.out.mkdir(parents=True, exist_ok=True)
    data = read_dataset(given.data / TRAIN_FILE)
    made = f"{len(data.keys)} positions labelled {data.labelling}"
    print(f"data: {made}; lineage: {data.lineage}; seed {given.seed}", flush=True)
    with checkpoint_folder(given.out) as folder:
        nets = train_all(replace(options, checkpoints=folder), given.jobs, data.digest)
        write_weights(given.out / WEIGHTS_FILE, nets)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    try:
        _run(_parser().parse_args(arguments))
    except (NNError, OSError) as error:
        print(one_line(PROGRAM, error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(one_line(PROGRAM, NNError("interrupted")), file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
