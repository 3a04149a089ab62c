# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of gnubg-nn: training lines, benchmarks, and what is refused in them."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from nn_support import judged, random_boards

from gnubg_nn.classes import PositionClass, classify
from gnubg_nn.engine.library import Engine
from gnubg_nn.errors import NNError
from gnubg_nn.net import Floats, equity
from gnubg_nn.positions import Boards, ids_from_keys, keys_from_boards, start_position
from gnubg_nn.upstream.benchmarks import Moves, read_benchmarks
from gnubg_nn.upstream.scores import (
    Judge,
    losses_of_choices,
    losses_of_moves,
    measure_benchmark,
    net_chances,
    over_chances,
)
from gnubg_nn.upstream.text import MAX_BYTES, MAX_LINE
from gnubg_nn.upstream.training import read_training_lines
from gnubg_nn.weights import read_weights

START = "OAHDPAABDAOAHDPAABDA"
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def board(other: dict[int, int], mine: dict[int, int]) -> Boards:
    """Return one board from chequers by index, the side that isn't on roll first."""
    found = np.zeros((1, 2, 25), np.uint8)
    for side, points in enumerate((other, mine)):
        for point, men in points.items():
            found[0, side, point] = men
    return found


def letters(boards: Boards) -> str:
    return ids_from_keys(keys_from_boards(boards))[0]


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="latin-1")
    return path


def refused(read: Callable[[list[Path]], object], *paths: Path) -> str:
    """Return the message of the NNError that reading raises."""
    with pytest.raises(NNError) as caught:
        read(list(paths))
    return str(caught.value)


def _sample() -> list[str]:
    """Return training lines of every class, in no order."""
    data = judged()
    rows = np.concatenate(
        [np.flatnonzero(data.classes == kind)[:20] for kind in (5, 3, 4)]
    )
    numbers = data.probabilities()[rows].tolist()
    words = [" ".join(f"{number:.5f}" for number in row) for row in numbers]
    return [f"{i} {w}" for i, w in zip(ids_from_keys(data.keys[rows]), words)]


@pytest.mark.parametrize("suffix", list(PACK))
def test_training_lines(tmp_path: Path, suffix: str) -> None:
    lines = _sample()
    plain = read_training_lines([write(tmp_path / "plain", *lines)])
    text = ["# Positions added in cycle 1", "", *lines[::-1], " \t", "#end"]
    path = tmp_path / f"mixed{suffix}"
    path.write_bytes(PACK[suffix]("\r\n".join(text).encode()))
    data = read_training_lines([path])
    assert data.lineage == f"training lines of mixed{suffix}"
    assert data.labelling == "as in these files"
    assert ids_from_keys(data.keys) == [line.split()[0] for line in sorted(lines)]
    assert (keys_from_boards(data.boards) == data.keys).all()
    assert np.bincount(data.classes, minlength=6).tolist() == [0, 0, 0, 20, 20, 20]
    assert (data.classes == classify(data.boards)).all()
    assert (data.targets.dtype, data.targets.shape) == (np.float32, (60, 5))
    for line, row in zip(sorted(lines), data.targets.tolist()):
        assert row == pytest.approx([float(w) for w in line.split()[1:]], abs=1.1e-5)
    # The order of lines, comments and packing leave the contents what they are.
    assert data.digest == plain.digest
    changed = lines[7][:-1] + str((int(lines[7][-1]) + 1) % 10)
    other = write(tmp_path / "other", *lines[:7], changed, *lines[8:])
    assert read_training_lines([other]).digest != data.digest


def test_training_line_of_the_start(tmp_path: Path) -> None:
    numbers = (".5251", "1.4901e-1", "+0.00700", "0.12580", "-0")
    data = read_training_lines(
        [write(tmp_path / "t", f"  {START} " + " ".join(numbers))]
    )
    assert (data.boards == start_position()).all()
    assert data.targets.tolist() == [
        pytest.approx([0.5251, 0.14901, 0.007, 0.1258, 0], abs=1e-7)
    ]


