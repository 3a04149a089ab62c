# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A child in several processes on the loopback, by torchrun; they must agree."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from .stacks import TIME_LIMIT, Answer, Ended, Stack, of_text, problem


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def torchrun(python: tuple[str, ...], count: int, logs: Path) -> list[str]:
    """Return the command that starts so many children of this Python."""
    options = ["--nproc_per_node", str(count), "--nnodes", "1"]
    meeting = ["--master_addr", "127.0.0.1", "--master_port", str(free_port())]
    # torch 1.13 with Python 3.11 fails where nothing is redirected: from_str() of
    # torch/distributed/elastic/multiprocessing/api.py finds no member 0 of a Flag.
    output = ["--redirects", "1", "--tee", "1", "--log_dir", str(logs)]
    # Five seconds otherwise, until it sees that the children have ended.
    output += ["--monitor_interval", "0.2"]
    run = [*python, "-m", "torch.distributed.run", *options, *meeting, *output]
    return [*run, "-m", "support.matrix.child", "--workers"]


@dataclass(frozen=True)
class Workers:
    """A stack run by `count` workers; backends go round by rank."""

    stack: Stack
    count: int

    @property
    def name(self) -> str:
        """Return the row's name."""
        return self.stack.name

    def run(self) -> Answer:
        """Run the workers and return what all of them say."""
        if self.stack.missing():
            return Answer(absent=self.stack.missing())
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as name:
            out = Path(name)
            options = ["--out", name, *self.stack.options()]
            start = torchrun(self.stack.place.python, self.count, out / "logs")
            ended = self._end([*start, *options])
            answer = self.stack.judge(ended) if ended.problem else self._read(out)
        return replace(answer, seconds=time.monotonic() - begun)

    def _read(self, out: Path) -> Answer:
        """Return the answer of rank 0, if all others have the same digests."""
        answers = [
            of_text((out / f"{rank}.json").read_text()) for rank in range(self.count)
        ]
        first = answers[0]
        for rank, other in enumerate(answers):
            if other.refused or other.exact != first.exact:
                why = other.refused or "has other digests than rank 0"
                return replace(first, failed=f"rank {rank}: {why}")
        kinds = sorted({each.machine for each in answers}, reverse=True)
        return replace(first, machine=" + ".join(kinds))

    def _end(self, command: list[str]) -> Ended:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.stack.environment(),
            cwd="/",
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Ended("", f"not done after {TIME_LIMIT} s")
        return Ended(stdout, problem(process.returncode, stderr))
