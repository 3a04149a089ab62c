# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table sigmoid, the forward pass, and the gradient."""

from __future__ import annotations

import gnubg_inputs as oracle
import numpy as np
import pytest
import numpy.typing as npt
from nn_support import judged

from gnubg_nn.net import Net, equity, forward, table_sigmoid
from gnubg_nn.optimise import Adam, Layers, Schedule, gradient, initial, order, size
from gnubg_nn.train import free_outputs
from gnubg_nn.classes import PositionClass

Doubles = npt.NDArray[np.float64]


def test_table_sigmoid() -> None:
    x = np.linspace(-12, 12, 200_001).astype(np.float32)
    # At a tenth the table jumps, and rounding decides the side.
    x = x[np.abs(10 * x - np.rint(10 * x)) > 1e-4]
    wanted = oracle.sig_table(x.astype(np.float64))
    assert len(x) > 190_000 and np.abs(table_sigmoid(x) - wanted).max() < 5e-7
    logistic = 1 / (1 + np.exp(-x.astype(np.float64)))
    assert 0.0011 < np.abs(table_sigmoid(x) - logistic).max() < 0.00118


def test_table_sigmoid_beyond_ten() -> None:
    ends = table_sigmoid(np.array([-50, -10, 10, 50], np.float32))
    low = 1 / 19931.3704
    assert np.allclose(ends, [low, low, 1 - low, 1 - low], rtol=0, atol=6e-8)
    assert table_sigmoid(np.zeros(1, np.float32))[0] == 0.5


def test_forward_is_the_formula() -> None:
    random = np.random.Generator(np.random.PCG64(1))
    shapes = ((7, 8), (5, 8), (8,), (5,))
    w1, w2, b1, b2 = (random.normal(size=s).astype(np.float32) for s in shapes)
    inputs = random.normal(size=(4, 7)).astype(np.float32)
    net = Net(w1, w2, b1, b2)
    hidden = oracle.sig_table(0.1 * (inputs.astype(np.float64) @ w1 + b1))
    wanted = oracle.sig_table(hidden @ w2.T + b2)
    assert np.abs(forward(net, inputs) - wanted).max() < 2e-4
    assert net.shape == (7, 8, 5)


def test_equity() -> None:
    assert equity(np.array([[0.5, 0.2, 0.1, 0.05, 0.01]])).round(9).tolist() == [0.24]


def _logistic(x: Doubles) -> Doubles:
    result: Doubles = 1 / (1 + np.exp(-x))
    return result


def _loss(flat: Doubles, x: Doubles, t: Doubles, mask: Doubles) -> float:
    layers = Layers(flat, 6, 3)
    y = _logistic(_logistic(x @ layers.u + layers.v) @ layers.w2.T + layers.b2)
    each = -(t * np.log(y) + (1 - t) * np.log(1 - y)) * mask
    return float(each.sum() / len(x))


def test_gradient_against_differences() -> None:
    random = np.random.Generator(np.random.PCG64(2))
    flat = random.normal(size=size(6, 3))
    x, t = random.normal(size=(9, 6)), random.random((9, 5))
    mask = (random.random((9, 5)) < 0.7).astype(np.float64)
    slope = Layers(np.empty_like(flat), 6, 3)
    gradient(Layers(flat, 6, 3), x, t, mask, slope, _logistic)
    for index in range(len(flat)):
        ends = []
        for move in (1e-5, -1e-5):
            moved = flat.copy()
            moved[index] += move
            ends.append(_loss(moved, x, t, mask))
        assert abs((ends[0] - ends[1]) / 2e-5 - slope.flat[index]) < 1e-8


def test_gradient_uses_the_table() -> None:
    flat = initial(3, 0, 6, 8)
    x = np.random.Generator(np.random.PCG64(5)).random((9, 6)).astype(np.float32)
    layers = Layers(flat * np.float32(4), 6, 8)
    slope = Layers(np.empty_like(flat), 6, 8)
    half = np.full((9, 5), 0.5, np.float32)
    y = gradient(layers, x, half, np.ones_like(half), slope)
    assert np.abs(y - forward(layers.net(), x)).max() < 2e-4
    wanted = (y - half).astype(np.float64).mean(axis=0)
    assert np.allclose(slope.b2, wanted, atol=1e-6)


@pytest.mark.parametrize("epsilon", [1e-8, 0.1])
def test_adam_is_the_formula(epsilon: float) -> None:
    random = np.random.Generator(np.random.PCG64(6))
    flat = random.normal(size=20).astype(np.float32)
    wanted, mean, square = flat.astype(np.float64), np.zeros(20), np.zeros(20)
    adam = Adam(20)
    for number in range(1, 30):
        slope = random.normal(size=20).astype(np.float32)
        adam.step(flat, slope, 0.01, number, epsilon)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope.astype(np.float64) ** 2
        hat = np.sqrt(square / (1 - 0.999**number)) + epsilon
        wanted -= 0.01 * mean / (1 - 0.9**number) / hat
    assert np.abs(flat - wanted).max() < 1e-5


def test_schedule_and_order() -> None:
    schedule = Schedule(epochs=10, rate=1.0, warm_up=10)
    rates = [schedule.rate_at(step, 1000) for step in range(1000)]
    assert rates[0] == 0.1 and max(rates) > 0.99 and rates[-1] < 1e-5
    rows = order(1, 0, 1, 1000)
    assert sorted(rows.tolist()) == list(range(1000))
    others = (order(2, 0, 1, 1000), order(1, 1, 1, 1000), order(1, 0, 2, 1000))
    assert all((rows != other).any() for other in others)
    # Pinned: the stream must not change with numpy's version.
    assert order(1, 0, 1, 8).tolist() == ORDER_1_0_1_8


ORDER_1_0_1_8 = [7, 0, 5, 3, 4, 1, 6, 2]


def test_free_outputs() -> None:
    data = judged()
    boards = data.boards
    for kind in (PositionClass.CONTACT, PositionClass.CRASHED, PositionClass.RACE):
        rows = data.classes == kind
        mask = free_outputs(boards[rows], kind)
        labels = data.labels[rows]
        fixed = mask == 0
        if kind == PositionClass.RACE:
            assert fixed[:, [2, 4]].all()
            fixed[:, [2, 4]] = False
        assert fixed.any() and not labels[fixed].any()
