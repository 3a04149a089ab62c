# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs and gradients do not depend on how a batch is cut, ordered or shared."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from dh_aibootstrap.exact.activations import Linear, ReLU, Sigmoid, Softmax, Tanh
from dh_aibootstrap.exact.backend.numpy_backend import NumpyOperations
from dh_aibootstrap.exact.data import Data, Tables, Targets, quantise
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.losses import CrossEntropy, SquaredError
from dh_aibootstrap.exact.network import Met, Network
from dh_aibootstrap.exact.parallel import Alone
from dh_aibootstrap.exact.plan import Dense, Plan, plan
from exact_support import data, inputs, layers_of, small, values_of

ROWS = 700


def deep() -> tuple[Plan, Data]:
    """Return a net of three layers and ROWS rows for one batch."""
    held = inputs(ROWS, narrow=20, wide=7)
    layers = Dense(33, Tanh()), Dense(17, ReLU()), Dense(4, Softmax())
    net = plan(held.format, layers, CrossEntropy(), ROWS)
    return net, data(net, held)


def network(net: Plan, rows: int = 512) -> Network:
    """Return the net with drawn weights, working in pieces of so many rows."""
    ops = NumpyOperations()
    ops.rows = rows
    drawn = Network(ops, net)
    drawn.parameters.start(5)
    return drawn


def gradient(drawn: Network, material: Data, rows: Any) -> tuple[Met, bytes]:
    """Return the gradient of these rows."""
    met = drawn.gradient(Tables.of(drawn.ops, material), rows, Alone())
    return met, drawn.parameters.gradient.tobytes()


def test_pieces_and_order_leave_no_trace() -> None:
    """Pieces of 1, 7, 100 and 512 rows; forwards, backwards, shuffled."""
    net, material = deep()
    orders = [np.arange(ROWS), np.arange(ROWS)[::-1]]
    orders.append(np.random.default_rng(1).permutation(ROWS))
    found = {
        gradient(network(net, pieces), material, order)
        for pieces in (7, 100, 512, 4096)
        for order in orders
    }
    found.add(gradient(network(net, 1), material, orders[0]))
    assert len(found) == 1


def test_the_gradient_is_not_zero_nor_the_loss() -> None:
    """The test above compares something: every weight has a slope."""
    net, material = deep()
    drawn = network(net)
    met, _ = gradient(drawn, material, np.arange(ROWS))
    assert met.loss > 100
    assert np.count_nonzero(drawn.parameters.gradient) > 0.9 * net.parameters


def test_inputs_by_rows_or_by_columns_are_the_same() -> None:
    """C or Fortran order, strided, bytes or binary64."""
    net, material = deep()
    expected = gradient(network(net), material, np.arange(ROWS))
    for lay in (
        np.asfortranarray,
        lambda m: np.repeat(m, 2, axis=0)[::2],
        lambda m: m.astype(np.float64),
        lambda m: m.astype(np.int16),
    ):
        rows = material.inputs
        turned = type(rows)(rows.format, tuple(lay(m) for m in rows.matrices))
        other = Data(turned, material.targets)
        assert gradient(network(net), other, np.arange(ROWS)) == expected


def test_shares_add_up_to_the_whole_where_slopes_have_one_scale() -> None:
    """Gradients of parts, each exact, added in any order: the batch's own."""
    net, material = deep()

    class Scaled(Alone):
        """Takes the largest slopes from a whole batch."""

        def __init__(self, known: list[float]) -> None:
            self.known = list(known)

        def largest(self, value: float) -> float:
            return max(value, self.known.pop(0))

    class Noting(Alone):
        """Notes the largest slopes."""

        def __init__(self) -> None:
            self.seen: list[float] = []

        def largest(self, value: float) -> float:
            self.seen.append(value)
            return value

    noting, whole = Noting(), network(net)
    tables = Tables.of(whole.ops, material)
    met = whole.gradient(tables, np.arange(ROWS), noting)
    cuts = [0, 1, 300, 301, 301, 650, ROWS]
    parts, losses = [], []
    for start, stop in zip(cuts, cuts[1:]):
        worker = network(net, 64)
        one = worker.gradient(tables, np.arange(start, stop), Scaled(noting.seen))
        parts.append(worker.parameters.gradient)
        losses.append(one.loss)
    assert sum(losses) == met.loss
    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 4, 2, 0]):
        total = np.zeros_like(parts[0])
        for index in order:
            total += parts[index]
        assert total.tobytes() == whole.parameters.gradient.tobytes()


