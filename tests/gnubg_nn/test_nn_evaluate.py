# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation as it is called: figures, tables, and what stops it."""

from __future__ import annotations

import hashlib
import json
import lzma
import subprocess
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from nn_support import DATA, judged, run, write_subset

from gnubg_nn.dataset import HELD_OUT_FILE
from gnubg_nn.net import Net
from gnubg_nn.positions import Boards, ids_from_keys, keys_from_boards, start_position
from gnubg_nn.weights import NETS, format_weights

NAMES = [spec.name for spec in NETS]
START = ids_from_keys(keys_from_boards(start_position()))[0]
# The input of contact and crashed nets that says so of who is on roll.
ON_THE_BAR = 196


def _nets() -> list[Net]:
    """Return nets that know nothing, but that a man on the bar is bad."""
    nets = []
    for spec in NETS:
        arrays = (
            np.zeros((spec.inputs, spec.hidden), np.float32),
            np.zeros((5, spec.hidden), np.float32),
            np.zeros(spec.hidden, np.float32),
            np.zeros(5, np.float32),
        )
        nets.append(Net(*arrays))
    for net in nets[0], nets[2]:
        net.hidden_weights[ON_THE_BAR, 0] = 100
        net.output_weights[0, 0] = -1
    for net in nets:
        net.output_bias[1:] = -9
    return nets


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nn-weights") / "gnubg.weights"
    path.write_bytes(format_weights(_nets()))
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_subset(tmp_path_factory.mktemp("nn-data"), 20)


def _after(mine: dict[int, int], other: dict[int, int]) -> Boards:
    """Return a board after the move: the mover's chequers, and those of the other."""
    board = np.zeros((1, 2, 25), np.uint8)
    for side, points in enumerate((mine, other)):
        for point, men in points.items():
            board[0, side, point] = men
    return board


def _letters(board: Boards) -> str:
    return ids_from_keys(keys_from_boards(board))[0]


