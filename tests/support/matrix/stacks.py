# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack, which is a row of the matrix, and what came out of running it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Mapping

from .places import HERE, Place

# A child that hangs must not hang the matrix; an emulated one takes minutes.
TIME_LIMIT = 900


@dataclass(frozen=True)
class Answer:
    """What a stack gave: digests by configuration, or why there are none.

    `refused` is what the self-test said, `absent` why the stack cannot be here, and
    `failed` how it broke. `machine` says what really computed, and `begun` the steps
    that were gone on from.
    """

    machine: str = ""
    exact: Mapping[str, str] = field(default_factory=dict)
    plain: Mapping[str, str] = field(default_factory=dict)
    begun: Mapping[str, int] = field(default_factory=dict)
    refused: str = ""
    absent: str = ""
    failed: str = ""
    note: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Stack:
    """A name, a place, and how its child is to compute.

    `blas` is one of places.py, with `kernel` asked of it; `wanted` are the words of
    which the child's own report must hold one, lest something else be counted. `needs`
    are instructions that /proc/cpuinfo must name.
    """

    name: str
    configurations: tuple[str, ...]
    place: Place = HERE
    backend: str = "numpy"
    threads: int = 1
    blas: str | None = None
    kernel: str | None = None
    wanted: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    extra: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the child's environment."""
        found = self.place.environment(self.blas)
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            found[name] = str(self.threads)
        if self.kernel is not None:
            found["OPENBLAS_CORETYPE"] = self.kernel
        return {**found, **self.extra}

    def options(self, plain: bool = True) -> list[str]:
        """Return the child's arguments."""
        result = ["--backend", self.backend, "--threads", str(self.threads)]
        return result + ["--plain"] * plain + list(self.configurations)

    def missing(self) -> str:
        """Return why this CPU cannot run the stack, or nothing."""
        lacking = self.needs - _instructions()
        return f"this CPU has no {', '.join(sorted(lacking))}" if lacking else ""

    def run(self) -> Answer:
        """Run the child and return what it said."""
        if self.missing():
            return Answer(absent=self.missing())
        begun = time.monotonic()
        command = [*self.place.python, "-m", "support.matrix.child", *self.options()]
        answer = self.judge(_end(command, self.environment()))
        return replace(answer, seconds=time.monotonic() - begun)

    def judge(self, ended: "Ended") -> Answer:
        """Return the answer of a child, if it computed with what it should."""
        if ended.problem:
            return Answer(failed=ended.problem)
        answer = of_text(ended.stdout)
        if self.wanted and not any(w in answer.machine for w in self.wanted):
            asked = self.kernel or " or ".join(self.wanted)
            return replace(answer, absent=f"{asked} was asked for", exact={}, plain={})
        return answer


@dataclass(frozen=True)
class Ended:
    """What a process wrote, and what was wrong with it, if anything."""

    stdout: str
    problem: str


def _end(command: list[str], environment: Mapping[str, str]) -> Ended:
    """Run a command to its end."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            cwd="/",
            timeout=TIME_LIMIT,
        )
    except subprocess.TimeoutExpired:
        return Ended("", f"not done after {TIME_LIMIT} s")
    return Ended(done.stdout, problem(done.returncode, done.stderr))


def problem(status: int, stderr: str) -> str:
    """Return what a process died of in one line, or nothing."""
    if status == 0:
        return ""
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    lines = stderr.strip().splitlines() or ["no message"]
    # torchrun says more after the error of a worker.
    errors = [line for line in lines if "Error" in line or "error" in line]
    return f"status {status}: {(errors or lines)[-1].strip()}"


def of_text(stdout: str) -> Answer:
    """Return the answer in the last line of a child's output."""
    found: dict[str, Any] = json.loads(stdout.strip().splitlines()[-1])
    machine = f"{found['versions']}, {found['kernel']}"
    if "refused" in found:
        return Answer(machine, refused=found["refused"])
    trained = found["trained"]
    return Answer(
        machine,
        {name: each["exact"] for name, each in trained.items()},
        {name: each["plain"] for name, each in trained.items() if "plain" in each},
        {name: each["begun"] for name, each in trained.items()},
    )


def _instructions() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()
