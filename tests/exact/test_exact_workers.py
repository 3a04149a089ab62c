# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers of torch.distributed: any number of them, of either backend, and dying ones.

They are processes on the loopback with a free port, and are ended by their numbers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Iterator

import pytest
from support.matrix.configurations import CONFIGURATIONS
from support.matrix.places import Place
from support.matrix.stacks import Stack
from support.matrix.workers import Workers, free_port

from dh_aibootstrap.exact import checkpoint
from dh_aibootstrap.exact.backend import choose
from dh_aibootstrap.exact.trainer import Trainer

# The Python of these tests, which has torch: Debian's, or that of an environment.
HERE = Place("here", (sys.executable,))
# Batches of 100 and 64 rows, last ones of 77 and of 1: none is a multiple of 3, and
# of the one row three of four workers see nothing.
NAMES = ("small", "classes")
# A worker that waits for a dead one must notice: gloo sees the connection end.
BOUND = 60


def alone(name: str) -> str:
    """Return the digest of one process with numpy."""
    training = CONFIGURATIONS[name].training()
    trainer = Trainer(choose("numpy"), training.recipe, training.data)
    trainer.run()
    return trainer.digest()


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    """What one process learns."""
    return {name: alone(name) for name in NAMES}


@pytest.mark.parametrize(
    "count, backends",
    ((1, "torch"), (2, "numpy"), (3, "torch"), (3, "torch,numpy"), (4, "numpy,torch")),
)
def test_workers(count: int, backends: str, expected: dict[str, str]) -> None:
    """So many workers, by torchrun, learn what one process learns, each of them."""
    answer = Workers(Stack("workers", NAMES, HERE, backends), count).run()
    assert (answer.failed, answer.refused) == ("", "")
    assert answer.exact == expected
    kinds = sorted(part.split()[1] for part in answer.machine.split(" + "))
    assert kinds == sorted(set(backends.split(",")))


def test_the_ordinary_program_differs_by_worker() -> None:
    """In binary32 the number of workers shows: the exact digests' merit."""
    stack = Stack("workers", ("small",), HERE)
    plain = {Workers(stack, count).run().plain["small"] for count in (1, 2, 3)}
    assert len(plain) == 3


class Crew:
    """Three workers started by hand: no torchrun ends them when one has died."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        stack = Stack("crew", ("contact",), HERE)
        given = ["--checkpoint", str(folder), "--every", "1", "contact"]
        command = [sys.executable, "-m", "support.matrix.child", "--workers", *given]
        self.processes = [
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={
                    **stack.environment(),
                    "MASTER_ADDR": "127.0.0.1",
                    "MASTER_PORT": str(port),
                    "RANK": str(rank),
                    "WORLD_SIZE": "3",
                },
            )
            for rank in range(3)
        ]

    def follow(self, rank: int, step: int) -> None:
        """Wait until a worker has made so many steps."""
        stream = self.processes[rank].stdout
        assert stream is not None
        for line in stream:
            if line == f"step contact {step}\n":
                return
        raise AssertionError(f"rank {rank} ended before step {step}")

    def end(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    """Three workers on one training, with a checkpoint after every step."""
    made = Crew(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("victim", (0, 2))
def test_a_worker_dies(victim: int, crew: Crew, tmp_path: Path) -> None:
    """The others end with an error soon, and what was saved can be gone on from."""
    crew.follow(victim, 5)
    begun = time.monotonic()
    os.kill(crew.processes[victim].pid, signal.SIGKILL)
    for rank, process in enumerate(crew.processes):
        _, stderr = process.communicate(timeout=BOUND)
        if rank == victim:
            assert process.returncode == -signal.SIGKILL
        else:
            assert process.returncode == 1
            assert "Connection" in stderr.strip().splitlines()[-1], stderr
    assert time.monotonic() - begun < BOUND

    training = CONFIGURATIONS["contact"].training()
    count, names = training.recipe.plan.parameters, ("master", "mean", "square")
    state = checkpoint.load(tmp_path / "contact.state", "contact", names, count)
    trainer = Trainer(choose("numpy"), training.recipe, training.data)
    # Rank 0, which saves, is at most a step away from the others.
    assert 4 <= state.step < trainer.steps
    trainer.resume(state)
    trainer.run()
    assert trainer.digest() == alone("contact")
    if victim != 0:
        assert [path.name for path in tmp_path.iterdir()] == ["contact.state"]


def test_going_on_with_other_workers(tmp_path: Path, expected: dict[str, str]) -> None:
    """Begun by one process, ended by three: the number is no part of the state."""
    training = CONFIGURATIONS["small"].training()
    begun = Trainer(choose("torch"), training.recipe, training.data)
    begun.run(9)
    checkpoint.save(tmp_path / "small.state", begun.checkpoint("small"))
    given = ("--checkpoint", str(tmp_path), "small")
    stack = Stack("workers", ("small",), HERE, "numpy,torch")
    answer = Workers(replace(stack, configurations=given), 3).run()
    assert (answer.failed, answer.begun) == ("", {"small": 9})
    assert answer.exact["small"] == expected["small"]
    assert [path.name for path in tmp_path.iterdir()] == ["small.state"]
