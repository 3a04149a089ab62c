# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Losses are exact sums; slopes of whole nets agree with central differences."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Callable

import numpy as np
import pytest
from dh_aibootstrap.exact.activations import (
    Activation,
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    TableSigmoid,
    Tanh,
)
from dh_aibootstrap.exact.backend.numpy_backend import NumpyOperations
from dh_aibootstrap.exact.data import Tables
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.losses import CrossEntropy, Loss, SquaredError
from dh_aibootstrap.exact.network import Network
from dh_aibootstrap.exact.parallel import Alone
from dh_aibootstrap.exact.plan import Dense, plan
from exact_support import data, gradients, inputs, layers_of, small, values_of


def value(loss: Loss, last: Activation, y: Any, t: Any, mask: Any = None) -> Fraction:
    """Return the loss of outputs and targets."""
    arrays = [np.array(a, np.float32) for a in (y, t)]
    chosen = None if mask is None else np.array(mask, np.float32)
    return loss.value(NumpyOperations(), last, *arrays, chosen)


def on_grid(last: Activation, shape: tuple[int, int], seed: int) -> Any:
    """Return numbers of the last activation's grid, its edges among them."""
    grid = last.outputs
    most = int(grid.steps)
    low = 0 if last.probability or isinstance(last, ReLU) else -most
    drawn = np.random.default_rng(seed).integers(low, most, shape, endpoint=True)
    drawn.ravel()[:2] = low, most
    return drawn / 2.0**grid.exponent


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "last", [Sigmoid(), TableSigmoid(), Tanh(), ReLU(), Linear(), Linear(2.0**20)]
)
def test_squared_error_is_exact(last: Activation, masked: bool) -> None:
    """Half the sum of squares, by Python's integers."""
    y, t = on_grid(last, (700, 5), 1), on_grid(last, (700, 5), 2)
    mask = np.random.default_rng(3).integers(0, 2, y.shape) if masked else None
    found = value(SquaredError(), last, y, t, mask)
    scale = 2.0**last.outputs.exponent
    steps = ((y - t) * scale).astype(np.int64).astype(object)
    if masked:
        steps = steps * mask.astype(object)
    assert found == Fraction(int((steps**2).sum()), int(scale) ** 2 * 2)


@pytest.mark.parametrize("rows, columns", [(1, 5000), (3, 700), (5000, 1)])
def test_squared_error_is_exact_in_wide_rows(rows: int, columns: int) -> None:
    """A row may hold more numbers than one exact sum, all as far off as can be."""
    y = np.full((rows, columns), 32.0)
    t = np.full((rows, columns), -32.0)
    t[:, ::7] += 2.0**-16
    found = value(SquaredError(), Linear(), y, t)
    steps = ((y - t) * 2**16).astype(np.int64).astype(object)
    assert found == Fraction(int((steps**2).sum()), 2**33)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("last", [Sigmoid(), Softmax()])
def test_cross_entropy_is_near_its_formula(last: Activation, masked: bool) -> None:
    """Each logarithm within half a step of 2**-16 and log's error; 0 counts 2**-17."""
    y, t = on_grid(last, (900, 4), 4), on_grid(last, (900, 4), 5)
    mask = np.random.default_rng(6).integers(0, 2, y.shape) if masked else None
    found = float(value(CrossEntropy(), last, y, t, mask))
    weight = np.ones_like(y) if mask is None else mask
    terms = -t * np.log(np.maximum(y, 2.0**-17))
    if not isinstance(last, Softmax):
        terms -= (1 - t) * np.log(np.maximum(1 - y, 2.0**-17))
    logarithms = float((weight * (1 if not isinstance(last, Softmax) else t)).sum())
    bound = logarithms * (2.0**-17 + 2e-7 * 12)
    assert abs(found - float((weight * terms).sum())) <= bound


def test_cross_entropy_of_certainty() -> None:
    """Nothing if right, 17 log(2) if wrong, on the grid."""
    right = value(CrossEntropy(), Sigmoid(), [[1.0, 0.0]], [[1.0, 0.0]])
    assert right == 0
    wrong = value(CrossEntropy(), Sigmoid(), [[0.0]], [[1.0]])
    assert wrong == Fraction(round(17 * np.log(2) * 2**16), 2**16)


@pytest.mark.parametrize("rows", [1, 7, 100, 900])
def test_loss_of_parts_adds_up(rows: int) -> None:
    """Cut anywhere, the sum is the same number."""
    for loss, last in ((SquaredError(), Linear()), (CrossEntropy(), Sigmoid())):
        y, t = on_grid(last, (900, 3), 7), on_grid(last, (900, 3), 8)
        parts = [
            value(loss, last, y[k : k + rows], t[k : k + rows])
            for k in range(0, 900, rows)
        ]
        assert sum(parts) == value(loss, last, y, t)


def test_losses_refuse_what_they_do_not_go_with() -> None:
    """By name, before anything is planned."""
    for loss, last, message in (
        (SquaredError(), Softmax(), "SquaredError does not go with Softmax"),
        (
            CrossEntropy(),
            Tanh(),
            "CrossEntropy needs Sigmoid or Softmax last, not Tanh",
        ),
        (
            CrossEntropy(),
            ReLU(),
            "CrossEntropy needs Sigmoid or Softmax last, not ReLU",
        ),
    ):
        with pytest.raises(ExactError) as caught:
            small(last=last, loss=loss)
        assert str(caught.value) == message


