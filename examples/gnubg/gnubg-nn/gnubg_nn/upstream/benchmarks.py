# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmark files (.bm), as gnubg-nn's sagnubg writes them (sa/main.cc:59-136).

    m KEY D1 D2 BEST EQUITY MOVE2 LOSS2 ...     a move: its best candidates, rolled out
    o KEY P0 P1 P2 P3 P4                        a position, rolled out

BEST and MOVE2 are positions after the move, with the opponent on roll. `#` begins a
comment, of which `#R KEY P0..P4`, a candidate's own rollout, is one to sagnubg too.
Settings (s), seeds (r) and what sagnubg writes besides (c, e, O, b) aren't needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Sequence

import numpy as np
import numpy.typing as npt

from ..classes import PositionClass, classify
from ..errors import NNError
from ..net import OUTPUTS
from ..positions import POINTS, Boards, keys_from_letters
from .text import (
    LETTERS,
    NUMBER,
    Block,
    Faults,
    Mistakes,
    blocks,
    consistent,
    legal_boards,
    probability_faults,
    shown,
)

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

MOST = 3.0
_IGNORED = (b"s", b"r", b"c", b"e", b"O", b"b")
_PAIR = rb"\s+" + LETTERS + rb"\s+" + NUMBER
_MOVE = re.compile(
    rb"\s*m\s+(" + LETTERS + rb")\s+([1-6])\s+([1-6])((?:" + _PAIR + rb")+)\s*"
)
_ROLLED = re.compile(
    rb"\s*o\s+(" + LETTERS + rb")((?:\s+" + NUMBER + rb"){%d})\s*" % OUTPUTS
)


@dataclass(frozen=True)
class Moves:
    """What `m` lines say.

    boards uint8 (n, 2, 25) before the roll; dice int64 (n, 2); candidates uint8
    (m, 2, 25) after the move, the opponent on roll; entry int64 (m,), ascending, whose
    they are; losses float64 (m,) in points, 0 for the best, which comes first;
    equities float64 (n,) of the best.
    """

    boards: Boards
    dice: Rows
    candidates: Boards
    entry: Rows
    losses: Floats
    equities: Floats


@dataclass(frozen=True)
class Rolled:
    """What `o` lines say: boards uint8 (n, 2, 25), chances float32 (n, 5)."""

    boards: Boards
    chances: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Benchmark:
    """One or several benchmark files."""

    moves: Moves
    rolled: Rolled


@dataclass
class _Lines:
    """Matched lines of one kind: the words, still bytes, and where they stand."""

    letters: list[bytes] = field(default_factory=list)
    rest: list[tuple[bytes, ...]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, line: int, match: re.Match[bytes]) -> None:
        self.letters.append(match[1])
        self.rest.append(match.groups()[1:])
        self.lines.append(line)


def _fault(words: Sequence[bytes]) -> str:
    """Return what is wrong with a line that is of no known form."""
    if words[0] == b"m":
        return "expected m, 20 letters, two dice, and pairs of 20 letters and a number"
    if words[0] == b"o":
        return f"expected o, 20 letters and {OUTPUTS} numbers"
    return f"{shown(words[0])}: expected a line of m, o, s or r"


def _split(block: Block, faults: Faults) -> tuple[_Lines, _Lines]:
    """Return the `m` and the `o` lines of a block."""
    moves, rolled = _Lines(), _Lines()
    for line, text in enumerate(block.lines, block.start):
        if match := _MOVE.fullmatch(text):
            moves.add(line, match)
        elif match := _ROLLED.fullmatch(text):
            rolled.add(line, match)
        elif (words := text.split()) and not words[0].startswith(b"#"):
            if words[0] not in _IGNORED:
                faults[line] = _fault(words)
    return moves, rolled


def _not_over(boards: Boards, lines: Sequence[int], faults: Faults) -> None:
    for row in np.flatnonzero(classify(boards) == PositionClass.OVER).tolist():
        faults.setdefault(lines[row], "the game is over before the roll")


