# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs and classes equal those of the oracle, to the last bit of float32."""

from __future__ import annotations

import multiprocessing

import gnubg_inputs as oracle
import numpy as np
import numpy.typing as npt
import pytest
from nn_support import judged, random_boards

from gnubg_nn.classes import PositionClass, classify
from gnubg_nn.inputs import base_inputs, contact_inputs, crashed_inputs, race_inputs
from gnubg_nn.positions import Boards

PLAYED = 20_000
RANDOM = 20_000
Expected = tuple[list[str], npt.NDArray[np.float32], npt.NDArray[np.float32]]


def _expected(boards: Boards) -> Expected:
    """Return the oracle's classes, contact inputs and race inputs."""
    rows = boards.tolist()
    names = [oracle.classify(row) for row in rows]
    contact = np.array([oracle.contact(row) for row in rows], np.float32)
    race = np.array([oracle.race(row) for row in rows], np.float32)
    return names, contact, race


@pytest.fixture(scope="module")
def boards() -> Boards:
    """Return played positions of every class, and random ones nobody ever played."""
    played = judged().boards
    played = played[np.linspace(0, len(played) - 1, PLAYED).astype(int)]
    both = np.concatenate([played, random_boards(RANDOM, 3)])
    some: Boards = both[(both.sum(axis=2) > 0).all(axis=1)]
    return some


@pytest.fixture(scope="module")
def expected(boards: Boards) -> Expected:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        parts = pool.map(_expected, np.array_split(boards, 16))
    names = [name for part in parts for name in part[0]]
    contact, race = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
    return names, contact, race


def _differences(found: object, wanted: object) -> list[tuple[int, ...]]:
    where = np.argwhere(np.asarray(found) != np.asarray(wanted))
    return [tuple(row) for row in where[:5].tolist()]


def test_the_set_is_what_it_claims(boards: Boards) -> None:
    assert len(boards) >= 35_000
    counts = np.bincount(classify(boards), minlength=6)
    assert (counts[PositionClass.RACE :] > 1000).all(), counts
    assert (boards[:, :, 24] == 1).sum() > 500 and (boards[:, :, 24] > 1).sum() > 500
    assert (boards.sum(axis=2) <= 5).sum() > 300 and (boards > 8).sum() > 300


def test_classes(boards: Boards, expected: Expected) -> None:
    names = {
        PositionClass.CONTACT: "contact",
        PositionClass.CRASHED: "crashed",
        PositionClass.OVER: "over",
    }
    found = [
        names.get(PositionClass(kind), "race/bearoff") for kind in classify(boards)
    ]
    assert found == expected[0]


def test_a_side_without_chequers_is_over() -> None:
    boards = random_boards(50, 5)
    boards[:, 1] = 0
    assert (classify(boards) == PositionClass.OVER).all()


def test_bearoff_classes() -> None:
    boards = np.zeros((3, 2, 25), np.uint8)
    boards[0, :, 5] = 6
    boards[1, :, 5] = 7
    boards[2, 0, 6], boards[2, 1, 5] = 1, 1
    wanted = [PositionClass.BEAROFF2, PositionClass.BEAROFF1, PositionClass.RACE]
    assert classify(boards).tolist() == wanted


def test_contact_inputs(boards: Boards, expected: Expected) -> None:
    assert _differences(contact_inputs(boards), expected[1]) == []


def test_base_inputs(boards: Boards, expected: Expected) -> None:
    found = base_inputs(boards)
    assert found.dtype == np.float32
    assert _differences(found, expected[1][:, :200]) == []


def test_crashed_inputs(boards: Boards, expected: Expected) -> None:
    wanted = expected[1].copy()
    for row, board in zip(wanted, boards.tolist()):
        row[200:203] = oracle.off_all(board[1])
        row[225:228] = oracle.off_all(board[0])
    assert _differences(crashed_inputs(boards), wanted) == []
    whole = [oracle.crashed(board) for board in boards[:50].tolist()]
    assert _differences(crashed_inputs(boards[:50]), np.array(whole, np.float32)) == []


def test_race_inputs(boards: Boards, expected: Expected) -> None:
    assert _differences(race_inputs(boards), expected[2]) == []


def test_a_batch_is_its_rows(boards: Boards) -> None:
    some = boards[-5000:]
    rows = np.concatenate([contact_inputs(some[i : i + 7]) for i in range(0, 70, 7)])
    assert _differences(contact_inputs(some)[:70], rows) == []
    assert contact_inputs(some[:0]).shape == (0, 250)
