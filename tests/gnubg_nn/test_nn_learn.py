# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning from the rules, and the data that come of it: the same bits every time."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator, Sequence

import numpy as np
import pytest
from nn_support import command, environment, run

from gnubg_nn.dataset import HELD_OUT_FILE, TRAIN_FILE, read_dataset
from gnubg_nn import learn as learning
from gnubg_nn.engine.library import RECORD
from gnubg_nn.label import rules, unique
from gnubg_nn.learn import (
    CURRICULUM,
    Course,
    Phase,
    due,
    generations,
    needed_after,
    scaled,
)
from gnubg_nn.weights import read_weights

SCALE = "0.0005"


def learn(engine: Path, out: Path, jobs: int, **more: str) -> str:
    done = run(
        "learn", "--engine", engine, "--out", out, "--scale", SCALE, "--jobs", jobs,
        **more,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def label(
    engine: Path, learnt: Path, out: Path, jobs: int, *flags: str, **more: str
) -> str:
    done = run(
        "label", "--engine", engine, "--weights", learnt / "learnt.weights",
        "--out", out, "--scale", "0.002", "--jobs", jobs, *flags, **more,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def learnt(engine_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a very short learning, made with one process."""
    out = tmp_path_factory.mktemp("learnt")
    learn(engine_folder, out, 1)
    return out


@pytest.fixture(scope="module")
def labelled(
    engine_folder: Path, learnt: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the folder of data made with its nets, by one process."""
    out = tmp_path_factory.mktemp("labelled")
    label(engine_folder, learnt, out, 1)
    return out


def test_generations_go_through_the_phases_in_order() -> None:
    phases = (
        Phase("one", 3, 10, False, False, (0.8, 0.4), (1e-2, 1e-4), 64),
        Phase("two", 2, 10, True, True, (0.9, 0.9), (1e-3, 1e-3), 64, 3),
        Phase("three", 2, 10, True, True, (0.9, 0.9), (1e-4, 1e-4), 64, 3),
    )
    found = list(generations(phases))
    assert [g.number for g in found] == [0, 1, 2, 3, 4, 5, 6]
    # What one phase plays with all rolls, the next may go through again.
    assert [g.first_of_kind for g in found] == [0, 0, 0, 3, 3, 3, 3]
    assert [g.phase.name for g in found] == ["one"] * 3 + ["two"] * 2 + ["three"] * 2
    assert [g.lambda_ for g in found] == pytest.approx([0.8, 0.6, 0.4] + [0.9] * 4)
    rates = [1e-2, 1e-3, 1e-4, 1e-3, 1e-3, 1e-4, 1e-4]
    assert [g.rate for g in found] == pytest.approx(rates)


def test_scale_takes_generations_first_and_then_games() -> None:
    phase = Phase("one", 100, 4000, False, False, (0.8, 0.4), (1e-2, 1e-4), 64)
    sizes = [
        (p.generations, p.games)
        for scale in (2.0, 1.0, 0.1, 0.001, 1e-9)
        for p in scaled((phase,), scale)
    ]
    assert sizes == [(200, 4000), (100, 4000), (10, 4000), (2, 200), (2, 4)]
    assert scaled(CURRICULUM, 1.0) == CURRICULUM


def test_jobs_change_nothing(
    engine_folder: Path, learnt: Path, labelled: Path, tmp_path: Path
) -> None:
    learn(engine_folder, tmp_path / "learn", 3)
    for name in ("learnt.weights", "learning.tsv"):
        assert (tmp_path / "learn" / name).read_bytes() == (learnt / name).read_bytes()
    label(engine_folder, learnt, tmp_path / "label", 2)
    for name in (TRAIN_FILE, HELD_OUT_FILE):
        ours = (tmp_path / "label" / name).read_bytes()
        assert ours == (labelled / name).read_bytes()
    assert sorted(path.name for path in labelled.iterdir()) == [
        HELD_OUT_FILE,
        TRAIN_FILE,
    ]


def test_the_seed_changes_everything(
    engine_folder: Path, learnt: Path, tmp_path: Path
) -> None:
    learn(engine_folder, tmp_path, 2, AIBOOTSTRAP_SEED="8")
    pairs = zip(
        read_weights(tmp_path / "learnt.weights"),
        read_weights(learnt / "learnt.weights"),
    )
    assert all((a.hidden_weights != b.hidden_weights).mean() > 0.9 for a, b in pairs)


def kill_after(process: "subprocess.Popen[str]", path: Path) -> None:
    """Kill the processes as soon as a file is there."""
    limit = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_and_resumed_to_the_same_bits(
    engine_folder: Path, learnt: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    arguments = ("--engine", engine_folder, "--out", tmp_path, "--scale", SCALE)
    more = {"AIBOOTSTRAP_CHECKPOINT_DIR": str(kept)}
    process = subprocess.Popen(
        command("learn", *arguments, "--jobs", 2),
        env=environment(**more),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    kill_after(process, kept / "finished")
    assert not (tmp_path / "learnt.weights").exists()
    done = learn(engine_folder, tmp_path, 2, **more)
    assert done.startswith("resuming after generation ")
    name = "learnt.weights"
    assert (tmp_path / name).read_bytes() == (learnt / name).read_bytes()
    # Finished: nothing is learnt again.
    done = learn(engine_folder, tmp_path, 2, **more)
    assert done == "resuming after generation 9\n"


def test_damaged_checkpoints_are_said_and_not_used(
    engine_folder: Path, learnt: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    more = {"AIBOOTSTRAP_CHECKPOINT_DIR": str(kept)}
    learn(engine_folder, tmp_path, 2, **more)
    (kept / "race-1.npz").write_bytes(b"PK\x03\x04")
    done = learn(engine_folder, tmp_path, 2, **more)
    lines = done.splitlines()
    line = f"generation 9: {kept}/race-1.npz: damaged checkpoint: "
    assert lines[0].startswith(line)
    assert lines[1] == "resuming after generation 0"
    name = "learnt.weights"
    assert (tmp_path / name).read_bytes() == (learnt / name).read_bytes()


def brief(name: str, number: int, games: int, replay: int) -> Phase:
    rates, lambdas = (1e-3, 1e-3), (0.9, 0.9)
    return Phase(name, number, games, False, True, lambdas, rates, 64, replay)


# Generations 0 and 1, then 2 to 5 and 6 to 8, which replay up to two of those from 2.
BRIEF = (brief("one", 2, 20, 0), brief("two", 4, 6, 1), brief("three", 3, 6, 1))


@pytest.fixture(scope="module")
def kept_often() -> Iterator[None]:
    """Let every generation be kept, and the weights of every fourth."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "SAVE_EVERY", -1.0)
        patch.setattr(learning, "SNAPSHOT_EVERY", 4)
        yield


def go_on(engine: Path, folder: Path, phases: int) -> dict[str, bytes]:
    """Learn so many phases of BRIEF with folder/kept; return what is written."""
    out, kept = folder / "out", folder / "kept"
    for each in (out, kept):
        each.mkdir(parents=True, exist_ok=True)
    learning.learn(Course(engine, kept, 5, BRIEF[:phases]), out, 1)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.fixture(scope="module")
def through(
    engine_folder: Path, kept_often: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, bytes]]:
    """Return the folder of a learning without interruption, and what it wrote."""
    folder = tmp_path_factory.mktemp("through")
    (folder / "kept").mkdir()
    # Left by another course; its like would be made anew.
    (folder / "kept/positions-99.npy").write_bytes(b"")
    return folder, go_on(engine_folder, folder, 3)


@pytest.fixture(scope="module")
def halfway(
    engine_folder: Path, kept_often: None, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the folder of a learning that stands after generation 5."""
    folder = tmp_path_factory.mktemp("halfway")
    go_on(engine_folder, folder, 2)
    return folder


def positions(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("kept/positions-*"))


def test_positions_that_nobody_needs_are_removed(
    through: tuple[Path, dict[str, bytes]], halfway: Path
) -> None:
    # Two generations can be gone on from; the two before each are kept.
    assert (halfway / "kept/finished").read_text() == "5 4\n"
    assert positions(halfway) == [f"positions-{n}.npy" for n in (3, 4, 5)]
    folder, _ = through
    assert (folder / "kept/finished").read_text() == "8 7\n"
    assert positions(folder) == [f"positions-{n}.npy" for n in (6, 7, 8)]
    weights = sorted(path.name for path in folder.glob("kept/*.weights"))
    assert weights == ["generation-4.weights", "generation-8.weights"]
    assert not [*folder.glob("kept/*.new")]


def test_which_positions_later_generations_need() -> None:
    needed = [needed_after(number, BRIEF) for number in range(9)]
    assert needed == [
        [], [], [2], [2, 3], [3, 4], [4, 5], [5, 6], [6, 7], [],
    ]  # fmt: skip


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def other(path: Path) -> None:
    np.save(path, np.zeros(10))


DAMAGED = "KEPT/positions-{}.npy: damaged array: "
DAMAGES: list[tuple[str, Callable[[Path], None], list[str]]] = [
    # After generation 5 both 4 and 5 are needed, after 4 both 3 and 4.
    (
        "positions-5.npy",
        cut,
        ["generation 5: " + DAMAGED.format(5), "resuming after generation 4"],
    ),
    (
        "positions-5.npy",
        other,
        [
            "generation 5: " + DAMAGED.format(5) + "not of positions",
            "resuming after generation 4",
        ],
    ),
    (
        "positions-5.npy",
        Path.unlink,
        [
            "generation 5: KEPT/positions-5.npy: cannot read: No such file",
            "resuming after generation 4",
        ],
    ),
    ("positions-3.npy", cut, ["resuming after generation 5"]),
    (
        "positions-4.npy",
        cut,
        [
            "generation 5: " + DAMAGED.format(4),
            "generation 4: " + DAMAGED.format(4),
            "starting anew: KEPT: no whole generation",
        ],
    ),
    (
        "race-1.npz",
        Path.unlink,
        [
            "generation 5: KEPT/race-1.npz: is missing",
            "resuming after generation 4",
        ],
    ),
    (
        "finished",
        lambda path: path.write_text("5 4 3\n") and None,
        [
            "starting anew: KEPT/finished: b'5 4 3': expected numbers of generations",
        ],
    ),
    (
        "learning.tsv",
        lambda path: path.write_bytes(b"0\tone\t\xff\n1\tone\n") and None,
        [
            "generation 5: KEPT/learning.tsv:3: expected generation 2",
            "generation 4: KEPT/learning.tsv:3: expected generation 2",
            "starting anew: KEPT: no whole generation",
        ],
    ),
]


@pytest.mark.parametrize("name, damage, told", DAMAGES, ids=range(len(DAMAGES)))
def test_damage_costs_time_and_no_bit(
    engine_folder: Path,
    through: tuple[Path, dict[str, bytes]],
    halfway: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    damage: Callable[[Path], None],
    told: list[str],
) -> None:
    folder, whole = through
    shutil.copytree(halfway / "kept", tmp_path / "kept")
    damage(tmp_path / "kept" / name)
    assert go_on(engine_folder, tmp_path, 3) == whole
    lines = capsys.readouterr().out.splitlines()
    for line, start in zip(lines, told):
        assert line.startswith(start.replace("KEPT", str(tmp_path / "kept")))
    assert re.match(r"\d+ s\t", lines[len(told)])
    assert positions(tmp_path) == positions(folder)


@pytest.mark.parametrize("waits", [(), (1, 2, 3), (2, 4, 6, 8), (0, 8), range(10)])
def test_nets_that_were_kept_outlive_the_next_writing(waits: Sequence[int]) -> None:
    for last in range(10):
        kept = [-1]
        for number in range(last + 1):
            if due(number, kept[-1], last, number in waits):
                kept.append(number)
        assert kept[-1] == last
        # Neighbours have files of their own.
        assert all((b - a) % 2 for a, b in zip(kept, kept[1:]))


def test_labelling_goes_on_where_it_was(
    engine_folder: Path, learnt: Path, labelled: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    more = {"AIBOOTSTRAP_CHECKPOINT_DIR": str(kept)}
    label(engine_folder, learnt, tmp_path / "out", 2, **more)
    files = sorted(kept.iterdir())
    assert [path.suffix for path in files] == [".npy"] * len(files)
    assert len(files) == 2
    before = {path: path.stat().st_mtime_ns for path in files}
    files[0].write_bytes(files[0].read_bytes()[:1000])
    shutil.rmtree(tmp_path / "out")
    label(engine_folder, learnt, tmp_path / "out", 2, **more)
    changed = [p for p, when in before.items() if p.stat().st_mtime_ns != when]
    assert changed == [files[0]]
    for name in (TRAIN_FILE, HELD_OUT_FILE):
        ours = (tmp_path / "out" / name).read_bytes()
        assert ours == (labelled / name).read_bytes()


def test_data_of_the_games(labelled: Path) -> None:
    train, held = (read_dataset(labelled / n) for n in (TRAIN_FILE, HELD_OUT_FILE))
    assert train.lineage == held.lineage == "self-play"
    assert train.labelling == "games without luck, lambda 0.6"
    assert held.labelling == "rollouts, 36 games without luck"
    own = {key.tobytes() for key in train.keys}
    assert not own & {key.tobytes() for key in held.keys}


def test_a_draft_is_the_training_positions(
    engine_folder: Path, learnt: Path, labelled: Path, tmp_path: Path
) -> None:
    label(engine_folder, learnt, tmp_path, 2, "--draft")
    assert [path.name for path in tmp_path.iterdir()] == [TRAIN_FILE]
    ours = (tmp_path / TRAIN_FILE).read_bytes()
    assert ours == (labelled / TRAIN_FILE).read_bytes()


def test_every_fourth_part_is_played_wildly() -> None:
    found = [rules(part, 1) for part in range(8)]
    assert [r.explore_share for r in found] == ([0.03] * 3 + [0.25]) * 2
    assert [r.generation for r in found] == list(range(1_000_000, 1_000_008))


def test_a_position_of_two_games_is_for_training() -> None:
    records = np.zeros(4, RECORD)
    records["key"][:, 0] = [1, 1, 2, 3]
    records["game"] = [25, 7, 50, 8]
    found, held = unique(records)
    assert found["key"][:, 0].tolist() == [1, 2, 3]
    assert found["game"].tolist() == [7, 50, 8]
    assert held.tolist() == [False, True, False]


@pytest.mark.parametrize("program", ["learn", "label"])
def test_no_engine_is_an_error(program: str, learnt: Path, tmp_path: Path) -> None:
    arguments = ["--engine", tmp_path / "none", "--out", tmp_path / "out"]
    if program == "label":
        arguments += ["--weights", learnt / "learnt.weights"]
    done = run(program, *arguments)
    library = tmp_path / "none/engine.so"
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"gnubg_nn.{program}: error: {library}: cannot load: {library}: "
    )
    assert len(done.stderr.splitlines()) == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_scale_must_be_a_number(tmp_path: Path) -> None:
    done = run("learn", "--engine", tmp_path, "--out", tmp_path, "--scale", "much")
    text = "argument --scale: 'much': expected a number above 0"
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"gnubg_nn.learn: error: {text}"
    done = run("learn", "--engine", tmp_path, "--out", tmp_path, "--scale", "1001")
    text = "argument --scale: '1001': expected at most 1000"
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"gnubg_nn.learn: error: {text}"
    assert list(tmp_path.iterdir()) == []
