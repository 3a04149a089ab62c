# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Duels: the statistics, what is printed and written, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from nn_support import run

from gnubg_nn import duel
from gnubg_nn.duel import Result, read_nets, round_seed, rounds, statistics
from gnubg_nn.errors import NNError
from gnubg_nn.net import Net
from gnubg_nn.weights import read_weights, write_weights

STOCK = Path("/usr/lib/gnubg/gnubg.wd")
LINE = (
    r"{0} against {1}: ([+-]\d\.\d{{4}}) points per game, "
    r"standard error (\d\.\d{{4}}), {2} games, [\d,]+ games a minute and core\n"
)


def test_statistics() -> None:
    found = statistics(np.array([0.5, -1, 0, 1.5], np.float32))
    # Squares about the mean of .25: .0625 + 1.5625 + .0625 + 1.5625 = 3.25.
    assert found == Result(0.25, pytest.approx((3.25 / 3 / 4) ** 0.5), 8)


def test_statistics_of_many_pairs_lose_nothing() -> None:
    random = np.random.Generator(np.random.PCG64(1))
    pairs = random.normal(0.01, 0.4, 1_000_000).astype(np.float32)
    found = statistics(pairs)
    assert found.ppg == pytest.approx(pairs.astype(np.float64).mean(), abs=1e-12)
    assert found.error == pytest.approx(0.4 / 1000, rel=0.01)


def test_rounds() -> None:
    assert list(rounds(12_000)) == [(0, 5000), (1, 5000), (2, 2000)]
    assert list(rounds(2)) == [(0, 2)]
    seeds = {round_seed(seed, number) for seed in range(30) for number in range(30)}
    assert len(seeds) == 900 and all(0 <= seed < 1 << 32 for seed in seeds)
    assert round_seed(1 << 40, 0) != round_seed(0, 0)


