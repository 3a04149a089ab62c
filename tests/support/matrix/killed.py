# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that is killed at a random moment, again and again, and goes on each time."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from .stacks import Answer, Ended, Stack, problem

# Checkpoints are written after so many steps.
EVERY = 3


@dataclass(frozen=True)
class Killed:
    """For each configuration, a child that is killed once a stack, but for the last.

    The stacks take turns, so that numpy may begin what torch ends. The last is the
    one that is left alone.
    """

    name: str
    stacks: tuple[Stack, ...]

    def run(self) -> Answer:
        """Kill, go on, and return the digests with the places of the kills."""
        begun, notes = time.monotonic(), []
        exact: dict[str, str] = {}
        answer = Answer()
        for name in self.stacks[0].configurations:
            with tempfile.TemporaryDirectory() as folder:
                steps = [
                    self._interrupt(s, name, Path(folder)) for s in self.stacks[:-1]
                ]
                ended = self._finish(self.stacks[-1], name, Path(folder))
            answer = self.stacks[-1].judge(ended)
            if answer.failed or answer.refused or answer.absent:
                return answer
            exact.update(answer.exact)
            kills = " and ".join(map(str, steps))
            notes.append(
                f"{name} after step {kills}, gone on from {answer.begun[name]}"
            )
            if not answer.begun[name]:
                return replace(answer, failed=f"{name} began anew")
        note = f"killed: {'; '.join(notes)}"
        seconds = time.monotonic() - begun
        return replace(answer, exact=exact, note=note, seconds=seconds)

    def _command(self, stack: Stack, name: str, folder: Path) -> list[str]:
        given = ["--checkpoint", str(folder), "--every", str(EVERY), name]
        single = replace(stack, configurations=())
        child = [*stack.place.python, "-m", "support.matrix.child"]
        return [*child, *single.options(plain=False), *given]

    def _interrupt(self, stack: Stack, name: str, folder: Path) -> int:
        """Kill a child at random after its first checkpoint; return the last step."""
        process = subprocess.Popen(
            self._command(stack, name, folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=stack.environment(),
            cwd="/",
        )
        assert process.stdout is not None
        step = _follow(process.stdout, random.randint(EVERY, 2 * EVERY))
        # Anywhere within the next step, be it while a checkpoint is written.
        time.sleep(random.random() * 0.02)
        process.kill()
        rest = process.communicate()[0].splitlines()
        return max([step, *(int(r.split()[2]) for r in rest if r.startswith("step "))])

    def _finish(self, stack: Stack, name: str, folder: Path) -> Ended:
        done = subprocess.run(
            self._command(stack, name, folder),
            capture_output=True,
            text=True,
            env=stack.environment(),
            cwd="/",
        )
        return Ended(done.stdout, problem(done.returncode, done.stderr))


def _follow(lines: IO[str], count: int) -> int:
    """Read until so many steps were made; return the number of the last."""
    step = 0
    for line in lines:
        if line.startswith("step "):
            step, count = int(line.split()[2]), count - 1
            if count == 0:
                break
    return step
