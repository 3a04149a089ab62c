# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one program to its end, its time limit or our own end; never leave it behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Mapping, Sequence

from ..errors import MissingError

# Time to write a checkpoint between the two signals.
GRACE = 10  # seconds


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit status, or minus the signal that killed it."""

    status: int
    timed_out: bool
    seconds: float
    peak: int  # resident memory of its largest process, bytes


def launch(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    limit: int | None,
    copy_to: IO[bytes] | None = None,
) -> Ended:
    """Run `command` with its output in the file `log`, and in `copy_to` as it comes.

    After `limit` seconds it gets SIGTERM, and SIGKILL after GRACE more. It leads a
    process group of its own; whatever ends this function ends that group.
    """
    start = time.monotonic()
    with open(log, "ab") as target:
        process = _start(command, folder, environment, target, copy_to)
        timer = threading.Timer(limit or 0, _stop, [process])
        timer.daemon = True
        if limit is not None:
            timer.start()
        try:
            if process.stdout is not None and copy_to is not None:
                _tee(process.stdout, target, copy_to)
            _, wait_status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(wait_status)
        finally:
            timer.cancel()
            _kill_group(process)
    seconds = time.monotonic() - start
    timed_out = limit is not None and seconds >= limit and process.returncode != 0
    return Ended(process.returncode, timed_out, seconds, usage.ru_maxrss << 10)


def _start(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    log: IO[bytes],
    copy_to: IO[bytes] | None,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log if copy_to is None else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise MissingError(f"{command[0]}: not installed") from None


def _tee(source: IO[bytes], log: IO[bytes], copy_to: IO[bytes]) -> None:
    for line in source:
        log.write(line)
        log.flush()
        copy_to.write(line)
        copy_to.flush()


def _stop(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    time.sleep(GRACE)
    _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    if process.returncode is None:
        process.wait()
