# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backends of training: the numpy one against the formulas, torch against it.

torch is not needed. With GNUBG_NN_TORCH set to a python3 that has numpy and torch,
one more test compares the two backends.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from nn_support import environment, judged, random_boards, run, write_subset

from gnubg_nn.backend import Trainer, Vectors, choose
from gnubg_nn.backend.material import Material, encode, in_bytes
from gnubg_nn.checkpoint import State, load, save
from gnubg_nn.errors import NNError
from gnubg_nn.nets import CLASS_OF_NET, INPUTS_OF_NET
from gnubg_nn.optimise import Layers, Schedule, initial, size
from gnubg_nn.targets import free_outputs
from gnubg_nn.weights import NETS

Doubles = npt.NDArray[np.float64]

CONTACT, RACE = 0, 1


def _material(net: int, count: int) -> Material:
    data = judged()
    kind = CLASS_OF_NET[net]
    rows = np.flatnonzero(data.classes == kind)[:count]
    mask = free_outputs(data.boards[rows], kind)
    return Material(encode(net, data.boards[rows]), data.probabilities()[rows], mask)


def _start(net: int, hidden: int) -> Vectors:
    zeros = np.zeros(size(NETS[net].inputs, hidden), np.float32)
    return initial(1, net, NETS[net].inputs, hidden), zeros, zeros


@pytest.mark.parametrize("net", range(6))
def test_batches_have_the_bits_of_the_encoder(net: int) -> None:
    boards = random_boards(600, net)
    inputs, wanted = encode(net, boards), INPUTS_OF_NET[net](boards)
    rows = np.random.Generator(np.random.PCG64(net)).permutation(600)
    assert len(inputs) == 600 and wanted.any()
    assert inputs.batch(rows).tobytes() == wanted[rows].tobytes()
    held = inputs.doubled.nbytes + inputs.fine.nbytes
    assert held <= wanted.nbytes * 0.45


def test_what_bytes_cannot_hold_is_refused() -> None:
    held = np.array([[0, 0.5, 1], [6, 2.5, 127.5]], np.float32)
    assert in_bytes(held).tolist() == [[0, 1, 2], [12, 5, 255]]
    for wrong in (0.25, 128, -0.5, np.nan):
        values = held.copy()
        values[1, 1] = wrong
        with pytest.raises(ValueError, match="^inputs that are not multiples of 1/2"):
            in_bytes(values)


def _loss(flat: Doubles, hidden: int, x: Doubles, data: Material) -> float:
    """Return the cross-entropy of the exact logistic net, summed over five outputs."""
    layers = Layers(flat, x.shape[1], hidden)
    within = 1 / (1 + np.exp(-(x @ layers.u + layers.v)))
    y = 1 / (1 + np.exp(-(within @ layers.w2.T + layers.b2)))
    t = data.targets.astype(np.float64)
    each = (t * np.log(y) + (1 - t) * np.log(1 - y)) * data.mask
    return float(-each.sum() / len(x))


@pytest.mark.parametrize("net", [CONTACT, RACE])
def test_one_step_follows_the_slope_of_the_loss(net: int) -> None:
    """Adam's mean after the first step is a tenth of the slope, its square 1/1000."""
    data, start = _material(net, 40), _start(net, 8)
    trainer = choose("numpy").trainer(data, 8, start)
    x = data.inputs.batch(np.arange(40)).astype(np.float64)
    rate = 1e-3
    met = trainer.epoch(np.arange(40), 40, [rate], 0)
    flat, mean, square = (vector.astype(np.float64) for vector in trainer.vectors())
    begin = start[0].astype(np.float64)
    wanted = np.empty_like(begin)
    for index in range(len(begin)):
        ends = []
        for move in (1e-4, -1e-4):
            moved = begin.copy()
            moved[index] += move
            ends.append(_loss(moved, 8, x, data))
        wanted[index] = (ends[0] - ends[1]) / 2e-4
    assert np.abs(wanted).max() > 0.1
    # The net's own sigmoid is a table, up to 0.00117 beside the logistic.
    assert np.abs(mean / 0.1 - wanted).max() < 0.003
    assert np.allclose(square / 0.001, (mean / 0.1) ** 2, rtol=1e-4, atol=1e-12)
    moved = np.abs(mean) > 1e-5
    steps = (begin - flat)[moved] / rate
    assert np.allclose(steps, np.sign(mean[moved]), atol=2e-3)
    assert 0.1 < met < 2
    if net == RACE:
        # No backgammon of a race is learnt.
        layers = Layers(mean, *_shape(net, 8))
        assert not layers.w2[[2, 4]].any() and not layers.b2[[2, 4]].any()


