# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that play and learn, each with an engine and one BLAS thread of its own.

Tasks are cut the same way whatever the number of processes, and their results come
back in the order of the tasks.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any, Callable, Sequence

import numpy as np

from .checkpoint import State
from .engine.library import Engine, PlayOptions, Records, open_engine
from .errors import NNError
from .net import Floats, Net
from .nets import CLASS_OF_NET
from .optimise import Descent, order
from .positions import Keys, boards_from_keys
from .targets import free_outputs
from .threads import one_thread
from .weights import NETS

_engine: Engine | None = None


@dataclass(frozen=True)
class Lesson:
    """What one net is to go through once: keys (n, 10), targets (n, 5).

    `where` (seed, net, generation) decides the order.
    """

    net: int
    state: State
    keys: Keys
    targets: Floats
    rate: float
    batch: int
    where: tuple[int, int, int]


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _begin(folder: str) -> None:
    global _engine
    # A terminal's interrupt reaches all of them; the first process speaks for them.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent,), daemon=True).start()
    _engine = Engine(Path(folder))


def engine() -> Engine:
    """Return this process's engine."""
    if _engine is None:
        raise RuntimeError("no engine in this process")
    return _engine


def _play(nets: Sequence[Net], options: PlayOptions, first: int, games: int) -> Records:
    engine().load(nets)
    return engine().play(options, first, games)


def _learn(lesson: Lesson) -> tuple[State, float]:
    """Go through a lesson once; return the state after it and the rms error met."""
    state, spec = lesson.state, NETS[lesson.net]
    vectors = state.flat, state.mean, state.square
    descent = Descent(vectors, spec.inputs, spec.hidden)
    kind = CLASS_OF_NET[lesson.net]
    step, squares = state.epoch, 0.0
    rows = order(*lesson.where, len(lesson.keys))
    rows = rows[: len(rows) // lesson.batch * lesson.batch]
    # Many batches are made ready together, whose memory stays small.
    at_once = 128 * lesson.batch
    for begin in range(0, len(rows), at_once):
        several = rows[begin : begin + at_once]
        keys, targets = lesson.keys[several], lesson.targets[several]
        inputs = engine().encode(lesson.net, keys)
        masks = free_outputs(boards_from_keys(keys), kind)
        for start in range(0, len(several), lesson.batch):
            part = slice(start, start + lesson.batch)
            step += 1
            squares += descent.step(
                inputs[part], targets[part], masks[part], lesson.rate, step
            )
    seen = max(1, len(rows))
    return State(step, *descent.vectors()), float(np.sqrt(squares / seen))


def _rollout(
    nets: Sequence[Net], keys: Keys, trials: int, seed: int, first: int
) -> tuple[Floats, Floats]:
    engine().load(nets)
    return engine().rollout(keys, trials, seed, first)


def _duel(nets: Sequence[Sequence[Net]], seed: int, first: int, pairs: int) -> Floats:
    for player, own in enumerate(nets):
        engine().load(own, player)
    return engine().duel(seed, first, pairs)


class Workers:
    """So many processes; a context manager that ends them."""

    def __init__(self, folder: Path, jobs: int) -> None:
        # What is wrong with it is told here, before any process starts.
        open_engine(folder)
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(jobs, context, _begin, (str(folder),))

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _all(
        self, work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
    ) -> list[Any]:
        """Return the results in the order of the tasks."""
        try:
            with one_thread():
                waiting = [self._pool.submit(work, *task) for task in tasks]
                return [result.result() for result in waiting]
        except BrokenProcessPool:
            what = "a worker process was ended from outside"
            raise NNError(f"{what}; is the memory enough?") from None

    def play(
        self, nets: Sequence[Net], options: PlayOptions, games: int, at_once: int
    ) -> Records:
        """Return the positions of games 0.. of a generation, in order."""
        starts = range(0, games, at_once)
        tasks = [(nets, options, s, min(at_once, games - s)) for s in starts]
        parts: list[Records] = self._all(_play, tasks)
        return np.concatenate(parts)

    def teach(self, lessons: Sequence[Lesson]) -> list[tuple[State, float]]:
        """Return each net's state after its lesson, and the rms error met."""
        longest = sorted(lessons, key=lambda lesson: -len(lesson.keys))
        results = self._all(_learn, [(lesson,) for lesson in longest])
        by_net = {lesson.net: r for lesson, r in zip(longest, results)}
        return [by_net[lesson.net] for lesson in lessons]

    def rollout(
        self, nets: Sequence[Net], keys: Keys, trials: int, seed: int, at_once: int = 20
    ) -> tuple[Floats, Floats]:
        """Return means (n, 5) and standard errors (n,) of rolled-out positions."""
        starts = range(0, len(keys), at_once)
        tasks = [(nets, keys[s : s + at_once], trials, seed, s) for s in starts]
        parts = self._all(_rollout, tasks)
        means = np.concatenate([mean for mean, _ in parts])
        return means, np.concatenate([error for _, error in parts])

    def duel(
        self, nets: Sequence[Sequence[Net]], pairs: int, seed: int, at_once: int = 500
    ) -> Floats:
        """Return the first player's points per game of each pair, (pairs,)."""
        starts = range(0, pairs, at_once)
        tasks = [(nets, seed, s, min(at_once, pairs - s)) for s in starts]
        return np.concatenate(self._all(_duel, tasks))