def test_a_later_batch_may_be_larger_or_smaller() -> None:
    """Nothing of an earlier one shows."""
    net, material = deep()
    used = network(net, 100)
    for count in (3, 650, 1, 700, 99, 101):
        rows = np.arange(count) + (ROWS - count)
        assert gradient(used, material, rows) == gradient(
            network(net, 100), material, rows
        )
        tables = Tables.of(used.ops, material)
        fresh = network(net, 100).predict(tables, rows)
        assert (used.predict(tables, rows) == fresh).all()


def test_an_empty_share_has_no_gradient() -> None:
    """A worker may have no row of the last batch."""
    net, material = deep()
    drawn = network(net)
    gradient(drawn, material, np.arange(9))
    met, _ = gradient(drawn, material, np.arange(0))
    assert met == Met(Fraction(0), 0)
    assert not drawn.parameters.gradient.any()


def test_outputs_are_those_of_the_textbook() -> None:
    """The same layers in binary64, within the grids' half steps."""
    held = inputs(200, narrow=20, wide=7)
    layers = Dense(33, Tanh()), Dense(4, Sigmoid())
    net = plan(held.format, layers, SquaredError(), 200)
    drawn = network(net)
    tables = Tables.of(drawn.ops, data(net, held))
    found = drawn.predict(tables, np.arange(200))
    (w1, b1), (w2, b2) = layers_of(drawn)
    hidden = np.tanh(values_of(held) @ w1 + b1)
    expected = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 3e-5


def test_more_rows_than_were_planned_for_are_refused() -> None:
    """The proof is for the batch; outputs may be asked for any number of rows."""
    net, material = small(rows=96, batch=32)
    drawn = network(net)
    gradient(drawn, material, np.arange(32))
    before = drawn.parameters.gradient.tobytes()
    with pytest.raises(ExactError) as caught:
        gradient(drawn, material, np.arange(33))
    assert str(caught.value) == (
        "a batch of 33 rows, the plan proves sums of 32; plan for a larger batch"
    )
    assert drawn.parameters.gradient.tobytes() == before
    assert len(drawn.predict(Tables.of(drawn.ops, material), np.arange(96))) == 96


def steep(size: float) -> tuple[Plan, Data]:
    """Return a linear net whose targets are far below its outputs."""
    held = quantise(np.ones((4, 1)))
    last = Linear(2.0**45)
    net = plan(held.format, (Dense(1, last),), SquaredError(), 4)
    return net, Data(held, Targets.rounded(np.full((4, 1), -size), net.target_grid))


def test_slopes_up_to_2_to_the_40_are_taken_and_larger_ones_refused() -> None:
    """Beyond, squares would leave Adam's range: nothing is half done."""
    net, material = steep(2.0**39)
    gradient(network(net), material, np.arange(4))
    net, material = steep(2.0**41)
    drawn = network(net)
    master = drawn.parameters.master.tobytes()
    with pytest.raises(ExactError) as caught:
        gradient(drawn, material, np.arange(4))
    assert str(caught.value) == (
        "layer 1: a slope of 2.19902e+12, at most 1.09951e+12 can be learnt from; take "
        "weights or outputs with a smaller bound"
    )
    assert drawn.parameters.master.tobytes() == master


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_slope_that_is_no_number_is_refused() -> None:
    """A machine that computes wrongly is not learnt from."""

    class Broken(NumpyOperations):
        """Leaves something that is not a number in a product."""

        def matmul(self, a: Any, b: Any, out: Any) -> None:
            super().matmul(a, b, out)
            out[0, 0] = np.nan

    net, material = small()
    drawn = Network(Broken(), net)
    drawn.parameters.start(5)
    tables = Tables.of(drawn.ops, material)
    for watch, message in (
        (True, "loss: not a number; the machine computes wrongly"),
        (
            False,
            "layer 2: a slope of nan, at most 1.09951e+12 can be learnt from; take "
            "weights or outputs with a smaller bound",
        ),
    ):
        with pytest.raises(ExactError) as caught:
            drawn.gradient(tables, np.arange(32), Alone(), watch)
        assert str(caught.value) == message


