# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands with the add-on of this tree, in an environment made from nothing."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# Nothing else of the caller's environment gets into a command: no DH_INTERNAL_*,
# no DEB_BUILD_*, no MAKEFLAGS. These two choose OpenBLAS's kernels, and on CPUs newer
# than it they are needed for right results.
PASSED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

TIME_LIMIT = 240  # seconds; a command that hangs must not hang the suite


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    status: int
    stdout: str
    stderr: str

    @property
    def errors(self) -> list[str]:
        """The lines of stderr that a program of this project or a tool marks so."""
        return [line for line in self.stderr.splitlines() if ": error: " in line]

    @property
    def warnings(self) -> list[str]:
        """The lines of stderr in which a program of this project warns."""
        return [
            line
            for line in self.stderr.splitlines()
            if "aibootstrap" in line and ": warning: " in line
        ]

    def check(self) -> Done:
        """Return self; raises AssertionError with all output where it failed."""
        assert self.status == 0, f"status {self.status}\n{self.stdout}\n{self.stderr}"
        return self


@dataclass(frozen=True)
class Tree:
    """The add-on of this tree, with a cache of its own and no home."""

    scratch: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        """The folder XDG_CACHE_HOME of every command."""
        return self.scratch / "cache"

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the whole environment that a command gets; '' takes a name out."""
        found = {
            "HOME": str(self.scratch / "no-home"),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{ROOT}/debhelper:{ROOT}/bin:{SYSTEM_PATH}",
            "PERL5LIB": f"{ROOT}/perl-shims",
            # numpy and torch refuse to be imported: the core does without.
            "PYTHONPATH": f"{ROOT}:{ROOT}/tests/support/refused",
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_CACHE_HOME": str(self.cache),
        }
        found.update({name: os.environ[name] for name in PASSED if name in os.environ})
        found.update(self.extra)
        found.update(extra or {})
        return {name: value for name, value in found.items() if value != ""}

    def run(
        self,
        command: Sequence[str | Path],
        folder: Path | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Done:
        """Run a command to its end in `folder` and return how it ended."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder or self.scratch,
            env=self.environment(extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(
        self,
        command: Sequence[str | Path],
        folder: Path,
        extra: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command as the leader of a session, for tests that send signals.

        A shell starts what it runs in the background with SIGINT ignored, and the
        suite may have been: env(1) takes that back.
        """
        return subprocess.Popen(
            ["env", "--default-signal=INT", *(str(word) for word in command)],
            cwd=folder,
            env=self.environment(extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )


def on_a_small_disk(folder: Path, size: str, script: str) -> list[str]:
    """Return the command that runs a script while `folder` is a disk of this size.

    Also in a chroot, whose root is no mount point, nothing is left mounted.
    """
    mount = f"mount -t tmpfs -o size={size} none {folder}"
    words = "mount --make-rprivate / 2> /dev/null;"
    words += f" {mount} && {{ ({script}); status=$?; umount {folder}; exit $status; }}"
    unshare = ["unshare", "--mount", "--propagation", "unchanged"]
    return [*unshare, "sh", "-c", words]
