# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Activations end within half a step of their formulas; what is held is counted."""

from __future__ import annotations

import math
from typing import Any

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
from dh_aibootstrap.exact.errors import ExactError

ALL = [Sigmoid(), TableSigmoid(), Tanh(), ReLU(), Linear(), Softmax()]
# What exp's stated error, 5e-6, can do to a logistic function: a quarter of it.
LOGISTIC = 1.3e-6


def applied(activation: Activation, z: Any) -> tuple[Any, int]:
    """Return the function of binary32 sums, in binary64, and how many were held."""
    sums = np.array(z, np.float32)
    y, a, b = (np.full_like(sums, np.nan) for _ in range(3))
    held = activation.apply(NumpyOperations(), sums, y, (a, b))
    return y.astype(np.float64), held


def sums(spread: float = 20.0) -> Any:
    """Return a matrix of sums: dense, both edges and beyond, zeros of both signs."""
    dense = np.linspace(-spread, spread, 300000)
    near = np.random.default_rng(1).normal(0, 1, 99980)
    edges = [0.0, -0.0, 1e-30, -1e-30, 16, -16, 32, -32, 31.99999, -31.99999]
    far = [9.95, 10.0, 10.05, -10.0, 1e4, -1e4, 2.0**40, -(2.0**40), 100, -100]
    return np.concatenate([dense, near, edges, far]).reshape(-1, 4).astype(np.float32)


def logistic(z: Any) -> Any:
    """Return 1 / (1 + exp(-z)) in binary64."""
    return 1 / (1 + np.exp(-np.clip(z.astype(np.float64), -700, 700)))


@pytest.mark.parametrize("activation", ALL, ids=lambda a: type(a).__name__)
def test_outputs_lie_on_their_grid(activation: Activation) -> None:
    """Whole steps, none beyond the largest, no negative zero; the same every time."""
    y, _ = applied(activation, sums())
    grid = activation.outputs
    steps = y * 2.0**grid.exponent
    assert (steps == np.rint(steps)).all()
    assert np.abs(y).max() <= grid.largest
    assert not np.signbit(y[y == 0]).any()
    assert applied(activation, sums())[0].tobytes() == y.tobytes()


def test_sigmoid_is_the_logistic_function() -> None:
    """Within half a step of 2**-16 and exp's error; nothing is held back."""
    y, held = applied(Sigmoid(), sums())
    assert np.abs(y - logistic(sums())).max() <= 2.0**-17 + LOGISTIC
    assert held == 0
    assert y.min() == 0 and y.max() == 1


def test_tanh_is_tanh() -> None:
    """Within half a step of 2**-15 and exp's error twice."""
    y, held = applied(Tanh(), sums())
    assert np.abs(y - np.tanh(sums().astype(np.float64))).max() <= (
        2.0**-16 + 2 * LOGISTIC
    )
    assert held == 0
    assert y.min() == -1 and y.max() == 1


def gnu_backgammon(x: float) -> float:
    """Return sigmoid(-x) of GNU Backgammon's lib/sigmoid.h, for 1 / (1 + exp(-x))."""
    magnitude = np.float32(abs(x))
    if magnitude < 10:
        x1 = np.float32(10) * magnitude
        i = int(x1)
        e = float(np.float32(math.exp(i / 10) / 10))
        rest = 1 / (1 + e * ((10 - i) + float(x1)))
    else:
        rest = 1 / 19931.370438230298
    return 1 - rest if x >= 0 else rest


def test_table_sigmoid_is_gnu_backgammons() -> None:
    """Within half a step and binary32's rounding; the jumps are where they are."""
    tenths = np.arange(-104, 105).astype(np.float32) / np.float32(10)
    infinity = np.float32(np.inf)
    jumps = [np.nextafter(tenths, -infinity), tenths, np.nextafter(tenths, infinity)]
    z = np.concatenate([*jumps, sums().ravel()[::40]])[None, :]
    y, held = applied(TableSigmoid(), z)
    expected = np.array([gnu_backgammon(float(v)) for v in z[0]])
    assert np.abs(y[0] - expected).max() <= 2.0**-17 + 5e-7
    assert held == 0


def test_table_sigmoid_is_as_near_the_logistic_function_as_stated() -> None:
    """Within 0.00117 and half a step, and not within 0.0011."""
    y, _ = applied(TableSigmoid(), sums())
    assert 0.0011 < np.abs(y - logistic(sums())).max() < 0.00117 + 2.0**-17