def _follows(boards: Boards, dice: Rows, after: Boards) -> npt.NDArray[np.bool_]:
    """Tell which positions may come of a move: pips and chequers could agree.

    Not a test of the rules; it tells a position seen from the wrong side.
    """
    weights = np.arange(1, POINTS + 1)
    pips = boards[:, 1] @ weights - after[:, 0] @ weights
    most = dice.sum(axis=1) * np.where(dice[:, 0] == dice[:, 1], 2, 1)
    mine = boards[:, 1].sum(axis=1, dtype=np.int64)
    left = after[:, 0].sum(axis=1, dtype=np.int64)
    theirs = boards[:, 0].sum(axis=1, dtype=np.int64)
    fine: npt.NDArray[np.bool_] = (0 <= pips) & (pips <= most)
    fine &= (left <= mine) & (mine <= left + 4)
    fine &= theirs == after[:, 1].sum(axis=1, dtype=np.int64)
    return fine


def _moves(found: _Lines, faults: Faults) -> Moves:
    """Return what matched `m` lines say; what is wrong goes to `faults`."""
    pairs = [rest[2].split() for rest in found.rest]
    counts = np.array([len(words) // 2 for words in pairs], np.int64)
    entry = np.repeat(np.arange(len(pairs)), counts)
    lines = np.repeat(np.array(found.lines, np.int64), counts).tolist()
    numbers = np.array([float(word) for words in pairs for word in words[1::2]])
    letters = [word for words in pairs for word in words[0::2]]
    dice = np.array([[int(a), int(b)] for a, b, _ in found.rest], np.int64)
    dice = dice.reshape(-1, 2)
    best = np.cumsum(counts) - counts
    losses = numbers.copy()
    losses[best] = 0
    for row in np.flatnonzero(~((losses >= 0) & (losses <= 2 * MOST))).tolist():
        what = f"loss {numbers[row]}: expected 0 to {2 * MOST:g}"
        faults.setdefault(lines[row], what)
    for row in best[~(np.abs(numbers[best]) <= MOST)].tolist():
        what = f"equity {numbers[row]}: expected {-MOST:g} to {MOST:g}"
        faults.setdefault(lines[row], what)
    boards = legal_boards(keys_from_letters(found.letters), found.lines, faults)
    after = legal_boards(keys_from_letters(letters), lines, faults)
    _not_over(boards, found.lines, faults)
    for row in np.flatnonzero(~_follows(boards[entry], dice[entry], after)).tolist():
        place = f"candidate {row - int(best[entry[row]]) + 1}"
        faults.setdefault(lines[row], f"{place}: no position after such a move")
    return Moves(boards, dice, after, entry, losses, numbers[best])


def _rolled(found: _Lines, faults: Faults) -> Rolled:
    """Return what matched `o` lines say; what is wrong goes to `faults`."""
    words = b" ".join(rest[0] for rest in found.rest).split()
    values = np.array([float(word) for word in words]).reshape(-1, OUTPUTS)
    probability_faults(values, found.lines, faults)
    boards = legal_boards(keys_from_letters(found.letters), found.lines, faults)
    _not_over(boards, found.lines, faults)
    return Rolled(boards, consistent(values))


def _one(moves: Sequence[Moves], rolled: Sequence[Rolled]) -> Benchmark:
    """Return the parts in order as one."""
    counts = np.cumsum([0, *(len(part.boards) for part in moves)])
    return Benchmark(
        Moves(
            np.concatenate([part.boards for part in moves]),
            np.concatenate([part.dice for part in moves]),
            np.concatenate([part.candidates for part in moves]),
            np.concatenate([p.entry + at for p, at in zip(moves, counts)]),
            np.concatenate([part.losses for part in moves]),
            np.concatenate([part.equities for part in moves]),
        ),
        Rolled(
            np.concatenate([part.boards for part in rolled]),
            np.concatenate([part.chances for part in rolled]),
        ),
    )


def read_benchmarks(paths: Sequence[Path]) -> Benchmark:
    """Return one or several benchmark files, plain or .gz, .bz2 or .xz, as one.

    Raises NNError with file and line of every mistake, up to ten.
    """
    mistakes = Mistakes()
    moves: list[Moves] = []
    rolled: list[Rolled] = []
    for path in paths:
        useful = 0
        for block in blocks(path):
            faults: Faults = {}
            of_moves, of_rolled = _split(block, faults)
            moves.append(_moves(of_moves, faults))
            rolled.append(_rolled(of_rolled, faults))
            useful += len(of_moves.lines) + len(of_rolled.lines) + len(faults)
            mistakes.extend(path, faults)
        if not useful:
            raise NNError(f"{path}: no line of m or o: expected a benchmark")
    mistakes.check()
    return _one(moves, rolled)
