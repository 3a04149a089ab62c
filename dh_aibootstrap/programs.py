# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other programs: lists of words, a clean locale, three kinds of failure."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from .errors import Error, MissingError


@dataclass(frozen=True)
class Finished:
    """How a program ended, and what it wrote."""

    status: int
    output: str
    errors: str

    @property
    def ok(self) -> bool:
        """Whether the program said that all went well."""
        return self.status == 0


def run(
    command: Sequence[str],
    folder: Path | None = None,
    extra: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program to its end and return what it wrote, whatever its status.

    Messages come in English (LC_ALL=C.UTF-8), so that they can be read. Raises
    MissingError where the program is not installed.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(extra or {})}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise MissingError(f"{command[0]}: not installed") from None
    return Finished(done.returncode, done.stdout, done.stderr)


def run_or_fail(
    command: Sequence[str],
    folder: Path | None = None,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Run a program and return its output; raises Error with its last words."""
    done = run(command, folder, extra)
    if not done.ok:
        raise Error(f"{describe(command, done.status)}{last_words(done.errors)}")
    return done.output


def describe(command: Sequence[str], status: int) -> str:
    """Return in words how a command failed: killed, or with which exit status."""
    words = shlex.join(command)
    if status < 0:
        return f"'{words}' died with signal {-status}"
    return f"'{words}' returned exit status {status}"


def last_words(errors: str) -> str:
    """Return ': ' and the last line that a program wrote, or nothing."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""