@pytest.fixture(scope="module")
def weak(debian_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return weights that play worse than Debian's."""
    random = np.random.Generator(np.random.PCG64(1))
    nets = []
    for net in read_weights(debian_weights):
        noise = [random.normal(size=array.shape) / 2 for array in net.arrays()]
        pairs = zip(net.arrays(), noise)
        nets.append(Net(*((a + n).astype(np.float32) for a, n in pairs)))
    path = tmp_path_factory.mktemp("weak") / "weak.weights"
    write_weights(path, nets)
    return path


def _figures(
    done: "subprocess.CompletedProcess[str]", first: Path, second: Path, games: int
) -> tuple[float, float]:
    assert (done.returncode, done.stderr) == (0, "")
    line = LINE.format(re.escape(str(first)), re.escape(str(second)), games)
    match = re.fullmatch(line, done.stdout)
    assert match, done.stdout
    return float(match[1]), float(match[2])


def test_duel_and_its_mirror(
    engine_folder: Path, debian_weights: Path, weak: Path, tmp_path: Path
) -> None:
    options = ("--engine", engine_folder, "--games", 400, "--seed", 3)
    path = tmp_path / "duel.json"
    done = run("duel", *options, debian_weights, weak, "--json", path)
    won, error = _figures(done, debian_weights, weak, 400)
    assert won > 3 * error > 0
    written = json.loads(path.read_text())
    assert set(written) == {"duel"}
    assert set(written["duel"]) == {"ppg", "error", "games"}
    assert written["duel"]["games"] == 400
    assert abs(written["duel"]["ppg"] - won) < 6e-5
    assert abs(written["duel"]["error"] - error) < 6e-5
    assert [entry.name for entry in tmp_path.iterdir()] == ["duel.json"]
    done = run("duel", *options, weak, debian_weights, "--jobs", 1, "--json", path)
    assert _figures(done, weak, debian_weights, 400) == (-won, error)
    assert json.loads(path.read_text())["duel"]["ppg"] == -written["duel"]["ppg"]


def test_both_files_of_debian_are_the_same_player(
    engine_folder: Path, debian_weights: Path
) -> None:
    assert STOCK.exists(), "install the package gnubg"
    options = ("--engine", engine_folder, "--games", 100, "--jobs", 1)
    done = run("duel", *options, STOCK, debian_weights)
    assert _figures(done, STOCK, debian_weights, 100) == (0, 0)
    binary, text = read_nets(STOCK), read_nets(debian_weights)
    for one, other in zip(binary, text):
        for a, b in zip(one.arrays(), other.arrays()):
            assert np.array_equal(a, b)


def test_until_a_standard_error(
    engine_folder: Path,
    debian_weights: Path,
    weak: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(duel, "ROUND_PAIRS", 20)
    files = [str(debian_weights), str(weak)]
    options = ["--engine", str(engine_folder), "--seed", "1"]

    def play(*more: str) -> tuple[str, float, int]:
        assert duel.main([*files, *options, *more]) == 0
        line = LINE.format(*map(re.escape, files), r"(\d+)")
        match = re.fullmatch(line, capsys.readouterr().out)
        assert match
        return match[1], float(match[2]), int(match[3])

    first = play("--games", "180", "--until", "0.5")
    assert first[1] < 0.5 and first[2] == 40
    stopped = play("--games", "180", "--until", "0.13")
    assert stopped[1] <= 0.13 < first[1] and stopped[2] in (80, 120, 160)
    assert play("--games", str(stopped[2])) == stopped
    assert play("--games", "180", "--until", "1e-9")[2] == 180


WEIGHTS = "1: version 'no weights': expected 'GNU Backgammon 1.00'"


@pytest.mark.parametrize(
    "name, content, message",
    ids=("other text", "missing", "cut short"),
    argvalues=[
        ("other", b"no weights\n", f"FILE:{WEIGHTS}"),
        ("other", None, "FILE: cannot read: No such file or directory"),
        (
            "other.wd",
            np.array([472.3782, 1.0], np.float32).tobytes()
            + np.array([250, 128, 5], np.uint32).tobytes()
            + b"\0" * 1000,
            "FILE: contact net: the file ends early",
        ),
    ],
)
def test_files_that_are_no_weights(
    engine_folder: Path,
    debian_weights: Path,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    message: str,
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "out.json"
    options = ("--engine", engine_folder, "--games", 4, "--json", out)
    done = run("duel", *options, debian_weights, path)
    said = message.replace("FILE", str(path))
    assert done.stderr == f"gnubg_nn.duel: error: {said}\n"
    assert (done.returncode, done.stdout) == (1, "")
    assert sorted(tmp_path.iterdir()) == before


def test_no_engine(debian_weights: Path, tmp_path: Path) -> None:
    options = ("--engine", tmp_path, "--games", 4, "--json", tmp_path / "out.json")
    done = run("duel", *options, debian_weights, debian_weights)
    start = f"gnubg_nn.duel: error: {tmp_path}/engine.so: cannot load: "
    assert done.stderr.startswith(start) and done.stderr.count("\n") == 1
    assert (done.returncode, done.stdout) == (1, "")
    assert list(tmp_path.iterdir()) == []


def test_no_folder_for_the_figures(
    engine_folder: Path, debian_weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "missing" / "out.json"
    options = ("--engine", engine_folder, "--games", 4, "--json", path)
    done = run("duel", *options, debian_weights, debian_weights)
    assert done.stderr == f"gnubg_nn.duel: error: --json: {path}: no such folder\n"
    assert (done.returncode, done.stdout) == (1, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("--games", "5", "5: expected an even number from 4 on"),
        ("--games", "2", "2: expected an even number from 4 on"),
        ("--games", "many", "'many': expected a whole number"),
        ("--until", "0", "'0': expected a number above 0"),
        ("--until", "nan", "'nan': expected a number above 0"),
        ("--until", "small", "'small': expected a number above 0"),
    ],
)
def test_options(tmp_path: Path, option: str, value: str, message: str) -> None:
    done = run("duel", "--engine", tmp_path, option, value, "a", "b")
    last = done.stderr.splitlines()[-1]
    assert last == f"gnubg_nn.duel: error: argument {option}: {message}"
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_an_unequal_net_of_a_worker_is_told(
    engine_folder: Path, debian_weights: Path, tmp_path: Path
) -> None:
    """The gate lets 4096 hidden units pass, the engine 1024: one line, no traceback."""
    nets = read_weights(debian_weights)
    big = Net(
        np.zeros((250, 1032), np.float32),
        np.zeros((5, 1032), np.float32),
        np.zeros(1032, np.float32),
        np.zeros(5, np.float32),
    )
    write_weights(tmp_path / "big", [big, *nets[1:]])
    options = ("--engine", engine_folder, "--games", 4)
    done = run("duel", *options, debian_weights, tmp_path / "big")
    expected = "250 inputs, 1032 hidden units: expected 250 inputs, at most 1024 hidden"
    assert done.stderr == f"gnubg_nn.duel: error: contact net: {expected}\n"
    assert (done.returncode, done.stdout) == (1, "")


def test_read_nets_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(NNError) as caught:
        read_nets(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot read: Is a directory"
