# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A training that is killed: nothing is left behind, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable

import pytest

from support.packages import TRAIN, Package

Make = Callable[..., Package]

LIMIT = 60  # seconds to wait for anything

# At the first attempt it writes a checkpoint, starts a child and waits to be killed.
TRAINER = (
    """\
import os, pathlib, subprocess, time
folder = pathlib.Path(os.environ["AIBOOTSTRAP_CHECKPOINT_DIR"])
checkpoint = folder / "state"
if os.environ["AIBOOTSTRAP_ATTEMPT"] == "1" and not os.environ.get("STRAIGHT"):
    assert not checkpoint.exists()
    checkpoint.write_text("epoch 7")
    child = subprocess.Popen(["sleep", "300"])
    (folder / "pids.new").write_text(f"{os.getpid()} {child.pid}")
    os.rename(folder / "pids.new", folder / "pids")
    time.sleep(300)
elif not os.environ.get("STRAIGHT"):
    assert checkpoint.read_text() == "epoch 7"
"""
    + TRAIN
)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f"waited {LIMIT} s for {what}"
        time.sleep(0.02)


def pids_of(toy: Package) -> list[int]:
    """Wait for the trainer to run; return its process and that of its child."""
    folder = toy.tree.cache / "aibootstrap/checkpoints"
    wait_for(lambda: bool(list(folder.glob("*/*/pids"))), "the trainer")
    (file,) = folder.glob("*/*/pids")
    return [int(word) for word in file.read_text().split()]


def assert_goes_on(toy: Package, before: dict[str, tuple[str, bytes]]) -> None:
    """The weights are as before; the next run finds the checkpoint and finishes."""
    assert toy.weights() == before
    assert list(toy.root.glob("debian/.aibootstrap*")) == []
    toy.aibootstrap("run").check()
    stage = toy.record()["Stages"].split()
    assert (stage[0], stage[2], stage[3]) == ("train", "run", "attempts=2")
    assert toy.read("debian/aibootstrap/model.txt").startswith("3.99")
    # The checkpoints of a finished stage are gone.
    assert list((toy.tree.cache / "aibootstrap/checkpoints").glob("*/*")) == []


@pytest.fixture
def made(package: Make) -> Package:
    """A package with weights in place, and a trainer that will wait to be killed."""
    toy = package()
    toy.bootstrap().check()
    toy.rules("clean").check()
    toy.write("training/train.py", TRAINER)
    toy.write("training/data.txt", "1\n2\n3\n10\n")
    return toy


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a process; return its status and what it wrote."""
    output, errors = process.communicate(timeout=LIMIT)
    return process.returncode, output + errors


INTERRUPTED = "interrupted; the next run goes on from here"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_trainer_is_killed(made: Package, number: signal.Signals) -> None:
    before = made.weights()
    process = made.tree.start(["debian/rules", "bootstrap"], made.root)
    trainer, child = pids_of(made)
    os.kill(trainer, number)
    status, output = finish(process)
    assert status == 2
    said = f"stages.train: python3 died with signal {int(number)} (log: "
    assert said in output
    assert made.result()["Exit-Status"] == "1"
    wait_for(lambda: not is_alive(child), "the end of the trainer's child")
    assert_goes_on(made, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whole_build_is_interrupted(made: Package, number: signal.Signals) -> None:
    """As by Ctrl-C: the signal reaches make, dh and the step, not the trainer."""
    before = made.weights()
    process = made.tree.start(["debian/rules", "bootstrap"], made.root)
    trainer, child = pids_of(made)
    os.killpg(process.pid, number)
    status, output = finish(process)
    assert status != 0
    assert f"dh_aibootstrap_train: error: {INTERRUPTED}\n" in output
    assert "Traceback" not in output
    wait_for(lambda: not is_alive(trainer), "the end of the trainer")
    wait_for(lambda: not is_alive(child), "the end of the trainer's child")
    assert made.result() == {
        "Status": "failed",
        "Exit-Status": "1",
        "Message": INTERRUPTED,
    }
    assert_goes_on(made, before)


def test_whole_build_is_killed(made: Package) -> None:
    """SIGKILL: nobody can clean up, and yet the trainer does not outlive the step."""
    before = made.weights()
    process = made.tree.start(["debian/rules", "bootstrap"], made.root)
    trainer, child = pids_of(made)
    os.killpg(process.pid, signal.SIGKILL)
    status, _ = finish(process)
    assert status == -signal.SIGKILL
    try:
        wait_for(lambda: not is_alive(trainer), "the end of the trainer")
    finally:
        if is_alive(child):
            os.kill(child, signal.SIGKILL)
    assert not made.path("debian/.debhelper/aibootstrap/result").exists()
    assert_goes_on(made, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_is_interrupted(made: Package, number: signal.Signals) -> None:
    """The signal reaches the command alone; it ends all below it and waits for them."""
    before = made.weights()
    process = made.tree.start(["aibootstrap", "run"], made.root)
    trainer, child = pids_of(made)
    os.kill(process.pid, number)
    status, output = finish(process)
    # Nothing has to be waited for: all had ended before the command did.
    assert not is_alive(trainer) and not is_alive(child)
    assert status == 1
    assert output.splitlines()[-1] == f"aibootstrap: error: {INTERRUPTED}"
    assert f"dh_aibootstrap_train: error: {INTERRUPTED}\n" in output
    assert "Traceback" not in output
    assert made.result()["Message"] == INTERRUPTED
    assert_goes_on(made, before)


def test_run_is_killed(made: Package) -> None:
    before = made.weights()
    process = made.tree.start(["aibootstrap", "run"], made.root)
    trainer, child = pids_of(made)
    (group,) = {os.getpgid(pid) for pid in children_of(process.pid)}
    os.kill(process.pid, signal.SIGKILL)
    os.killpg(group, signal.SIGKILL)
    process.wait(LIMIT)
    try:
        wait_for(lambda: not is_alive(trainer), "the end of the trainer")
    finally:
        if is_alive(child):
            os.kill(child, signal.SIGKILL)
    assert_goes_on(made, before)


def children_of(pid: int) -> list[int]:
    """Return the children of a process."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_leftovers_of_a_killed_refresh_do_no_harm(made: Package) -> None:
    """What a step that was killed had begun is neither kept nor in the way."""
    before = made.weights()
    made.write("training/train.py", TRAIN)
    made.write("debian/.debhelper/aibootstrap/refresh/model.txt", "half\n")
    shelf = made.tree.cache / "aibootstrap/stages"
    (architecture,) = shelf.iterdir()
    (architecture / ".half.1").mkdir()
    made.bootstrap().check()
    assert set(made.weights()) == set(before)
    assert made.read("debian/aibootstrap/model.txt").startswith("3.99")