def test_sums_beyond_the_largest_are_counted() -> None:
    """ReLU and Linear outputs that were held back, in every piece of the batch."""
    held = inputs(ROWS)
    layers = Dense(6, ReLU(0.5)), Dense(2, Linear(0.25))
    net = plan(held.format, layers, SquaredError(), ROWS)
    goal = Targets.rounded(np.zeros((ROWS, 2)), net.target_grid)
    material = Data(held, goal)
    met, _ = gradient(network(net), material, np.arange(ROWS))
    assert (gradient(network(net, 13), material, np.arange(ROWS))[0]) == met
    (w1, b1), (w2, b2) = layers_of(network(net))
    z1 = values_of(held) @ w1 + b1
    y1 = np.rint(np.clip(z1, 0, 0.5) * 2**20) / 2**20
    z2 = y1 @ w2 + b2
    expected = np.count_nonzero(z1 > 0.5) + np.count_nonzero(np.abs(z2) > 0.25)
    assert met.held == expected > 100


def test_weights_beyond_their_bound_are_counted_and_held() -> None:
    """On both sides; exactly at it is inside."""
    net, _ = small()
    drawn = network(net)
    layers = drawn.parameters.result()
    layers[0][0][0, :4] = 8.5, -9, 8, -8
    layers[1][1][:2] = 65, -64
    drawn.parameters.assign(layers)
    assert drawn.parameters.held == 3
    found = drawn.parameters.result()
    assert found[0][0][0, :4].tolist() == [8, -8, 8, -8]
    assert found[1][1][:2].tolist() == [64, -64]
    drawn.parameters.round()
    assert drawn.parameters.held == 3


def test_weights_come_back_as_they_were_assigned() -> None:
    """On their grid nothing is lost: by column, narrow and wide, with the biases."""
    net, _ = small()
    drawn = network(net)
    layers = drawn.parameters.result()
    random = np.random.default_rng(4)
    for weights, biases in layers:
        weights[:] = random.integers(-(2**12), 2**12, weights.shape) / 2**10
        biases[:] = random.integers(-(2**12), 2**12, biases.shape) / 2**10
    drawn.parameters.assign(layers)
    for ours, theirs in zip(drawn.parameters.result(), layers):
        assert (ours[0] == theirs[0]).all() and (ours[1] == theirs[1]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(value: float) -> None:
    """Those that were there stay."""
    net, _ = small()
    drawn = network(net)
    before = drawn.parameters.master.tobytes()
    layers = drawn.parameters.result()
    layers[1][0][0, 0] = value
    with pytest.raises(ExactError) as caught:
        drawn.parameters.assign(layers)
    assert str(caught.value) == "weights: a number that is not finite"
    assert drawn.parameters.master.tobytes() == before


def test_first_weights_are_glorots_and_biases_0() -> None:
    """sqrt(6 / (inputs + units)) is nearly reached; other seeds, other weights."""
    held = inputs(4, narrow=60, wide=40)
    layers = Dense(50, ReLU()), Dense(30, Linear(), spread=0.25)
    net = plan(held.format, layers, SquaredError(), 4)
    drawn = network(net)
    for (weights, biases), spread in zip(
        drawn.parameters.result(), ((6 / 150) ** 0.5, 0.25)
    ):
        assert not biases.any()
        assert 0.99 * spread < np.abs(weights).max() <= spread + 2.0**-10
        assert abs(weights.std() - spread / 3**0.5) < 0.02 * spread
    first = drawn.parameters.master.tobytes()
    drawn.parameters.start(6)
    assert drawn.parameters.master.tobytes() != first
    drawn.parameters.start(5)
    assert drawn.parameters.master.tobytes() == first