def test_the_last_of_equal_positions_counts(tmp_path: Path) -> None:
    lines = _sample()
    again = [line.split()[0] + " 1 0 0 0 0" for line in lines[:5]]
    early = [line.split()[0] + " 0 0 0 0 0" for line in lines[:7]]
    first = write(tmp_path / "a", *early, *lines, *again[:3])
    second = write(tmp_path / "b", *again[3:])
    data = read_training_lines([first, second])
    found = dict(zip(ids_from_keys(data.keys), data.targets.tolist()))
    assert len(found) == len(data.keys) == len(lines)
    for index, line in enumerate(lines):
        row = found[line.split()[0]]
        if index < 5:
            assert row == [1, 0, 0, 0, 0]
        else:
            numbers = [float(word) for word in line.split()[1:]]
            assert row == pytest.approx(numbers, abs=1.1e-5)
    assert data.lineage == "training lines of a, b"


def test_rounding_is_no_contradiction(tmp_path: Path) -> None:
    path = write(tmp_path / "t", f"{START} 0.50000 0.50001 0.50002 0.50001 0.50002")
    data = read_training_lines([path])
    assert data.targets.tolist() == [[0.5] * 5]


NUMBERS = " 0.5 0.2 0 0.1 0"
RACING = {0: 15}
CONTRADICT = "probabilities contradict each other: "
UNTRAINED = ": not one that a net is trained for"
# A line, and what is said about it.
REFUSED = [
    (START, "1 field: expected 20 letters and 5 numbers"),
    (f"{START} .5 0 0 0", "5 fields: expected 20 letters and 5 numbers"),
    (f"{START}{NUMBERS} 0", "7 fields: expected 20 letters and 5 numbers"),
    (START[1:] + NUMBERS, f"'{START[1:]}': expected 20 letters A to P"),
    (START + "A" + NUMBERS, f"'{START}A': expected 20 letters A to P"),
    (START[:-1] + "Q" + NUMBERS, f"'{START[:-1]}Q': expected 20 letters A to P"),
    ("\xe9" * 50 + NUMBERS, "'" + "\\xe9" * 40 + "': expected 20 letters A to P"),
    (f"{START} 0.5 0.2 nan 0 0", "'nan': expected a decimal number"),
    (f"{START} inf 0.2 0 0 0", "'inf': expected a decimal number"),
    (f"{START} 0.5 0x1p-3 0 0 0", "'0x1p-3': expected a decimal number"),
    (f"{START} 0.5 0_1 0 0 0", "'0_1': expected a decimal number"),
    (f"{START} 0.5 0,1 0 0 0", "'0,1': expected a decimal number"),
    (f"{START} 1e999 0 0 0 0", "inf: expected a number from 0 to 1"),
    (f"{START} 1.00001 0 0 0 0", "1.00001: expected a number from 0 to 1"),
    (f"{START} 0.5 -0.1 0 0 0", "-0.1: expected a number from 0 to 1"),
    (f"{START} 0.5 0.50002 0 0 0", CONTRADICT + "0.5 0.50002 0.0 0.0 0.0"),
    (f"{START} 0.5 0.2 0.3 0 0", CONTRADICT + "0.5 0.2 0.3 0.0 0.0"),
    (f"{START} 0.5 0.2 0 0.6 0", CONTRADICT + "0.5 0.2 0.0 0.6 0.0"),
    (f"{START} 0.5 0.2 0 0.1 0.2", CONTRADICT + "0.5 0.2 0.0 0.1 0.2"),
    ("PPPP" + 16 * "A" + NUMBERS, "16 chequers on one side, at most 15"),
    (20 * "P" + NUMBERS, "80 chequers, at most 30"),
    (18 * "A" + "IA" + NUMBERS, "bits set behind the last point of the key"),
    (letters(board(RACING, {})) + NUMBERS, "class over" + UNTRAINED),
    (letters(board({}, RACING)) + NUMBERS, "class over" + UNTRAINED),
    (letters(board(RACING, {5: 15})) + NUMBERS, "class bearoff1" + UNTRAINED),
    (letters(board({0: 2}, {5: 6})) + NUMBERS, "class bearoff2" + UNTRAINED),
]