BEFORE = _letters(_after({13: 14, 17: 1}, {7: 2, 12: 13}))
HIT = _letters(_after({6: 1, 7: 2, 11: 1, 12: 11}, {13: 14, 24: 1}))
QUIET = _letters(_after({1: 1, 7: 1, 11: 1, 12: 12}, {13: 14, 17: 1}))
RACE = _letters(_after({5: 13, 6: 2}, {5: 13, 7: 2}))
RACED = [
    _letters(_after({5: 13, 1: 1, 6: 1}, {5: 13, 6: 2})),
    _letters(_after({5: 13, 0: 1, 7: 1}, {5: 13, 6: 2})),
]
# With 2 and 1 left to the last two men: bear one off, or bring both to the 3 point.
BEAROFF = _letters(_after({0: 3}, {2: 1, 5: 1}))
ONE_LEFT = _letters(_after({5: 1}, {0: 3}))
TWO_LEFT = _letters(_after({2: 2}, {0: 3}))


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a benchmark of five moves and two positions."""
    lines = [
        "s version 1.92",
        f"m {BEFORE} 6 1 {HIT} 0.5 {QUIET} 0.2",
        f"m {BEFORE} 1 6 {QUIET} 0.5 {HIT} 0.01",
        f"m {BEFORE} 6 1 {QUIET} 0.5 {HIT} 0.03",
        f"m {BEFORE} 6 1 {QUIET} 0.5",
        f"m {RACE} 6 1 {RACED[0]} 0.1 {RACED[1]} 0.2",
        f"o {START} 0.5 0 0 0 0",
        f"o {START} 0.6 0.2 0 0 0",
    ]
    path = tmp_path_factory.mktemp("nn-benchmark") / "t.bm"
    path.write_text("\n".join(lines) + "\n")
    return path


TABLE = """\
choice among listed moves        n  error rate  not best
contact-benchmark                4      10.000    50.00%
race-benchmark                   1       0.000     0.00%
rolled out                       n  equity error
contact-rollouts                 2       {}
"""


def _evaluate(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return run("evaluate", *arguments)


def _fails(message: str, json_file: Path, *arguments: object) -> None:
    """Assert the one line, the status, and that nothing is left."""
    before = sorted(json_file.parent.iterdir())
    done = _evaluate(*arguments, "--json", json_file)
    assert done.stderr == f"gnubg_nn.evaluate: error: {message}\n"
    assert (done.returncode, done.stdout) == (1, "")
    assert sorted(json_file.parent.iterdir()) == before


def test_benchmark(weights: Path, benchmark: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    done = _evaluate(weights, "--benchmark", benchmark, "--json", path)
    assert (done.returncode, done.stderr) == (0, "")
    metrics = json.loads(path.read_text())
    # Gammons come out as the logistic of -9, about 0.0001, or as nothing below that.
    error = metrics["contact-rollouts"].pop("error")
    assert metrics == {
        "contact-benchmark": {"n": 4, "error_rate": 10.0, "wrong": 0.5},
        "race-benchmark": {"n": 1, "error_rate": 0.0, "wrong": 0.0},
        "contact-rollouts": {"n": 2},
    }
    # Nobody is on the bar at the start: the hidden unit is at 0.5.
    win = 1 / (1 + np.exp(0.5))
    misses = 2 * win - 1, 2 * win - 1 - 0.4
    assert error == pytest.approx(np.sqrt(np.mean(np.square(misses))), abs=1e-3)
    assert done.stdout == TABLE.format(f"{error:.5f}")
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.json"]


def test_benchmark_and_data(
    weights: Path, small: Path, benchmark: Path, tmp_path: Path
) -> None:
    one, two, three = (tmp_path / name for name in ("a", "b", "c"))
    alone = _evaluate(weights, "--data", small, "--json", one)
    again = _evaluate(weights, "--benchmark", benchmark, "--json", two)
    both = ("--data", small, "--benchmark", benchmark, "--json", three)
    done = _evaluate(weights, *both)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{alone.stdout}\n{again.stdout}"
    data, moves = json.loads(one.read_text()), json.loads(two.read_text())
    assert list(data) == NAMES
    assert sorted(data["contact"]) == ["error", "n", "probability_error"]
    assert json.loads(three.read_text()) == {**data, **moves}


def test_several_benchmarks(weights: Path, benchmark: Path, tmp_path: Path) -> None:
    packed = tmp_path / "t.bm.xz"
    packed.write_bytes(lzma.compress(benchmark.read_bytes()))
    path = tmp_path / "m.json"
    files = (benchmark, packed, benchmark)
    done = _evaluate(weights, "--json", path, "--benchmark", *files)
    assert (done.returncode, done.stderr) == (0, "")
    metrics = json.loads(path.read_text())
    assert metrics["contact-benchmark"] == {"n": 12, "error_rate": 10, "wrong": 0.5}
    assert metrics["contact-rollouts"]["n"] == 6


def test_the_engine_judges(
    weights: Path, benchmark: Path, engine_folder: Path, tmp_path: Path
) -> None:
    # The nets know nothing of bearing off; the engine looks it up.
    bearing_off = tmp_path / "b.bm"
    line = f"m {BEAROFF} 2 1 {TWO_LEFT} -0.5 {ONE_LEFT} 0.375\n"
    bearing_off.write_text(line)
    path = tmp_path / "m.json"
    asked = ("--json", path, "--benchmark", benchmark, bearing_off)
    for more, row in (
        ((), {"n": 1, "error_rate": 0, "wrong": 0}),
        (("--engine", engine_folder), {"n": 1, "error_rate": 375, "wrong": 1}),
    ):
        done = _evaluate(weights, *asked, *more)
        assert (done.returncode, done.stderr) == (0, "")
        metrics = json.loads(path.read_text())
        contact = {"n": 4, "error_rate": 10, "wrong": 0.5}
        assert metrics["contact-benchmark"] == contact
        assert metrics["bearoff2-benchmark"] == row


def test_a_duel_and_the_errors_of_the_others(
    weights: Path,
    small: Path,
    debian_weights: Path,
    engine_folder: Path,
    tmp_path: Path,
) -> None:
    ours, theirs, fought = (tmp_path / name for name in ("ours", "theirs", "fought"))
    terms = ("--engine", engine_folder, "--games", 200, "--seed", 3)
    asked = ("--data", small, "--against", debian_weights, *terms, "--json", ours)
    done = _evaluate(weights, *asked)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(ours.read_text())
    _evaluate(debian_weights, "--data", small, "--json", theirs)
    for name, row in json.loads(theirs.read_text()).items():
        assert found[name]["other_error"] == row["error"] != found[name]["error"]
    run("duel", weights, debian_weights, *terms, "--json", fought)
    result = json.loads(fought.read_text())["duel"]
    assert found["duel"] == {name: round(v, 7) for name, v in result.items()}
    assert found["duel"]["games"] == 200
    won = f"{result['ppg']:+.4f} points per game, standard error {result['error']:.4f}"
    lines = done.stdout.splitlines()
    assert lines[0].endswith(" of the other")
    assert lines[-1] == f"duel: {won}, 200 games"


def test_usage(weights: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ([weights], "--data or --benchmark: at least one is required"),
        (
            [weights, "--benchmark"],
            "argument --benchmark: expected at least one argument",
        ),
        (
            [weights, "--data", "x", "--against", weights],
            "--against: a duel needs --engine",
        ),
        (["--data", "x"], "the following arguments are required: weights"),
    ):
        done = _evaluate(*arguments, "--json", tmp_path / "m")
        assert done.returncode == 2
        assert done.stderr.startswith("usage: gnubg_nn.evaluate ")
        assert done.stderr.splitlines()[-1] == f"gnubg_nn.evaluate: error: {message}"
        assert list(tmp_path.iterdir()) == []


def test_engine_that_is_not_there(
    weights: Path, benchmark: Path, tmp_path: Path
) -> None:
    library = f"{tmp_path}/engine.so"
    text = f"{library}: cannot open shared object file: No such file or directory"
    asked = ("--benchmark", benchmark, "--engine", tmp_path)
    _fails(f"{library}: cannot load: {text}", tmp_path / "m", weights, *asked)


def test_json_that_cannot_be_written(
    weights: Path, benchmark: Path, tmp_path: Path
) -> None:
    path = tmp_path / "nowhere" / "m"
    done = _evaluate(weights, "--benchmark", benchmark, "--json", path)
    text = f"{path}: cannot write: No such file or directory"
    assert done.stderr == f"gnubg_nn.evaluate: error: {text}\n"
    assert (done.returncode, done.stdout) == (1, "")
    assert list(tmp_path.iterdir()) == []


def _line(number: int, value: bytes) -> Callable[[bytes], bytes]:
    """Return what puts a value in the place of a line."""

    def change(text: bytes) -> bytes:
        lines = text.split(b"\n")
        lines[number - 1] = value
        return b"\n".join(lines)

    return change


def _made(change: Callable[[list[Net]], list[Net]]) -> Callable[[bytes], bytes]:
    return lambda text: format_weights(change(_nets()))


DECIMAL = "expected a decimal number"
BAD_WEIGHTS = [
    (
        _made(lambda nets: [nets[0], nets[2], nets[1], *nets[3:]]),
        "32776: race net: 250 and 5: expected 214 inputs and 5 outputs",
    ),
    (_made(lambda nets: nets[:5]), "1: 5 nets: expected 6"),
    (
        _line(2, b"250 130 5 0 0.1000000 1.0000000"),
        f"32776: '214 128 5 0 0.1000000 1.0000000': {DECIMAL}",
    ),
    (_line(9, b"nan"), f"9: 'nan': {DECIMAL}"),
    (_line(9, b"inf"), f"9: 'inf': {DECIMAL}"),
    (_line(9, b"1e39"), f"9: '1e39': {DECIMAL}"),
    (
        lambda text: text[: text.rindex(b"\n", 0, -1) + 1],
        "101972: the file ends early: 1652 numbers of 1653",
    ),
    (lambda text: b"", "1: version '': expected 'GNU Backgammon 1.00'"),
]


@pytest.mark.parametrize("change, message", BAD_WEIGHTS, ids=range(len(BAD_WEIGHTS)))
def test_bad_weights(
    weights: Path,
    small: Path,
    benchmark: Path,
    tmp_path: Path,
    change: Callable[[bytes], bytes],
    message: str,
) -> None:
    path = tmp_path / "w"
    path.write_bytes(change(weights.read_bytes()))
    asked = ("--data", small, "--benchmark", benchmark)
    _fails(f"{path}:{message}", tmp_path / "m", path, *asked)


def test_weights_that_are_not_there(benchmark: Path, tmp_path: Path) -> None:
    path = tmp_path / "w"
    text = f"{path}: cannot read: No such file or directory"
    _fails(text, tmp_path / "m", path, "--benchmark", benchmark)


def _sixteen() -> bytes:
    """Return the held-out positions, the first of which has 16 men on a point."""
    data = judged()
    keys = data.keys.copy()
    keys[0] = [255, 255, *[0] * 8]
    parts = [keys.T.tobytes()]
    for column in data.labels.T:
        parts.append((column >> 8).astype(np.uint8).tobytes())
        parts.append((column & 255).astype(np.uint8).tobytes())
    raw = b"".join(parts)
    head = f"gnubg-nn-data 1\nlineage: a\nlabels: b\npositions: {len(keys)}\n"
    digest = hashlib.sha256(raw).hexdigest()
    return f"{head}sha256: {digest}\n\n".encode() + lzma.compress(raw, preset=0)


def test_bad_data(weights: Path, benchmark: Path, tmp_path: Path) -> None:
    path = tmp_path / HELD_OUT_FILE
    whole = (DATA / HELD_OUT_FILE).read_bytes()
    for content, message in (
        (whole[:-1000], "the file ends early: truncated"),
        (_sixteen(), "position 0: 16 chequers on one side, at most 15"),
    ):
        path.write_bytes(content)
        asked = ("--data", tmp_path, "--benchmark", benchmark)
        _fails(f"{path}: {message}", tmp_path / "m", weights, *asked)
    path.unlink()
    text = f"{path}: cannot read: No such file or directory"
    _fails(text, tmp_path / "m", weights, "--data", tmp_path)


def test_bad_benchmark(
    weights: Path, small: Path, benchmark: Path, tmp_path: Path
) -> None:
    path = tmp_path / "t.bm"
    path.write_text(f"o {START} 0.5 0.6 0 0 0\no {START} 1e99 0 0 0 0\n")
    said = f"{path}:1: probabilities contradict each other: 0.5 0.6 0.0 0.0 0.0"
    said += f"; {path}:2: 1e+99: expected a number from 0 to 1"
    asked = ("--data", small, "--benchmark", benchmark, path)
    _fails(said, tmp_path / "m", weights, *asked)
