# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage sees of the machine: a fixed environment, and no network."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from ..manifest.model import Scalar

# Debian's own programs, never those of a user's virtual environment.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# Which kernels a numerical library takes on this CPU. They can be needed for right
# results (OpenBLAS on CPUs newer than itself), so they pass, and the record names them.
HARDWARE_VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
)


@dataclass(frozen=True)
class Surroundings:
    """What one attempt at a stage is told by its environment."""

    work: Path
    checkpoints: Path
    attempt: int
    deadline: int | None  # seconds since the epoch
    seed: int
    cpus: int
    parameters: Mapping[str, Scalar]


def environment(
    surroundings: Surroundings,
    declared: Sequence[tuple[str, str]],
    outside: Mapping[str, str],
) -> dict[str, str]:
    """Return the whole environment of a stage; nothing else of `outside` gets in."""
    threads = str(surroundings.cpus)
    deadline = surroundings.deadline
    fixed = {
        "AIBOOTSTRAP_ATTEMPT": str(surroundings.attempt),
        "AIBOOTSTRAP_CHECKPOINT_DIR": str(surroundings.checkpoints),
        "AIBOOTSTRAP_DEADLINE": "" if deadline is None else str(deadline),
        "AIBOOTSTRAP_PARAMETERS": json.dumps(
            dict(surroundings.parameters), sort_keys=True
        ),
        "AIBOOTSTRAP_SEED": str(surroundings.seed),
        "HOME": str(surroundings.work / "home"),
        "LC_ALL": "C.UTF-8",
        "MKL_NUM_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "PATH": PATH,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": outside.get("SOURCE_DATE_EPOCH", "0"),
        "TMPDIR": str(surroundings.work / "tmp"),
        "TZ": "UTC",
    }
    return {**hardware(outside), **dict(declared), **fixed}


def hardware(outside: Mapping[str, str]) -> dict[str, str]:
    """Return those variables of `outside` that choose kernels for the CPU."""
    return {name: outside[name] for name in HARDWARE_VARIABLES if name in outside}


def system_blas(alternatives: Path = Path("/etc/alternatives")) -> str:
    """Return the file that Debian's libblas.so.3 stands for here, 'none' for no such.

    A program that brings its own, or is bound to another library, does not use it.
    """
    triplet = sysconfig.get_config_var("MULTIARCH")
    try:
        return os.readlink(alternatives / f"libblas.so.3-{triplet}")
    except OSError:
        return "none"


def without_network(command: Sequence[str]) -> tuple[list[str], bool]:
    """Return the command as it runs cut off from the network, and whether it is.

    unshare(1) makes a network namespace of its own, as root or in a user namespace.
    In containers that forbid both the command runs as it is, and the answer is False.
    """
    for options in _UNSHARE:
        if _works(options):
            return [*_TIED, *options, "--", *_LOOPBACK, *command], True
    return [*_TIED, *command], False


_LOOPBACK = [
    "/usr/bin/python3",
    "-I",
    str(Path(__file__).resolve().with_name("loopback.py")),
]

# A stage must not outlive us, even where we die of SIGKILL (setpriv(1), prctl(2)).
_TIED = ["setpriv", "--pdeathsig", "KILL", "--"]

_UNSHARE = (
    ("unshare", "--net"),
    ("unshare", "--user", "--map-current-user", "--keep-caps", "--net"),
)


@functools.cache
def _works(options: tuple[str, ...]) -> bool:
    try:
        done = subprocess.run(
            [*options, "--", *_LOOPBACK, "true"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={"PATH": PATH},
        )
    except OSError:
        return False
    return done.returncode == 0


def cpus_of(limit: int | None) -> int:
    """Return how many threads a stage gets: its limit, one where it names none.

    A number that followed the machine would make its sums depend on the machine.
    """
    return limit or 1
