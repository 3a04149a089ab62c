# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend exact: gnubg's six nets, the same bits whatever computes them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import nn_support as s
import numpy as np
import pytest
from gnubg_nn.backend import choose
from gnubg_nn.backend.formats import exact_inputs, input_format, net_plan
from gnubg_nn.backend.material import Material, encode
from gnubg_nn.errors import NNError
from gnubg_nn.net import equity, forward
from gnubg_nn.nets import CLASS_OF_NET
from gnubg_nn.optimise import Schedule, initial, order
from gnubg_nn.targets import free_outputs
from gnubg_nn.weights import NETS

BLAS = Path("/usr/lib") / f"{sys.implementation._multiarch}" / "blas"


def _material(net: int, count: int) -> Material:
    data, kind = s.judged(), CLASS_OF_NET[net]
    rows = np.flatnonzero(data.classes == kind)[:count]
    boards = data.boards[rows]
    mask = free_outputs(boards, kind)
    return Material(encode(net, boards), data.probabilities()[rows], mask)


@pytest.mark.parametrize("net", range(len(NETS)))
def test_inputs_are_the_encoders_within_half_a_step(net: int) -> None:
    """Halves are kept, ratios rounded to 2**-12; every column is somewhere."""
    material = _material(net, 500)
    encoded = material.inputs.batch(np.arange(len(material.inputs)))
    exact = exact_inputs(material.inputs)
    found = np.full(encoded.shape, np.nan)
    for block, matrix in zip(exact.format.blocks, exact.matrices):
        found[:, block.columns] = matrix.astype(float) * 2.0**-block.grid.exponent
        apart = np.abs(found[:, block.columns] - encoded[:, block.columns]).max()
        assert apart <= (2.0**-13 if block.grid.exponent == 12 else 0)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("net", range(len(NETS)))
def test_the_bounds_hold_for_boards_unlike_any_game(net: int) -> None:
    """No position of 15 men a side is refused: bars, stacks and empty sides."""
    boards = s.random_boards(2000, 5)
    exact_inputs(encode(net, boards))


def test_the_proof_of_every_net() -> None:
    for net, kind in enumerate(NETS):
        lines = list(net_plan(kind.inputs, kind.hidden, 4096).proof())
        needed = [int(line.split(": ")[1].split()[0]) for line in lines]
        available = [int(line.split(" of ")[-1].split()[0]) for line in lines]
        assert all(n <= a for n, a in zip(needed, available)), lines
        narrow = input_format(kind.inputs).narrow
        assert len(narrow) == (0 if kind.name.startswith("pruning") else 1)


@pytest.mark.parametrize("net", [0, 1, 2, 3])
def test_it_learns_what_float32_learns(net: int) -> None:
    """After two epochs from the same start both judge within 0.004 points (rms)."""
    material, hidden = _material(net, 4000), NETS[net].hidden
    shape, rate = (NETS[net].inputs, hidden), 4e-3 if net < 3 else 2e-2
    schedule = Schedule(2, 64, rate, epsilon=1e-4)
    start = initial(3, net, *shape)
    said = []
    for name in ("numpy", "exact"):
        backend = choose(name)
        trainer = backend.trainer(material, hidden, backend.begin(start, shape))
        count, met = len(material.inputs), []
        for epoch in (1, 2):
            rates = schedule.rates(epoch, count)
            rows = order(3, net, epoch, count)
            done = (epoch - 1) * len(rates)
            met.append(trainer.epoch(rows, 64, rates, done, 1e-4))
        assert met[1] < 0.95 * met[0]
        every = material.inputs.batch(np.arange(count))
        said.append(equity(forward(backend.net(trainer.vectors(), shape), every)))
    apart = float(np.sqrt(np.mean((said[0] - said[1]) ** 2)))
    assert 0 < apart < 0.004


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return s.write_subset(tmp_path_factory.mktemp("small"), 40)


def _trained(small: Path, out: Path, *more: object, **variables: str) -> str:
    arguments = ("--data", small, "--out", out, "--epochs", 2, *more)
    done = s.run("train", *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return hashlib.sha256((out / "gnubg.weights").read_bytes()).hexdigest()


def test_the_same_weights_from_every_blas(small: Path, tmp_path: Path) -> None:
    """Where float32 gives several: the reference BLAS, kernels of OpenBLAS, threads."""
    stacks: dict[str, dict[str, str]] = {
        "haswell": {"OPENBLAS_CORETYPE": "Haswell"},
        "prescott": {"OPENBLAS_CORETYPE": "Prescott"},
        "nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
        "reference": {"LD_LIBRARY_PATH": str(BLAS)},
    }
    assert (BLAS / "libblas.so.3").exists()
    exact, plain = set(), set()
    for name, variables in stacks.items():
        jobs = 1 + len(exact) % 2
        exact.add(_trained(small, tmp_path / name, "--jobs", jobs, **variables))
        other = ("--backend", "numpy")
        plain.add(_trained(small, tmp_path / f"{name}-32", *other, **variables))
    assert len(exact) == 1
    assert len(plain) > 1


def test_it_resumes_to_the_same_bits(small: Path, tmp_path: Path) -> None:
    """Five epochs, a checkpoint, then the rest: as in one go."""
    arguments = ("--data", small, "--epochs", 5)
    whole = tmp_path / "whole"
    assert s.run("train", *arguments, "--out", whole).returncode == 0
    kept = tmp_path / "kept"
    variables = {"AIBOOTSTRAP_CHECKPOINT_DIR": str(kept)}
    first, again = tmp_path / "first", tmp_path / "again"
    assert s.run("train", *arguments, "--out", first, **variables).returncode == 0
    done = s.run("train", *arguments, "--out", again, **variables)
    # Nets that go twice through their data for each epoch have a checkpoint at 5 too.
    assert done.stdout.count("resuming after epoch ") == 6
    weights = [(f / "gnubg.weights").read_bytes() for f in (whole, first, again)]
    assert weights[0] == weights[1] == weights[2]


def test_without_dh_aibootstrap(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("--data", small, "--out", out)
    stub = tmp_path / "stub" / "dh_aibootstrap"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("")
    path = f"{stub.parent}:{s.environment()['PYTHONPATH']}"
    done = subprocess.run(
        s.command("train", *arguments),
        cwd=tmp_path,
        env=s.environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
    )
    what = "dh_aibootstrap.exact is missing: install dh-aibootstrap, or take"
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"gnubg_nn.train: error: --backend exact: {what} --backend numpy\n"
    )
    assert not out.exists()


def test_a_position_beyond_the_format_is_refused() -> None:
    """A ratio of 9, which no board has: the message says which, and what to do."""
    material = _material(0, 50)
    material.inputs.fine[7, 3] = 9
    backend = choose("exact")
    start = backend.begin(initial(1, 0, 250, 128), (250, 128))
    with pytest.raises(NNError) as caught:
        backend.trainer(material, 128, start)
    assert str(caught.value) == (
        "input row 7, column 203: 9.0 is outside -8 .. 8; scale the column down, or "
        "state a larger bound"
    )