# The formulas again, in binary64, as a textbook has them.
Function = Callable[[Any], Any]


def logistic(z: Any) -> Any:
    """Return 1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


def softmax(z: Any) -> Any:
    """Return exp(z) over its sum."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


FORMULAS: dict[str, Function] = {
    "Sigmoid": logistic,
    "TableSigmoid": logistic,
    "Tanh": np.tanh,
    "ReLU": lambda z: np.maximum(z, 0),
    "Linear": lambda z: z,
    "Softmax": softmax,
}


def textbook(layers: Any, kinds: list[Activation], loss: Loss, x: Any, t: Any) -> Any:
    """Return the loss of each output of each row."""
    for (weights, biases), kind in zip(layers, kinds):
        x = FORMULAS[type(kind).__name__](x @ weights + biases)
    if isinstance(loss, SquaredError):
        return (x - t) ** 2 / 2
    if isinstance(kinds[-1], Softmax):
        return -t * np.log(x)
    return -t * np.log(x) - (1 - t) * np.log(1 - x)


def differences(layers: Any, value: Callable[[Any], float]) -> list[tuple[Any, Any]]:
    """Return the central differences of a function of the layers."""
    result = []
    for pair in layers:
        slopes = []
        for array in pair:
            slope = np.zeros_like(array)
            for place in np.ndindex(array.shape):
                held = array[place]
                ends = []
                for step in (2.0**-17, -(2.0**-17)):
                    array[place] = held + step
                    ends.append(value(layers))
                array[place] = held
                slope[place] = (ends[0] - ends[1]) * 2.0**16
            slopes.append(slope)
        result.append((slopes[0], slopes[1]))
    return result


HIDDEN = [Sigmoid(), TableSigmoid(), Tanh(), ReLU(), Linear()]
ENDS: list[tuple[Activation, Loss]] = [
    (Sigmoid(), SquaredError()),
    (TableSigmoid(), SquaredError()),
    (Tanh(), SquaredError()),
    (ReLU(), SquaredError()),
    (Linear(), SquaredError()),
    (Sigmoid(), CrossEntropy()),
    (TableSigmoid(), CrossEntropy()),
    (Softmax(), CrossEntropy()),
]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("last, loss", ENDS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda h: type(h).__name__)
def test_gradient_agrees_with_central_differences(
    hidden: Activation, last: Activation, loss: Loss, masked: bool
) -> None:
    """Every weight and bias of three layers, narrow and wide inputs, masks or none.

    The table's sigmoid is within 0.00117 of the logistic function, whose slope it has.
    Softmax is not masked: its slope y - t supposes a row's targets to add up to 1.
    """
    masked = masked and not isinstance(last, Softmax)
    held = inputs(24)
    kinds = [hidden, hidden, last]
    dense = tuple(Dense(n, kind) for n, kind in zip((5, 4, 3), kinds))
    net = plan(held.format, dense, loss, 24)
    material = data(net, held, masked=masked)
    network = Network(NumpyOperations(), net)
    network.parameters.start(11)
    # Biases other than 0, and sums away from the kink of ReLU.
    layers = network.parameters.result()
    random = np.random.default_rng(5)
    for _, biases in layers:
        biases[:] = random.uniform(0.2, 0.5, biases.shape)
    network.parameters.assign(layers)
    tables = Tables.of(network.ops, material)
    met = network.gradient(tables, np.arange(24), Alone())
    x, t = values_of(held), material.targets.values.astype(np.float64)
    mask = material.targets.mask if masked else 1.0

    def total(weights: Any) -> float:
        return float((textbook(weights, kinds, loss, x, t) * mask).sum())

    exact = layers_of(network)
    coarse = any(isinstance(kind, TableSigmoid) for kind in kinds)
    assert float(met.loss) == pytest.approx(total(exact), rel=2e-3 if coarse else 2e-4)
    found, expected = gradients(network), differences(exact, total)
    # As good as the grids: the outputs' 2**-16 and the 11 digits of narrow slopes.
    allowed = 0.02 if coarse else 5e-3
    for ours, theirs in zip(found, expected):
        for a, b in zip(ours, theirs):
            assert np.abs(a - b).max() <= allowed * max(0.1, np.abs(b).max())


def test_a_masked_output_does_not_count() -> None:
    """Neither its target nor the loss; other masks give another gradient."""
    net, material = small(masked=True)
    network = Network(NumpyOperations(), net)
    network.parameters.start(1)
    mask = material.targets.mask
    assert mask is not None
    results = []
    for filling in (0.0, 1.0):
        tables = Tables.of(network.ops, material)
        tables.targets[mask == 0] = filling
        met = network.gradient(tables, np.arange(32), Alone())
        results.append((met.loss, network.parameters.gradient.tobytes()))
        tables.targets[:] = material.targets.values
    assert results[0] == results[1]