@pytest.mark.parametrize("largest", [0.5, 1.0, 32.0, 256.0])
def test_relu_is_the_larger_of_z_and_0_up_to_its_largest(largest: float) -> None:
    """The nearest step exactly, ties to even; what is beyond is counted."""
    z = sums(2 * largest).astype(np.float64)
    y, held = applied(ReLU(largest), z)
    step = 2.0 ** -ReLU(largest).outputs.exponent
    assert step == largest / 2**19
    single = z.astype(np.float32).astype(np.float64)
    assert (y == np.rint(np.clip(single, 0, largest) / step) * step).all()
    assert held == np.count_nonzero(single > largest) > 1000


@pytest.mark.parametrize("largest", [0.5, 1.0, 32.0, 256.0])
def test_linear_is_z_up_to_its_largest_on_both_sides(largest: float) -> None:
    """The nearest step exactly, ties to even; what is beyond is counted."""
    z = sums(2 * largest).astype(np.float64)
    y, held = applied(Linear(largest), z)
    step = 2.0 ** -Linear(largest).outputs.exponent
    assert step == largest / 2**21
    single = z.astype(np.float32).astype(np.float64)
    assert (y == np.rint(np.clip(single, -largest, largest) / step) * step).all()
    assert held == np.count_nonzero(np.abs(single) > largest) > 1000


def test_nothing_is_held_at_the_largest_itself() -> None:
    """The edge is inside."""
    assert applied(ReLU(), [[32.0, -99.0]]) == (pytest.approx(np.array([[32, 0]])), 0)
    assert applied(Linear(), [[32.0, -32.0]])[1] == 0
    assert applied(Linear(), [[np.nextafter(np.float32(32), np.float32(99))]])[1] == 1


@pytest.mark.parametrize("activation", [ReLU, Linear])
@pytest.mark.parametrize("largest", [0.0, -1.0, 3.0, float("nan"), float("inf")])
def test_a_largest_that_is_no_power_of_two_is_refused(
    activation: type[ReLU], largest: float
) -> None:
    """0.1 as a bound would not be a number of binary32."""
    with pytest.raises(ExactError) as caught:
        activation(largest)
    assert str(caught.value) == (
        f"{activation.__name__}: largest is {largest:g}, expected a power of two"
    )


@pytest.mark.parametrize("units", [1, 2, 5, 16, 17, 300])
def test_softmax_is_softmax(units: int) -> None:
    """Within half a step, exp's error and the rounding of each summand."""
    z = np.random.default_rng(units).normal(0, 4, (2000, units))
    z[0], z[1, 0] = 0, 1e6
    z = z.astype(np.float32)
    y, held = applied(Softmax(), z)
    wide = z.astype(np.float64) - z.max(axis=1, keepdims=True)
    expected = np.exp(wide) / np.exp(wide).sum(axis=1, keepdims=True)
    finest = min(20, 24 - (units - 1).bit_length())
    bound = 2.0**-17 + 1.1e-5 + (units + 1) * 2.0 ** -(finest + 1)
    assert np.abs(y - expected).max() <= bound
    assert held == 0


@pytest.mark.parametrize("units", [2, 16, 17, 1000, 5000])
def test_softmax_adds_up_a_row_exactly(units: int) -> None:
    """All exp(0) = 1, the largest row there is: every order gives the same sum."""
    y, _ = applied(Softmax(), np.zeros((3, units)))
    assert (y == np.rint(2.0**16 / units) / 2**16).all()
    z = np.random.default_rng(3).normal(0, 1, (50, units)).astype(np.float32)
    order = np.random.default_rng(4).permutation(units)
    straight, turned = applied(Softmax(), z)[0], applied(Softmax(), z[:, order])[0]
    assert (straight[:, order] == turned).all()


def slope(activation: Activation, y: Any) -> Any:
    """Return the slope at values of the function, in binary64."""
    values = np.array(y, np.float32)
    q, a, b = np.ones_like(values), np.zeros_like(values), np.zeros_like(values)
    activation.slope(NumpyOperations(), values, q, (a, b))
    return q.astype(np.float64)


def test_slopes_are_those_of_the_formulas() -> None:
    """Of all values of the grid, within binary32's rounding; ReLU's and 1 exactly."""
    y = np.arange(2**16 + 1) / 2**16
    for activation in (Sigmoid(), TableSigmoid()):
        assert np.abs(slope(activation, y) - y * (1 - y)).max() < 2.0**-24
    signed = np.arange(-(2**15), 2**15 + 1) / 2**15
    assert np.abs(slope(Tanh(), signed) - (1 - signed**2)).max() < 2.0**-23
    steps = np.array([0, 2.0**-14, 2.0**-13, 1, 31.5, 32])
    assert slope(ReLU(), steps).tolist() == [0, 1, 1, 1, 1, 1]
    assert slope(Linear(), signed).tolist() == [1.0] * len(signed)