@pytest.mark.parametrize("line, message", REFUSED)
def test_refused_training_line(tmp_path: Path, line: str, message: str) -> None:
    lines = _sample()
    path = write(tmp_path / "t", "# one", *lines[:9], "", line, *lines[9:])
    assert refused(read_training_lines, path) == f"{path}:12: {message}"


def test_every_mistake_is_told(tmp_path: Path) -> None:
    lines = _sample()
    bad = [line for line, _ in REFUSED]
    messages = [message for _, message in REFUSED]
    first = write(tmp_path / "a", *lines, *bad[:3])
    second = write(tmp_path / "b", *bad[3:9], *lines, bad[20])
    told = [f"{first}:{61 + index}: {messages[index]}" for index in range(3)]
    told += [f"{second}:{index - 2}: {messages[index]}" for index in range(3, 9)]
    told += [f"{second}:67: {messages[20]}"]
    assert refused(read_training_lines, first, second) == "; ".join(told)
    third = write(tmp_path / "c", *lines, *bad[:2])
    text = "; ".join([*told, "and 2 more"])
    assert refused(read_training_lines, first, second, third) == text
    # Where nothing is right, nothing more is read.
    many = write(tmp_path / "d", *(bad[:1] * 1200))
    text = "; ".join([f"{many}:{n}: {messages[0]}" for n in range(1, 11)])
    text += "; and at least 1190 more"
    assert refused(read_training_lines, many, tmp_path / "nowhere") == text