def _shape(net: int, hidden: int) -> tuple[int, int]:
    return NETS[net].inputs, hidden


def test_what_an_epoch_reports() -> None:
    """With rates of zero: the error of the net it began with."""
    data, start = _material(CONTACT, 100), _start(CONTACT, 8)
    trainer = choose("numpy").trainer(data, 8, start)
    met = trainer.epoch(np.arange(100), 30, [0.0] * 4, 0)
    layers = Layers(start[0].astype(np.float64), *_shape(CONTACT, 8))
    x = data.inputs.batch(np.arange(100)).astype(np.float64)
    within = 1 / (1 + np.exp(-(x @ layers.u + layers.v)))
    y = 1 / (1 + np.exp(-(within @ layers.w2.T + layers.b2)))
    points = ((y - data.targets) * data.mask) @ [2, 1, 1, -1, -1]
    assert met == pytest.approx(np.sqrt((points**2).mean()), abs=5e-3)
    assert trainer.vectors()[0].tobytes() == start[0].tobytes()


def test_the_state_is_all_there_is() -> None:
    """Steps made at once, and by two trainers, the second from what the first left."""
    data, start = _material(CONTACT, 512), _start(CONTACT, 16)
    backend, schedule = choose("numpy"), Schedule(2, 64, 1e-2)
    rates = schedule.rates(1, 512), schedule.rates(2, 512)
    rows = np.arange(512), np.arange(512)[::-1]
    whole = backend.trainer(data, 16, start)
    whole.epoch(np.concatenate(rows), 64, [*rates[0], *rates[1]], 0)
    first = backend.trainer(data, 16, start)
    first.epoch(rows[0], 64, rates[0], 0)
    left = first.vectors()
    bits = [vector.tobytes() for vector in left]
    second = backend.trainer(data, 16, left)
    second.epoch(rows[1], 64, rates[1], 8)
    for one, other, before in zip(whole.vectors(), second.vectors(), left):
        assert one.tobytes() == other.tobytes() != before.tobytes()
    # Nor does a trainer change what it once gave away.
    first.epoch(rows[1], 64, rates[1], 8)
    assert [vector.tobytes() for vector in left] == bits


