# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training and evaluation as a stage runs them."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from nn_support import STOCK, command, environment, run, write_subset

from gnubg_nn.classes import PositionClass
from gnubg_nn.dataset import (
    HELD_OUT_FILE,
    SCALE,
    TRAIN_FILE,
    read_dataset,
    write_dataset,
)
from gnubg_nn.errors import NNError
from gnubg_nn.evaluate import measure
from gnubg_nn.weights import NETS, format_weights, read_weights

NAMES = [spec.name for spec in NETS]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 4,000 training positions."""
    return write_subset(tmp_path_factory.mktemp("nn-small"), 5)


@pytest.fixture(scope="module")
def trained(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return weights trained without interruption, 30 epochs, seed 7."""
    out = tmp_path_factory.mktemp("nn-trained")
    done = run("train", "--data", small, "--out", out, "--epochs", 30)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "data: 4000 positions labelled 0-ply cubeless; "
        "lineage: gnubg 1.07.001 weights; seed 7"
    )
    for name in NAMES:
        assert any(line.startswith(f"{name}: epoch ") for line in lines)
    assert [entry.name for entry in out.iterdir()] == ["gnubg.weights"]
    return out / "gnubg.weights"


def _train(small: Path, out: Path, *more: object, **variables: str) -> bytes:
    arguments = ("--data", small, "--out", out, "--epochs", 30, *more)
    done = run("train", *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return (out / "gnubg.weights").read_bytes()


def test_jobs_change_nothing(small: Path, trained: Path, tmp_path: Path) -> None:
    assert _train(small, tmp_path / "a", "--jobs", 1) == trained.read_bytes()
    many = _train(small, tmp_path / "b", "--jobs", 6, OMP_NUM_THREADS="1")
    assert many == trained.read_bytes()


def test_the_seed_changes_everything(
    small: Path, trained: Path, tmp_path: Path
) -> None:
    _train(small, tmp_path, AIBOOTSTRAP_SEED="8")
    others = read_weights(tmp_path / "gnubg.weights")
    for ours, other in zip(read_weights(trained), others):
        for a, b in zip(ours.arrays(), other.arrays()):
            assert (a != b).any()


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.005)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("whole_group", [True, False])
def test_killed_and_resumed_to_the_same_bits(
    small: Path, trained: Path, tmp_path: Path, whole_group: bool
) -> None:
    out, kept = tmp_path / "out", tmp_path / "checkpoints"
    variables = environment(AIBOOTSTRAP_CHECKPOINT_DIR=str(kept))
    line = command("train", "--data", small, "--out", out, "--epochs", 30)
    process = subprocess.Popen(
        line, env=variables, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait_for(kept / "contact.npz")
        if whole_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        assert process.wait() == -signal.SIGKILL
        end = time.monotonic() + 30
        while _alive(process.pid):
            assert time.monotonic() < end, "a trainer outlives its parent"
            time.sleep(0.05)
    finally:
        if _alive(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    assert not (out / "gnubg.weights").exists()
    done = run("train", *line[3:], AIBOOTSTRAP_CHECKPOINT_DIR=str(kept))
    assert (done.returncode, done.stderr) == (0, "")
    assert "contact: resuming after epoch " in done.stdout
    assert (out / "gnubg.weights").read_bytes() == trained.read_bytes()


def test_checkpoints_of_another_recipe_or_damaged(
    small: Path, trained: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    variables = {"AIBOOTSTRAP_CHECKPOINT_DIR": str(kept)}
    _train(small, tmp_path / "a", AIBOOTSTRAP_SEED="8", **variables)
    whole = (kept / "race.npz").read_bytes()
    (kept / "race.npz").write_bytes(whole[: len(whole) // 2])
    (kept / "crashed.npz").write_bytes(b"\0" * 5_000_000)
    arguments = ("--data", small, "--out", tmp_path / "b", "--epochs", 30)
    done = run("train", *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    for name, what in (
        ("contact", "checkpoint of another recipe"),
        ("race", "damaged checkpoint: File is not a zip file"),
        ("crashed", "more than 462908 bytes: not a checkpoint of this net"),
    ):
        assert f"{name}: starting anew: {kept}/{name}.npz: {what}\n" in done.stdout
    assert (tmp_path / "b" / "gnubg.weights").read_bytes() == trained.read_bytes()
    # Everything is finished now; nothing is trained again.
    again = run("train", *arguments, **variables)
    assert again.stdout.count("resuming after epoch ") == 6
    assert "error" not in again.stdout


def test_usage_errors(small: Path, tmp_path: Path) -> None:
    start = ("--data", small, "--out", tmp_path / "o")
    for option in ("--epochs", "--jobs"):
        done = run("train", *start, option, 0)
        what = f"argument {option}: 0: expected at least 1"
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == f"gnubg_nn.train: error: {what}"
    for hidden in (0, 130, 1032):
        done = run("train", *start, "--hidden", hidden)
        what = f"--hidden: {hidden}: expected a multiple of 8 up to 1024"
        assert done.returncode == 1
        assert done.stderr == f"gnubg_nn.train: error: {what}\n"
    done = run("train", "--data", tmp_path, "--out", tmp_path / "o")
    missing = f"{tmp_path}/train.data: cannot read: No such file or directory"
    assert done.returncode == 1
    assert done.stderr == f"gnubg_nn.train: error: {missing}\n"
    assert not (tmp_path / "o").exists()


def _two_sources(folder: Path, kinds: tuple[PositionClass, ...]) -> tuple[Path, Path]:
    """Write the same positions as data and as training lines, chances by fifths."""
    data = read_dataset(STOCK / HELD_OUT_FILE)
    rows = np.flatnonzero(np.isin(data.classes, kinds))[::40]
    fifths = np.rint(data.probabilities()[rows] * 5).astype(np.uint16)
    # No sum of 1: float32 rounds chances that just do not contradict each other.
    fifths[:, 0] = np.minimum(fifths[:, 0], 4)
    fifths[:, :3] = np.minimum.accumulate(fifths[:, :3], axis=1)
    fifths[:, 3] = np.minimum(fifths[:, 3], 4 - fifths[:, 0])
    fifths[:, 4] = np.minimum(fifths[:, 4], fifths[:, 3])
    folder.mkdir()
    keys = data.keys[rows]
    write_dataset(folder / TRAIN_FILE, "a", "b", keys, fifths * np.uint16(SCALE // 5))
    lines = []
    for key, chances in zip(keys, fifths / 5):
        letters = "".join(
            chr(ord("A") + int(digit, 16)) for digit in key.tobytes().hex()
        )
        lines.append(" ".join([letters, *(f"{chance:.5f}" for chance in chances)]))
    path = folder / "lines"
    path.write_text("\n".join(lines) + "\n")
    return folder, path


EVERY_KIND = (PositionClass.CONTACT, PositionClass.CRASHED, PositionClass.RACE)


def test_upstream_lines_train_like_data(tmp_path: Path) -> None:
    folder, path = _two_sources(tmp_path / "both", EVERY_KIND)
    lines = path.read_text().splitlines()
    first, rest = tmp_path / "first", tmp_path / "rest.gz"
    first.write_text("\n".join(lines[:100]))
    rest.write_bytes(gzip.compress("\n".join(lines[100:]).encode()))
    told = []
    for source in (("--data", folder), ("--upstream", first, rest)):
        out = tmp_path / source[0]
        kept = {"AIBOOTSTRAP_CHECKPOINT_DIR": str(tmp_path / f"kept{source[0]}")}
        done = run("train", *source, "--out", out, "--epochs", 1, **kept)
        assert (done.returncode, done.stderr) == (0, "")
        told.append(done.stdout.splitlines()[0])
    assert told == [
        "data: 500 positions labelled b; lineage: a; seed 7",
        "data: 500 positions labelled as in these files; "
        "lineage: training lines of first, rest.gz; seed 7",
    ]
    ours = (tmp_path / "--data" / "gnubg.weights").read_bytes()
    assert (tmp_path / "--upstream" / "gnubg.weights").read_bytes() == ours
    # A checkpoint is of its positions, and taken up only with them.
    arguments = ("--upstream", first, rest, "--out", tmp_path / "o", "--epochs", 1)
    done = run("train", *arguments, **kept)
    assert done.stdout.count(": resuming after epoch ") == 6
    first.write_text("\n".join(lines[:99]))
    done = run("train", *arguments, **kept)
    assert done.stdout.count(": checkpoint of another recipe") == 6


def test_upstream_usage(tmp_path: Path) -> None:
    some = (PositionClass.CONTACT, PositionClass.RACE)
    folder, path = _two_sources(tmp_path / "both", some)
    for source, status, what in (
        ((), 2, "one of the arguments --data --upstream is required"),
        (
            ("--data", folder, "--upstream", path),
            2,
            "argument --upstream: not allowed with argument --data",
        ),
        (("--upstream", path), 1, "--upstream: no position of class crashed"),
        (("--data", folder), 1, "train.data: no position of class crashed"),
        (
            ("--upstream", path, path.with_name("other")),
            1,
            f"{path.with_name('other')}: cannot read: No such file or directory",
        ),
    ):
        done = run("train", *source, "--out", tmp_path / "o")
        assert done.returncode == status
        assert done.stderr.splitlines()[-1] == f"gnubg_nn.train: error: {what}"
        assert status == 2 or done.stderr.count("\n") == 1
        assert done.stdout == ""
    assert not (tmp_path / "o").exists()


def test_evaluate(small: Path, trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    done = run("evaluate", trained, "--data", small, "--json", path)
    assert (done.returncode, done.stderr) == (0, "")
    metrics = json.loads(path.read_text())
    assert list(metrics) == NAMES
    for name in NAMES:
        row = metrics[name]
        assert sorted(row) == ["error", "n", "probability_error"]
        assert 0 < row["probability_error"] < row["error"] < 1.5
        assert f"{row['error']:.5f}" in done.stdout
    assert metrics["contact"]["n"] + metrics["crashed"]["n"] + metrics["race"]["n"] == (
        4000
    )


def test_evaluate_debian_weights(debian_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    done = run("evaluate", debian_weights, "--data", STOCK, "--json", path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads(path.read_text())
    assert metrics["contact"]["error"] < 0.0005
    assert metrics["crashed"]["error"] < 0.0005
    assert metrics["race"]["error"] < 0.003


@pytest.mark.parametrize("first, second", [(0, 2), (3, 4)])
def test_evaluate_notices_exchanged_nets(
    trained: Path, small: Path, tmp_path: Path, first: int, second: int
) -> None:
    nets = read_weights(trained)
    nets[first], nets[second] = nets[second], nets[first]
    path = tmp_path / "w"
    path.write_bytes(format_weights(nets))
    read_weights(path)
    done = run("evaluate", path, "--data", small, "--json", tmp_path / "m")
    names = f"nets {NAMES[first]} and {NAMES[second]}"
    assert done.returncode == 1
    assert done.stderr == (
        f"gnubg_nn.evaluate: error: {names}: each does better on the positions of "
        "the other: exchanged?\n"
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["w"]


def test_evaluate_refuses_the_wrong_number_of_nets(
    trained: Path, small: Path, tmp_path: Path
) -> None:
    path = tmp_path / "w"
    path.write_bytes(format_weights(read_weights(trained)[:5]))
    done = run("evaluate", path, "--data", small, "--json", tmp_path / "m")
    assert done.returncode == 1
    assert done.stderr == f"gnubg_nn.evaluate: error: {path}:1: 5 nets: expected 6\n"
    assert not (tmp_path / "m").exists()


def test_what_is_not_finite_is_an_error(trained: Path, small: Path) -> None:
    nets = read_weights(trained)
    nets[5].output_bias[4] = np.nan
    with pytest.raises(NNError) as caught:
        measure(nets, read_dataset(small / HELD_OUT_FILE))
    assert str(caught.value) == "pruning-race net: outputs that are not finite"
