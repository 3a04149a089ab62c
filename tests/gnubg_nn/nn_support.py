# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths, positions and runs that the tests of gnubg_nn share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = ROOT / "examples" / "gnubg" / "gnubg-nn"
DATA = PACKAGE / "data"
# What gnubg 1.07.001 itself said at 0-ply of 20,000 positions: the truth for formulas.
STOCK = HERE / "stock"

for folder in (PACKAGE, ROOT, HERE / "oracle"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from gnubg_nn.dataset import HELD_OUT_FILE, TRAIN_FILE  # noqa: E402
from gnubg_nn.dataset import Dataset, read_dataset, write_dataset  # noqa: E402
from gnubg_nn.positions import Boards  # noqa: E402


def environment(**more: str) -> dict[str, str]:
    """Return an environment like that of a stage, with nothing inherited."""
    base = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        # Where dh-aibootstrap is installed, it is found without a path.
        "PYTHONPATH": f"{PACKAGE}:{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "2",
        "AIBOOTSTRAP_SEED": "7",
    }
    kept = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    base.update({name: os.environ[name] for name in kept if name in os.environ})
    return {**base, **more}


def command(module: str, *arguments: object) -> list[str]:
    """Return the command line of one of the package's programs."""
    return ["/usr/bin/python3", "-m", f"gnubg_nn.{module}", *map(str, arguments)]


def run(
    module: str, *arguments: object, **more: str
) -> "subprocess.CompletedProcess[str]":
    """Run one of the package's programs to its end."""
    return subprocess.run(
        command(module, *arguments),
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=300,
    )


def judged() -> Dataset:
    """Return positions of all classes with gnubg's own evaluations."""
    return read_dataset(STOCK / HELD_OUT_FILE)


def write_subset(folder: Path, every: int) -> Path:
    """Write a small pair of data files out of positions that gnubg judged."""
    folder.mkdir(parents=True, exist_ok=True)
    data = judged()
    for name, start in ((TRAIN_FILE, 0), (HELD_OUT_FILE, 1)):
        keys, labels = data.keys[start::every], data.labels[start::every]
        write_dataset(folder / name, data.lineage, data.labelling, keys, labels)
    return folder


def random_boards(count: int, seed: int) -> Boards:
    """Return legal boards unlike any game: bars, stacks, many men off, empty sides."""
    random = np.random.Generator(np.random.PCG64(seed))
    boards = np.zeros((count, 2, 25), np.uint8)
    for board in boards:
        for side in (0, 1):
            men = 15 if random.random() < 0.6 else int(random.integers(0, 16))
            width = int(random.choice([3, 6, 12, 24, 25, 25]))
            free = [
                i for i in range(width) if i == 24 or not side or not board[0, 23 - i]
            ]
            if free:
                points = random.choice(free, int(random.integers(1, len(free) + 1)))
                np.add.at(board[side], random.choice(points, men), 1)
    return boards
