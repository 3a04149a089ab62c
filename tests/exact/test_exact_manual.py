# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program in dh-aibootstrap-exact(7) runs, resumes, and gives the same bits."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
MANUAL = ROOT / "man" / "dh-aibootstrap-exact.pod"


def synopsis() -> str:
    """Return the program of the SYNOPSIS."""
    part = MANUAL.read_text("utf-8").split("=head1 SYNOPSIS")[1].split("=head1")[0]
    return re.sub(r"^    ", "", part, flags=re.MULTILINE).strip() + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the program and data: which third of x is largest."""
    random = np.random.Generator(np.random.PCG64(4))
    x = random.random((600, 6)).astype(np.float32)
    sums = x.reshape(600, 3, 2).sum(axis=2)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "t.npy", (sums == sums.max(axis=1, keepdims=True)) * 1.0)
    (tmp_path / "train.py").write_text(synopsis())
    return tmp_path


def train(folder: Path, kernel: str) -> tuple[list[str], bytes]:
    """Run the program; return its lines and what it wrote."""
    variables = {"PYTHONPATH": str(ROOT), "OPENBLAS_CORETYPE": kernel}
    done = subprocess.run(
        ["/usr/bin/python3", "-B", "train.py"],
        cwd=folder,
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines(), (folder / "foo.npz").read_bytes()


def test_the_program_of_the_manual_page(folder: Path) -> None:
    """20 epochs, whose loss falls; resumed from the end it trains no more."""
    lines, weights = train(folder, "Haswell")
    losses = [float(line.split()[1].rstrip(",")) for line in lines]
    assert len(losses) == 20
    assert losses[-1] < 0.7 * losses[0]
    again, same = train(folder, "Haswell")
    assert (again, same) == ([], weights)
    (folder / "foo.state").unlink()
    assert train(folder, "Prescott") == (lines, weights)


def test_the_bounds_of_the_manual_page() -> None:
    """The two lines that it shows are lines of a plan."""
    from dh_aibootstrap.exact.activations import Sigmoid
    from dh_aibootstrap.exact.data import Block, InputFormat
    from dh_aibootstrap.exact.grid import Grid
    from dh_aibootstrap.exact.losses import CrossEntropy
    from dh_aibootstrap.exact.plan import Dense, plan

    inputs = InputFormat((Block(np.arange(200), Grid(1, 6.0), 31.0),), None)
    layers = Dense(128, Sigmoid()), Dense(5, Sigmoid())
    proof = list(plan(inputs, layers, CrossEntropy(), 256).proof())
    text = MANUAL.read_text("utf-8").split("digits that it needs and has:")[1]
    shown = [line.strip() for line in text.splitlines()[2:4]]
    assert len(shown) == 2 and set(shown) <= set(proof), proof
