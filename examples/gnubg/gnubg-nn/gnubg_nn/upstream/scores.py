# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well nets play benchmark positions, in upstream's measure.

The move error of upstream (scripts/train/referr.py:70-103) is what the net's choice
at 0-ply loses by the benchmark's rollouts, on average. With an engine the choice is
among all legal moves, as upstream's, and one that isn't listed counts as the worst
listed one. Without, it is among the listed moves alone, and the figure is somewhat low
for nets that would have played what nobody listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ..classes import PositionClass, classify
from ..engine.library import Engine
from ..errors import NNError
from ..net import BACKGAMMONS, OUTPUTS, Floats, Net, equity
from ..nets import evaluate
from ..positions import CHEQUERS, Boards, boards_from_keys, keys_from_boards
from ..sanity import clamp
from .benchmarks import Benchmark, Moves, Rolled

Metrics = dict[str, dict[str, float]]
# Boards (n, 2, 25) in, chances (n, 5) for who is on roll out.
Chances = Callable[[Boards], Floats]
# Boards and dice in, boards after the best moves out.
Choices = Callable[[Boards, npt.NDArray[np.int64]], Boards]

# The order of tables; the bear-off classes come last.
_ORDER = sorted(PositionClass, reverse=True)


def over_chances(boards: Boards) -> Floats:
    """Return the chances (n, 5), all 0 or 1, of games that are over.

    A side without chequers has won: a gammon when all of the other's are left, a
    backgammon when one of them stands in the winner's home or on the bar
    (EvalOver, eval.c:2159-2229). The side that isn't on roll is looked at first.
    """
    left = boards.sum(axis=2, dtype=np.int64)
    gammon = left == CHEQUERS
    backgammon = gammon & (boards[..., 18:] > 0).any(axis=2)
    lost = left[:, 0] == 0
    out = np.zeros((len(boards), OUTPUTS), np.float32)
    out[:, 0] = ~lost
    out[:, 1], out[:, 2] = ~lost & gammon[:, 0], ~lost & backgammon[:, 0]
    out[:, 3], out[:, 4] = lost & gammon[:, 1], lost & backgammon[:, 1]
    return out


def net_chances(nets: Sequence[Net], boards: Boards) -> Floats:
    """Return what the six nets make of positions, (n, 5), games that are over too.

    Bear-off positions, which gnubg looks up, go to the race net; backgammons of races,
    which gnubg calculates, are taken as impossible. So the figures of races are worse
    than gnubg's with the same nets: let the engine judge where they matter.
    """
    classes = classify(boards)
    over = classes == PositionClass.OVER
    out = np.empty((len(boards), OUTPUTS), np.float32)
    out[over] = over_chances(boards[over])
    out[~over] = _net_chances(nets, boards[~over], classes[~over])
    return out


def _net_chances(
    nets: Sequence[Net], boards: Boards, classes: npt.NDArray[np.uint8]
) -> Floats:
    """Return what the nets make of positions whose games go on."""
    out = clamp(evaluate(nets, boards, classes), boards, classes)
    races = (classes <= PositionClass.RACE)[:, None]
    out[:, BACKGAMMONS] = np.where(races, 0, out[:, BACKGAMMONS])
    return out


@dataclass(frozen=True)
class Judge:
    """Who judges benchmarks: chances of positions, and choices where it has them.

    `choices` takes boards (n, 2, 25) and dice (n, 2) and returns the boards after the
    best legal moves, the opponent on roll.
    """

    chances: Chances
    choices: Choices | None = None


def nets_as_judge(nets: Sequence[Net]) -> Judge:
    """Return the six nets without any engine: they choose among listed moves."""
    return Judge(partial(net_chances, nets))


def engine_as_judge(engine: Engine) -> Judge:
    """Return gnubg itself, with the nets that its player 0 has."""

    def chances(boards: Boards) -> Floats:
        return engine.evaluate(keys_from_boards(boards))

    def choices(boards: Boards, dice: npt.NDArray[np.int64]) -> Boards:
        return boards_from_keys(engine.moves(keys_from_boards(boards), dice))

    return Judge(chances, choices)


def _finite(chances: Chances, boards: Boards) -> npt.NDArray[np.float64]:
    """Return what is made of positions, or raise NNError naming a broken net."""
    found = chances(boards).astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if bad.size:
        kind = max(int(classify(boards)[bad[0]]), PositionClass.RACE)
        name = PositionClass(kind).name.lower()
        raise NNError(f"{name} net: outputs that are not finite")
    return found


