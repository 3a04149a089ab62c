# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions out of games that a noisy 0-ply player plays against itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np
import numpy.typing as npt

from .classes import PositionClass, classify
from .moves import legal_moves
from .net import Net, equity
from .nets import evaluate
from .positions import Boards, Keys, keys_from_boards
from .positions import start_position, swap_sides

# Half of the games open with plies at random, up to this many; positions that good
# play never sees are what the crashed net is for.
MAX_RANDOM_PLIES = 40
NOISES = (0.0, 0.03, 0.1, 0.3)


@dataclass(frozen=True)
class Seen:
    """Positions on roll, met in games: keys (n, 10), classes (n,), games (n,)."""

    keys: Keys
    classes: npt.NDArray[np.uint8]
    games: npt.NDArray[np.int64]


def _equity_to_mover(
    nets: Sequence[Net], boards: Boards, classes: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """Return the mover's equity of boards after the move, seen by the opponent."""
    value = np.full(len(boards), 4.0)
    open_ = np.flatnonzero(classes != PositionClass.OVER)
    value[open_] = -equity(evaluate(nets, boards[open_], classes[open_]))
    return value


def _ply(
    nets: Sequence[Net],
    boards: Boards,
    noise: npt.NDArray[np.float64],
    random: np.random.Generator,
) -> tuple[Boards, npt.NDArray[np.uint8]]:
    """Play one roll in every game; infinite noise plays at random."""
    dice = np.sort(random.integers(1, 7, (len(boards), 2)), axis=1)
    rows, after = legal_moves(boards, dice[:, 0], dice[:, 1])
    after = swap_sides(after)
    classes = classify(after)
    jitter = random.standard_normal(len(rows))
    score = jitter.copy()
    judged = np.flatnonzero(np.isfinite(noise[rows]))
    score[judged] = _equity_to_mover(nets, after[judged], classes[judged])
    score[judged] += jitter[judged] * noise[rows[judged]]
    order = np.lexsort((score, rows))
    best = order[np.searchsorted(rows[order], np.arange(len(boards)), "right") - 1]
    return after[best], classes[best]


def play(nets: Sequence[Net], games: int, random: np.random.Generator) -> Seen:
    """Play games to the bear-off and return every position that a net is for."""
    boards = np.repeat(start_position(), games, axis=0)
    noise = random.choice(np.array(NOISES), games)
    plies = random.integers(0, MAX_RANDOM_PLIES + 1, games)
    plies[random.random(games) < 0.5] = 0
    ids = np.arange(games)
    keys, kinds, owners = [], [], []
    classes = classify(boards)
    for ply in range(2000):
        keys.append(keys_from_boards(boards))
        kinds.append(classes)
        owners.append(ids)
        heat = np.where(plies > ply, np.inf, noise)
        boards, classes = _ply(nets, boards, heat, random)
        alive = classes >= PositionClass.RACE
        boards, classes = boards[alive], classes[alive]
        noise, plies, ids = noise[alive], plies[alive], ids[alive]
        if not len(ids):
            break
    return Seen(np.concatenate(keys), np.concatenate(kinds), np.concatenate(owners))
