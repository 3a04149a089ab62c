# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, ids, and the legal moves of many boards."""

from __future__ import annotations

from pathlib import Path

import gnubg_inputs as oracle
import numpy as np
import pytest
from nn_support import random_boards

from gnubg_nn.engine.library import Engine, PlayOptions
from gnubg_nn.errors import NNError
from gnubg_nn.learn import averages, beginning
from gnubg_nn.positions import (
    Keys,
    boards_from_keys,
    ids_from_keys,
    keys_from_boards,
    keys_from_ids,
    keys_from_position_ids,
    position_ids_from_keys,
    start_position,
    swap_sides,
)

START = "OAHDPAABDAOAHDPAABDA"


def test_start_position() -> None:
    keys = keys_from_boards(start_position())
    assert ids_from_keys(keys) == [START]
    assert position_ids_from_keys(keys) == ["4HPwATDgc/ABMA"]
    assert (boards_from_keys(keys_from_ids([START])) == start_position()).all()
    assert (keys_from_position_ids(["4HPwATDgc/ABMA"]) == keys).all()


def test_round_trip_and_oracle() -> None:
    boards = random_boards(3000, 1)
    keys = keys_from_boards(boards)
    assert (boards_from_keys(keys) == boards).all()
    assert (keys_from_position_ids(position_ids_from_keys(keys)) == keys).all()
    ids = ids_from_keys(keys)
    assert [oracle.decode20(text) for text in ids] == boards.tolist()
    assert (keys_from_ids(ids) == keys).all()


def test_sides() -> None:
    board = random_boards(9, 2)
    assert (swap_sides(swap_sides(board)) == board).all()
    assert (swap_sides(board)[:, 0] == board[:, 1]).all()


def _key(bits: str) -> Keys:
    row = np.array([int(bit) for bit in bits.ljust(80, "0")], np.uint8)
    return np.packbits(row[None], axis=1, bitorder="little")


@pytest.mark.parametrize(
    "key, message",
    [
        (_key("1" * 16), "position 0: 16 chequers on one side, at most 15"),
        (_key("1" * 80), "position 0: 80 chequers, at most 30"),
        (_key("0" * 50 + "1"), "position 0: bits set behind the last point of the key"),
        (
            _key("1" + "0" * 25 + "0" * 23 + "1"),
            "position 0: chequers of both sides on one point",
        ),
        (np.zeros((1, 9), np.uint8), "keys of shape (1, 9), expected (n, 10)"),
    ],
)
def test_bad_keys(key: Keys, message: str) -> None:
    with pytest.raises(NNError) as caught:
        boards_from_keys(key)
    assert str(caught.value) == message


def test_bad_ids_and_boards() -> None:
    with pytest.raises(NNError) as caught:
        keys_from_ids([START, START[:-1]])
    assert (
        str(caught.value) == f"position 1: {START[:-1]!r}: expected 20 letters A to P"
    )
    with pytest.raises(NNError) as caught:
        keys_from_position_ids(["4HPwATDgc/ABM!"])
    message = "position 0: '4HPwATDgc/ABM!': expected 14 base64 characters"
    assert str(caught.value) == message
    board = start_position()
    board[0, 1, 5] = 6
    with pytest.raises(NNError) as caught:
        keys_from_boards(np.concatenate([start_position(), board]))
    assert str(caught.value) == "position 1: 16 chequers on one side, at most 15"


Side = tuple[int, ...]


def _slow_steps(me: Side, op: Side, die: int) -> set[tuple[Side, Side]]:
    """Play one die in every way, one chequer at a time, from the rules."""
    found = set()
    for point in [24] if me[24] else range(24):
        if not me[point]:
            continue
        left, there = list(me), list(op)
        left[point] -= 1
        target = point - die
        if target >= 0:
            if op[23 - target] > 1:
                continue
            if op[23 - target] == 1:
                there[23 - target], there[24] = 0, there[24] + 1
            left[target] += 1
        elif any(me[6:]) or (target < -1 and any(me[point + 1 :])):
            continue
        found.add((tuple(left), tuple(there)))
    return found


def _slow_moves(me: Side, op: Side, dice: list[int]) -> set[tuple[Side, Side]]:
    """Return the plays of `dice` in this order that use the most dice."""
    level = {(me, op)}
    for die in dice:
        deeper = {play for a, b in level for play in _slow_steps(a, b, die)}
        if not deeper:
            break
        level = deeper
    return level


def _slow_legal(me: Side, op: Side, low: int, high: int) -> set[tuple[Side, Side]]:
    if low == high:
        return _slow_moves(me, op, [low] * 4)
    both = set()
    for first, second in ((low, high), (high, low)):
        for a, b in _slow_steps(me, op, first):
            both |= _slow_steps(a, b, second)
    singles = [_slow_steps(me, op, die) for die in (high, low)]
    return both or singles[0] or singles[1] or {(me, op)}


def test_games_of_the_engine_have_legal_moves_only(engine_folder: Path) -> None:
    options = PlayOptions(3, 0, False, False, 0.5, 1.0, 40, 0.3, 4)
    engine = Engine(engine_folder)
    engine.load(averages(beginning(3)))
    records = engine.play(options, 0, 12)
    boards = boards_from_keys(records["key"])
    same = np.flatnonzero(records["game"][1:] == records["game"][:-1])
    dice = [(low, high) for low in range(1, 7) for high in range(low, 7)]
    assert len(same) > 400
    for index in same[::8].tolist():
        before, after = boards[index].tolist(), boards[index + 1].tolist()
        me, op = tuple(before[1]), tuple(before[0])
        reached = tuple(after[0]), tuple(after[1])
        assert any(reached in _slow_legal(me, op, *roll) for roll in dice), index