def _huge(path: Path) -> None:
    """Write an archive that unpacks to more than is read."""
    comment = b"#" * (MAX_LINE - 1) + b"\n"
    part = gzip.compress(comment * 1000, 1)
    path.write_bytes(part * (MAX_BYTES // (MAX_LINE * 1000) + 1))


@pytest.mark.parametrize("read", [read_training_lines, read_benchmarks])
def test_files_that_cannot_be_read(
    tmp_path: Path, read: Callable[[list[Path]], object]
) -> None:
    lines = "\n".join(_sample()).encode()
    for suffix, garbage in (
        (".gz", "Not a gzipped file (b'OA')"),
        (".bz2", "Invalid data stream"),
        (".xz", "Input format not supported by decoder"),
    ):
        path = tmp_path / f"t{suffix}"
        packed = PACK[suffix](lines)
        path.write_bytes(packed[:-20])
        assert refused(read, path) == f"{path}: the archive ends early: truncated"
        path.write_bytes(START.encode() * 10)
        assert refused(read, path) == f"{path}: damaged {suffix} archive: {garbage}"
    damaged = bytearray(gzip.compress(lines))
    damaged[-6] ^= 1
    path = tmp_path / "t.gz"
    path.write_bytes(damaged)
    assert refused(read, path).startswith(f"{path}: damaged .gz archive: CRC check ")
    path = tmp_path / "nowhere"
    text = f"{path}: cannot read: No such file or directory"
    assert refused(read, path) == text
    assert refused(read, tmp_path) == f"{tmp_path}: cannot read: Is a directory"
    path = write(tmp_path / "long", "# one", "#" * (MAX_LINE + 1), "# three")
    text = f"{path}:2: a line of more than 10000 bytes"
    assert refused(read, path) == text
    path.write_bytes(b"# one\n" + b"#" * (MAX_LINE + 1))
    assert refused(read, path) == text


def test_a_file_that_unpacks_without_end(tmp_path: Path) -> None:
    path = tmp_path / "t.gz"
    _huge(path)
    assert path.stat().st_size < 10_000_000
    text = f"{path}: more than 536870912 bytes of text"
    assert refused(read_training_lines, path) == text


def test_files_without_positions(tmp_path: Path) -> None:
    good = write(tmp_path / "good", *_sample())
    empty = write(tmp_path / "empty", "# nothing", "")
    text = f"{empty}: no position: expected training lines"
    assert refused(read_training_lines, good, empty) == text
    text = f"{empty}: no line of m or o: expected a benchmark"
    assert refused(read_benchmarks, empty) == text


# With 6 and 1, a blot is hit or passed by.
BEFORE = board({13: 14, 17: 1}, {7: 2, 12: 13})
HIT = board({6: 1, 7: 2, 11: 1, 12: 11}, {13: 14, 24: 1})
QUIET = board({1: 1, 7: 1, 11: 1, 12: 12}, {13: 14, 17: 1})
OVER = board({}, {12: 15})
LAST = board({12: 15}, {0: 1})


def _swapped(boards: Boards) -> Boards:
    return np.ascontiguousarray(boards[:, ::-1])


def _move(*candidates: tuple[Boards, str], before: Boards = BEFORE) -> str:
    pairs = " ".join(f"{letters(after)} {number}" for after, number in candidates)
    return f"m {letters(before)} 6 1 {pairs}"


BENCHMARK = [
    "s version 1.92 weights 1.00 moves2plyLimit 20",
    "#Resumed",
    "r 1804289383",
    f"#R {letters(QUIET)} 0.5 0.1 0 0.1 0",
]


@pytest.mark.parametrize("suffix", list(PACK))
def test_benchmark(tmp_path: Path, suffix: str) -> None:
    lines = [*BENCHMARK, _move((QUIET, "0.25"), (QUIET, "1e-07")), "", "e " + START]
    lines += [f"o {START} 0.525 0.149 0.007 0.1258 0.004"]
    # Four times three pips.
    far = board({7: 2, 9: 4, 12: 9}, {13: 14, 17: 1})
    lines += [f"m {letters(BEFORE)} 3 3 {letters(far)} -0.5"]
    first = tmp_path / f"a.bm{suffix}"
    first.write_bytes(PACK[suffix]("\n".join(lines).encode()))
    second = write(
        tmp_path / "b.bm",
        f"o {letters(LAST)} 1 1 0 0 0",
        _move((OVER, "1"), before=LAST),
    )
    found = read_benchmarks([first, second])
    moves, rolled = found.moves, found.rolled
    assert (moves.boards == np.concatenate([BEFORE, BEFORE, LAST])).all()
    assert (moves.candidates == np.concatenate([QUIET, QUIET, far, OVER])).all()
    assert moves.dice.tolist() == [[6, 1], [3, 3], [6, 1]]
    assert moves.entry.tolist() == [0, 0, 1, 2]
    assert moves.losses.tolist() == [0, 1e-07, 0, 0]
    assert moves.equities.tolist() == [0.25, -0.5, 1]
    assert (rolled.boards == np.concatenate([start_position(), LAST])).all()
    numbers = [0.525, 0.149, 0.007, 0.1258, 0.004, 1, 1, 0, 0, 0]
    assert rolled.chances.ravel().tolist() == pytest.approx(numbers, abs=1e-7)


FORM = "expected m, 20 letters, two dice, and pairs of 20 letters and a number"
M_START = f"m {letters(BEFORE)}"
SIXTEEN = "PPPP" + 16 * "A"
NO_MOVE = "no position after such a move"
SIX, SIXES = board({12: 15}, {5: 1}), board({12: 15}, {0: 6})
REFUSED_IN_BENCHMARKS = [
    (f"{M_START} 6 1", FORM),
    (f"{M_START} 6 1 {letters(QUIET)}", FORM),
    (f"{M_START} 7 1 {letters(QUIET)} 0", FORM),
    (f"{M_START} 6 {letters(QUIET)} 0", FORM),
    (_move((QUIET, "nan")), FORM),
    (f"o {START} 1 0 0 0", "expected o, 20 letters and 5 numbers"),
    (f"o {START} 0.5 0.6 0 0 0", CONTRADICT + "0.5 0.6 0.0 0.0 0.0"),
    (f"o {START} 1.5 0 0 0 0", "1.5: expected a number from 0 to 1"),
    (f"o {SIXTEEN} 1 0 0 0 0", "16 chequers on one side, at most 15"),
    (f"o {letters(OVER)} 1 0 0 0 0", "the game is over before the roll"),
    (f"m {SIXTEEN} 6 1 {START} 0", "16 chequers on one side, at most 15"),
    (_move((OVER, "0"), before=OVER), "the game is over before the roll"),
    (_move((QUIET, "0")) + f" {SIXTEEN} 0", "16 chequers on one side, at most 15"),
    (_move((QUIET, "0.1"), (HIT, "-0.1")), "loss -0.1: expected 0 to 6"),
    (_move((QUIET, "0.1"), (HIT, "6.1")), "loss 6.1: expected 0 to 6"),
    (_move((QUIET, "-3.1")), "equity -3.1: expected -3 to 3"),
    (_move((QUIET, "1"), (_swapped(QUIET), "0")), f"candidate 2: {NO_MOVE}"),
    (
        _move((QUIET, "1"), (_swapped(BEFORE), "0"), (BEFORE, "0")),
        f"candidate 3: {NO_MOVE}",
    ),
    (
        _move((board({1: 1, 7: 1, 11: 1, 12: 12}, {13: 13, 17: 1}), "1")),
        f"candidate 1: {NO_MOVE}",
    ),
    # One man becomes two; five are borne off at once.
    (_move((board({0: 2}, {12: 15}), "1"), before=SIX), f"candidate 1: {NO_MOVE}"),
    (_move((board({0: 1}, {12: 15}), "1"), before=SIXES), f"candidate 1: {NO_MOVE}"),
    (f"{START} 0.5 0 0 0 0", f"'{START}': expected a line of m, o, s or r"),
]


@pytest.mark.parametrize("line, message", REFUSED_IN_BENCHMARKS)
def test_refused_line_of_a_benchmark(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "t.bm", *BENCHMARK, _move((QUIET, "1")), line, "# end")
    assert refused(read_benchmarks, path) == f"{path}:6: {message}"


def test_every_mistake_of_a_benchmark_is_told(tmp_path: Path) -> None:
    lines = [line for line, _ in REFUSED_IN_BENCHMARKS]
    path = write(tmp_path / "t.bm", *lines)
    kinds = enumerate(REFUSED_IN_BENCHMARKS[:5], 1)
    text = refused(read_benchmarks, path)
    assert text.startswith("; ".join(f"{path}:{n}: {m}" for n, (_, m) in kinds))
    assert text.endswith(f"; and {len(lines) - 10} more")


# Whoever is on roll here: the other's chequers, his own, and the chances by rule.
FINISHED = [
    ({}, {12: 14}, [0, 0, 0, 0, 0]),
    ({}, {12: 15}, [0, 0, 0, 1, 0]),
    ({}, {0: 14, 17: 1}, [0, 0, 0, 1, 0]),
    ({}, {0: 14, 18: 1}, [0, 0, 0, 1, 1]),
    ({}, {0: 14, 24: 1}, [0, 0, 0, 1, 1]),
    ({}, {0: 13, 24: 1}, [0, 0, 0, 0, 0]),
    ({12: 14}, {}, [1, 0, 0, 0, 0]),
    ({12: 15}, {}, [1, 1, 0, 0, 0]),
    ({0: 14, 17: 1}, {}, [1, 1, 0, 0, 0]),
    ({0: 14, 18: 1}, {}, [1, 1, 1, 0, 0]),
    ({0: 13, 24: 1}, {}, [1, 0, 0, 0, 0]),
    ({0: 14, 24: 1}, {}, [1, 1, 1, 0, 0]),
]


def test_chances_of_finished_games(debian_weights: Path, engine_folder: Path) -> None:
    boards = np.concatenate([board(other, mine) for other, mine, _ in FINISHED])
    expected = [chances for _, _, chances in FINISHED]
    assert over_chances(boards).tolist() == expected
    engine = Engine(engine_folder)
    engine.load(read_weights(debian_weights))
    assert engine.evaluate(keys_from_boards(boards)).tolist() == expected


def test_choices() -> None:
    random = np.random.Generator(np.random.PCG64(4))
    counts = random.integers(1, 7, 300)
    candidates = random_boards(int(counts.sum()), 5)
    values = random.choice([0.0, 0.25, 0.5, 1.0], (len(candidates), 5))

    def chances(boards: Boards) -> Floats:
        assert boards is candidates
        return values.astype(np.float32)

    losses = random.random(len(candidates))
    moves = Moves(
        candidates[:300],
        np.ones((300, 2), np.int64),
        candidates,
        np.repeat(np.arange(300), counts),
        losses,
        np.zeros(300),
    )
    found = losses_of_choices(moves, chances)
    at = 0
    for entry, count in enumerate(counts.tolist()):
        scores = [-float(e) for e in equity(values[at : at + count])]
        assert found[entry] == losses[at + scores.index(max(scores))]
        at += count
    broken = values.copy()
    broken[7, 3] = np.nan
    kind = max(int(classify(candidates[7:8])[0]), PositionClass.RACE)
    with pytest.raises(NNError) as caught:
        losses_of_choices(moves, lambda boards: broken.astype(np.float32))
    name = PositionClass(kind).name.lower()
    assert str(caught.value) == f"{name} net: outputs that are not finite"


def test_an_unlisted_move_loses_what_the_last_listed_does() -> None:
    candidates = random_boards(5, 5)
    moves = Moves(
        candidates[:3],
        np.ones((3, 2), np.int64),
        candidates,
        np.array([0, 0, 0, 1, 2]),
        np.array([0, 0.25, 0.5, 0.125, 0]),
        np.zeros(3),
    )
    second, unlisted = candidates[1], random_boards(1, 9)[0]
    after = np.stack([second, unlisted, candidates[4]])
    assert losses_of_moves(moves, after).tolist() == [0.25, 0.125, 0]
    after = np.stack([unlisted, candidates[3], unlisted])
    assert losses_of_moves(moves, after).tolist() == [0.5, 0.125, 0]


def test_chances_are_those_of_the_engine(
    debian_weights: Path, engine_folder: Path
) -> None:
    boards = np.concatenate([judged().boards[::10], random_boards(2000, 6)])
    classes = classify(boards)
    nets = read_weights(debian_weights)
    engine = Engine(engine_folder)
    engine.load(nets)
    found = net_chances(nets, boards)
    truth = engine.evaluate(keys_from_boards(boards))
    played = (classes >= PositionClass.CRASHED) | (classes == PositionClass.OVER)
    assert np.bincount(classes[played], minlength=6)[[0, 4, 5]].min() > 50
    assert np.abs(found - truth)[played].max() < 1e-3
    races = classes == PositionClass.RACE
    assert (found[races][:, [2, 4]] == 0).all()
    assert np.median(np.abs(found - truth)[races][:, 0]) < 1e-4


def test_figures_of_a_benchmark(tmp_path: Path) -> None:
    lines = [_move((QUIET, "0.25"), (HIT, "0.05"))] * 3
    lines += [_move((QUIET, "0.25"), (QUIET, "0.0"))]
    lines += [_move((OVER, "1"), before=LAST)]
    lines += [f"o {START} 0.5 0.2 0 0.1 0", f"o {START} 0.5 0.1 0 0.1 0"]
    lines += [f"o {letters(board({12: 15}, {5: 15}))} 0.9 0.5 0.25 0 0"]
    benchmark = read_benchmarks([write(tmp_path / "t.bm", *lines)])

    def chances(boards: Boards) -> Floats:
        """Give the side with a man on the bar no chance, everyone else an even one."""
        found = np.zeros((len(boards), 5), np.float32)
        found[:, 0] = np.where(boards[:, 1, 24] > 0, 0, 0.5)
        found[:, 2] = np.where(classify(boards) == PositionClass.RACE, 0.125, 0)
        return found

    # Where the hit stands second it is chosen, and loses; in the last game nothing can.
    assert measure_benchmark(benchmark, Judge(chances)) == {
        "contact-benchmark": {"n": 4, "error_rate": 37.5, "wrong": 0.75},
        "race-benchmark": {"n": 1, "error_rate": 0, "wrong": 0},
        "contact-rollouts": {"n": 2, "error": round(0.005**0.5, 7)},
        # 2 * 0.9 - 1 + 0.5 against 2 * 0.5 - 1: the backgammons are taken as right.
        "race-rollouts": {"n": 1, "error": 1.3},
    }
