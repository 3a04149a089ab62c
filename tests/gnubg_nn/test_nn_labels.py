# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped labels are those of Debian's weights, and can be made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nn_support import DATA, random_boards, run

from gnubg_nn.classes import PositionClass, classify
from gnubg_nn.dataset import HELD_OUT_FILE, TRAIN_FILE, read_dataset
from gnubg_nn.errors import NNError
from gnubg_nn.generate import check_labels
from gnubg_nn.label import fibs_boards
from gnubg_nn.positions import start_position
from gnubg_nn.weights import read_weights


@pytest.mark.parametrize("name, every", [(HELD_OUT_FILE, 1), (TRAIN_FILE, 10)])
def test_labels_are_those_of_the_stock_weights(
    debian_weights: Path, name: str, every: int
) -> None:
    data = read_dataset(DATA / name)
    keys, labels = data.keys[::every], data.labels[::every] / 65535
    nets = read_weights(debian_weights)
    assert 1e-5 < check_labels(nets, keys, labels) < 1.5e-3
    row = int(np.flatnonzero(data.classes[::every] == PositionClass.CONTACT)[99])
    labels[row, 0] += 0.01
    with pytest.raises(NNError) as caught:
        check_labels(nets, keys, labels)
    start = f"position {row}: output 0: gnubg differs by 0.0"
    assert str(caught.value).startswith(start)


def test_fibs_board_of_the_start() -> None:
    points = "0:-2:0:0:0:0:5:0:3:0:0:0:-5:5:0:0:0:-3:0:-5:0:0:0:0:2:0"
    text = fibs_boards(start_position())[0]
    assert text.startswith(f"board:a:b:0:0:0:{points}:1:0:0:0:0:1:1:1:0:1:-1:")


def test_fibs_boards_hold_every_chequer() -> None:
    boards = random_boards(200, 8)
    for board, text in zip(boards, fibs_boards(boards)):
        points = [int(word) for word in text.split(":")[6:32]]
        assert sum(n for n in points if n > 0) == board[1].sum()
        assert -sum(n for n in points if n < 0) == board[0].sum()


def test_made_again_with_the_installed_gnubg(tmp_path: Path) -> None:
    assert Path("/usr/games/gnubg").exists(), "install the package gnubg"
    done = run("generate", "--out", tmp_path, "--games", 40, OMP_NUM_THREADS="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "held-out.data",
        "train.data",
    ]
    train, held = (read_dataset(tmp_path / n) for n in (TRAIN_FILE, HELD_OUT_FILE))
    assert len(train.keys) > 1500 and 100 < len(held.keys) < len(train.keys) / 4
    for data in (train, held):
        assert set(classify(data.boards).tolist()) == {3, 4, 5}
        assert data.lineage == "gnubg 1.07.001 weights"