def test_the_rates_are_those_of_the_schedule() -> None:
    schedule = Schedule(epochs=3, batch=64, rate=1.0)
    rates = [rate for epoch in (1, 2, 3) for rate in schedule.rates(epoch, 1000)]
    assert rates == [schedule.rate_at(step, 48) for step in range(48)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 500 training positions."""
    return write_subset(tmp_path_factory.mktemp("nn-backend"), 40)


def _stub(folder: Path, raised: str) -> Path:
    """Return a folder with a module torch that cannot be imported."""
    stub = folder / "stub"
    stub.mkdir()
    (stub / "torch.py").write_text(f"raise {raised}\n")
    return stub


@pytest.mark.parametrize(
    "raised, message",
    [
        (
            "ModuleNotFoundError(\"No module named 'torch'\", name='torch')",
            "torch is not installed: install python3-torch, or leave --backend out",
        ),
        (
            "ModuleNotFoundError(\"No module named 'sympy'\", name='sympy')",
            "cannot import torch: No module named 'sympy'",
        ),
        (
            "OSError('libtorch_cpu.so: cannot open shared object file')",
            "cannot import torch: libtorch_cpu.so: cannot open shared object file",
        ),
    ],
)
def test_without_torch(small: Path, tmp_path: Path, raised: str, message: str) -> None:
    path = f"{_stub(tmp_path, raised)}:{environment()['PYTHONPATH']}"
    arguments = ("--data", small, "--out", tmp_path / "out", "--backend", "torch")
    done = run("train", *arguments, PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"gnubg_nn.train: error: --backend torch: {message}\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["stub"]


def test_an_unknown_backend(small: Path, tmp_path: Path) -> None:
    arguments = ("--data", small, "--out", tmp_path / "out", "--backend", "jax")
    done = run("train", *arguments)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    what = "argument --backend: 'jax': expected exact, numpy or torch"
    assert last == f"gnubg_nn.train: error: {what}"
    assert not (tmp_path / "out").exists()
    with pytest.raises(NNError) as caught:
        choose("jax")
    assert str(caught.value) == "--backend jax: expected exact, numpy or torch"


def test_a_checkpoint_of_another_backend(small: Path, tmp_path: Path) -> None:
    """The backend is part of the recipe. numpy's never imports torch."""
    kept = tmp_path / "kept"
    path = f"{_stub(tmp_path, 'AssertionError')}:{environment()['PYTHONPATH']}"
    variables = {"AIBOOTSTRAP_CHECKPOINT_DIR": str(kept), "PYTHONPATH": path}
    arguments = ("--data", small, "--out", tmp_path / "out", "--epochs", 1)
    arguments += ("--backend", "numpy")
    done = run("train", *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    weights = (tmp_path / "out" / "gnubg.weights").read_bytes()
    with np.load(kept / "race.npz") as arrays:
        line = arrays["recipe"].tobytes().decode()
    parts = json.loads(line)
    assert (parts["backend"], parts["device"]) == ("numpy", "cpu")
    count = size(NETS[RACE].inputs, 128)
    state = load(kept / "race.npz", line, count)
    assert state is not None
    other = json.dumps({**parts, "backend": "torch"}, sort_keys=True)
    spoilt = State(state.epoch, state.flat + np.float32(1), state.mean, state.square)
    save(kept / "race.npz", other, spoilt)
    done = run("train", *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    where = f"race: starting anew: {kept}/race.npz: checkpoint of another recipe\n"
    assert where in done.stdout
    assert done.stdout.count("resuming after epoch ") == 5
    assert (tmp_path / "out" / "gnubg.weights").read_bytes() == weights


# The two backends train side by side; the answer is how far apart they came.
SIDE_BY_SIDE = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import test_nn_backend as t
for net in (t.CONTACT, t.RACE):
    data, start = t._material(net, 2000), t._start(net, 128)
    schedule = t.Schedule(2, 64, 4e-3)
    trainers = [t.choose(name).trainer(data, 128, start) for name in ("numpy", "torch")]
    mets = []
    for epoch in (1, 2):
        rates = schedule.rates(epoch, len(data.inputs))
        rows = np.arange(len(data.inputs))[::epoch * 2 - 3]
        before = (epoch - 1) * len(rates)
        if epoch == 1:
            # A few steps: only rounding may differ.
            first = [t.choose(n).trainer(data, 128, start) for n in ("numpy", "torch")]
            errors = [one.epoch(rows[:320], 64, rates[:5], 0) for one in first]
            print("few", net, *t._apart(first), abs(errors[0] - errors[1]))
        mets.append([one.epoch(rows, 64, rates, before) for one in trainers])
    print("all", net, *t._apart(trainers), abs(mets[1][0] - mets[1][1]))
    again = t.choose("torch").trainer(data, 128, start)
    once = t.choose("torch").trainer(data, 128, start)
    for one in (again, once):
        one.epoch(rows, 64, rates, 0)
    same = [a.tobytes() == b.tobytes() for a, b in zip(again.vectors(), once.vectors())]
    print("same", net, *map(int, same))
"""


def _apart(trainers: list[Trainer]) -> list[float]:
    one, other = (trainer.vectors() for trainer in trainers)
    return [float(np.abs(a - b).max()) for a, b in zip(one, other)]


TORCH = os.environ.get("GNUBG_NN_TORCH")
if TORCH:

    def test_torch_agrees_with_numpy() -> None:
        assert TORCH
        here = str(Path(__file__).resolve().parent)
        done = subprocess.run(
            [TORCH, "-c", SIDE_BY_SIDE, here],
            env=environment(OMP_NUM_THREADS="1"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        print(done.stdout)
        rows = [line.split() for line in done.stdout.splitlines()]
        assert [row[0] for row in rows] == ["few", "all", "same"] * 2
        for kind, _, *figures in rows:
            numbers = [float(figure) for figure in figures]
            if kind == "few":
                assert max(numbers) < 1e-5
            elif kind == "all":
                assert max(numbers) < 1e-4
            else:
                assert numbers == [1, 1, 1]