def losses_of_choices(moves: Moves, chances: Chances) -> npt.NDArray[np.float64]:
    """Return what each choice among the listed moves loses, (n,), in points.

    Of equal candidates the one listed first is chosen. Raises NNError naming a net
    whose outputs are not finite.
    """
    # The opponent is on roll: what is good for him is bad.
    theirs = equity(_finite(chances, moves.candidates))
    order = np.lexsort((theirs, moves.entry))
    firsts = np.searchsorted(moves.entry, np.arange(len(moves.boards)))
    losses: npt.NDArray[np.float64] = moves.losses[order[firsts]]
    return losses


def losses_of_moves(moves: Moves, after: Boards) -> npt.NDArray[np.float64]:
    """Return what moves that lead to these boards (n, 2, 25) lose, (n,), in points.

    One that isn't listed loses what the last listed one does.
    """
    same = (moves.candidates == after[moves.entry]).all(axis=(1, 2))
    last = np.searchsorted(moves.entry, np.arange(len(after)), "right") - 1
    losses: npt.NDArray[np.float64] = moves.losses[last]
    found = np.flatnonzero(same)
    losses[moves.entry[found]] = moves.losses[found]
    return losses


def _losses(moves: Moves, judge: Judge) -> npt.NDArray[np.float64]:
    if judge.choices is None or not len(moves.boards):
        return losses_of_choices(moves, judge.chances)
    return losses_of_moves(moves, judge.choices(moves.boards, moves.dice))


def _move_figures(losses: npt.NDArray[np.float64]) -> dict[str, float]:
    return {
        "n": len(losses),
        "error_rate": round(1000 * float(losses.mean()), 5),
        "wrong": round(float((losses > 0).mean()), 5),
    }


def _rollout_figures(errors: npt.NDArray[np.float64]) -> dict[str, float]:
    return {
        "n": len(errors),
        "error": round(float(np.sqrt(np.mean(errors**2))), 7),
    }


def _by_class(
    boards: Boards,
    values: npt.NDArray[np.float64],
    figures: Callable[[npt.NDArray[np.float64]], dict[str, float]],
) -> Metrics:
    """Return the figures of the values (n,) of each class that occurs."""
    classes = classify(boards)
    return {
        kind.name.lower(): figures(values[classes == kind])
        for kind in _ORDER
        if (classes == kind).any()
    }


def _equity_errors(rolled: Rolled, chances: Chances) -> npt.NDArray[np.float64]:
    """Return the errors of the money equity, (n,); backgammons of races are right."""
    found = _finite(chances, rolled.boards)
    truth = rolled.chances.astype(np.float64)
    races = (classify(rolled.boards) <= PositionClass.RACE)[:, None]
    right = np.where(races, truth[:, BACKGAMMONS], found[:, BACKGAMMONS])
    found[:, BACKGAMMONS] = right
    errors: npt.NDArray[np.float64] = equity(found) - equity(truth)
    return errors


def measure_benchmark(benchmark: Benchmark, judge: Judge) -> Metrics:
    """Return the figures by class of the position before the roll.

    `CLASS-benchmark`: n moves; error_rate, the mean loss in thousandths of a point;
    wrong, the share that loses anything. `CLASS-rollouts`: n positions; error, the
    root mean square of the money equity's error.
    """
    moves, rolled = benchmark.moves, benchmark.rolled
    losses = _losses(moves, judge)
    errors = _equity_errors(rolled, judge.chances)
    played = _by_class(moves.boards, losses, _move_figures)
    judged = _by_class(rolled.boards, errors, _rollout_figures)
    return {
        **{f"{kind}-benchmark": row for kind, row in played.items()},
        **{f"{kind}-rollouts": row for kind, row in judged.items()},
    }


def table(metrics: Metrics, judge: Judge) -> str:
    """Return the figures as lines of text."""
    among = "listed" if judge.choices is None else "legal"
    moves = {name: row for name, row in metrics.items() if "error_rate" in row}
    rolled = {name: row for name, row in metrics.items() if "error_rate" not in row}
    lines = []
    if moves:
        head = f"{f'choice among {among} moves':26} {'n':>7}"
        lines.append(f"{head} {'error rate':>11} {'not best':>9}")
    for name, row in moves.items():
        figures = f"{row['error_rate']:11.3f} {row['wrong']:9.2%}"
        lines.append(f"{name:26} {row['n']:7d} {figures}")
    if rolled:
        lines.append(f"{'rolled out':26} {'n':>7} {'equity error':>13}")
    for name, row in rolled.items():
        lines.append(f"{name:26} {row['n']:7d} {row['error']:13.5f}")
    return "\n".join(lines)
