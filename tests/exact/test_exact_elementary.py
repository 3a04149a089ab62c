# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""exp, log and 1/sqrt keep to the errors and ranges that their docstrings state."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any, Callable

import numpy as np
import pytest
from dh_aibootstrap.exact import elementary
from dh_aibootstrap.exact.backend.numpy_backend import NumpyOperations

EXACT = Context(prec=30)
# The docstrings' bounds.
EXP_ERROR, EXP_RANGE = 5e-6, 16.0
LOG_ERROR = 2e-7
ROOT_ERROR, ROOT_FROM, ROOT_TO = 5e-6, 1e-30, 1e30


def applied(function: Callable[..., None], x: Any) -> Any:
    """Return the function of binary32 numbers, in binary64."""
    values = np.array(x, np.float32)
    y, work = np.empty_like(values), np.empty_like(values)
    function(NumpyOperations(), values, y, work)
    return y.astype(np.float64)


def neighbours(values: Any) -> Any:
    """Return binary32 numbers and the next ones on both sides of each."""
    x = np.array(values, np.float32)
    infinity = np.float32(np.inf)
    return np.concatenate([np.nextafter(x, -infinity), x, np.nextafter(x, infinity)])


def exp_points() -> Any:
    """Return both edges, the points where k changes, tiny numbers, and 400,000 more."""
    halves = (np.arange(-46, 46) + 0.5) * np.log(2.0) / 2
    inside = np.clip(neighbours([*halves, 0, 1, -1, 2e-38]), -EXP_RANGE, EXP_RANGE)
    edges = [-EXP_RANGE, EXP_RANGE, 1.4e-45, -1.4e-45]
    many = np.random.default_rng(1).uniform(-EXP_RANGE, EXP_RANGE, 200000)
    dense = np.linspace(-0.3466, 0.3466, 200001)
    return np.concatenate([inside, edges, many, dense]).astype(np.float32)


def log_points() -> Any:
    """Return powers of two, where k changes, the smallest and largest, and more."""
    powers = 2.0 ** np.arange(-125, 127)
    inside = neighbours([*powers, *(powers * 0.5**0.5), 1.0])
    edges = np.array([2.0**-126, np.finfo(np.float32).max])
    many = 2 ** np.random.default_rng(2).uniform(-126, 127.99, 200000)
    near = 1 + np.random.default_rng(3).uniform(-0.3, 0.5, 200000)
    return np.concatenate([inside, edges, many, near]).astype(np.float32)


def root_points() -> Any:
    """Return both ends, powers of two, two binades densely, and all magnitudes."""
    powers = neighbours(2.0 ** np.arange(-99, 99))
    ends = [np.nextafter(np.float32(ROOT_FROM), np.float32(1)), ROOT_TO]
    dense = np.linspace(1, 4, 400001)
    many = 10 ** np.random.default_rng(4).uniform(-29.9, 29.9, 200000)
    return np.concatenate([powers, ends, dense, many]).astype(np.float32)


def test_exp_error_is_below_what_it_states() -> None:
    """Relative, and not half as small: the statement says something."""
    x = exp_points()
    error = np.abs(applied(elementary.exp, x) / np.exp(x.astype(np.float64)) - 1)
    assert EXP_ERROR / 4 < error.max() < EXP_ERROR


def test_exp_of_zero_is_one() -> None:
    """Softmax's row sum is at least 1 because of that."""
    assert applied(elementary.exp, [0.0, -0.0]).tolist() == [1.0, 1.0]


def test_log_error_is_below_what_it_states() -> None:
    """Absolute up to |log x| = 1, relative beyond."""
    x = log_points()
    exact = np.log(x.astype(np.float64))
    error = np.abs(applied(elementary.log, x) - exact) / np.maximum(1, np.abs(exact))
    assert LOG_ERROR / 8 < error.max() < LOG_ERROR


def test_log_of_one_is_zero() -> None:
    """A certain output costs nothing."""
    assert applied(elementary.log, [1.0]).tolist() == [0.0]


def test_reciprocal_root_error_is_below_what_it_states() -> None:
    """Relative, from one end of its range to the other; x comes back halved."""
    x = root_points()
    exact = x.astype(np.float64) ** -0.5
    error = np.abs(applied(elementary.reciprocal_root, x) / exact - 1)
    assert ROOT_ERROR / 4 < error.max() < ROOT_ERROR
    values = x.copy()
    y, work = np.empty_like(x), np.empty_like(x)
    elementary.reciprocal_root(NumpyOperations(), values, y, work)
    assert (values == x / 2).all()


@pytest.mark.parametrize(
    "function, exact, points, bound",
    [
        (elementary.exp, EXACT.exp, exp_points, EXP_ERROR),
        (elementary.log, EXACT.ln, log_points, LOG_ERROR),
        (
            elementary.reciprocal_root,
            lambda x: EXACT.divide(Decimal(1), EXACT.sqrt(x)),
            root_points,
            ROOT_ERROR,
        ),
    ],
)
def test_decimal_says_the_same(
    function: Callable[..., None],
    exact: Callable[[Decimal], Decimal],
    points: Callable[[], Any],
    bound: float,
) -> None:
    """At some hundred points by thirty digits: no libm has a say."""
    x = points()[::997]
    for value, found in zip(x, applied(function, x)):
        truth = exact(Decimal(float(value)))
        scale = max(Decimal(1), abs(truth)) if function is elementary.log else truth
        assert abs(Decimal(float(found)) - truth) <= Decimal(bound) * abs(scale)


def test_scratch_may_hold_anything() -> None:
    """What was in the scratch before does not show."""
    for function, points in (
        (elementary.exp, exp_points),
        (elementary.log, log_points),
        (elementary.reciprocal_root, root_points),
    ):
        x = points()[::101]
        results = []
        for filling in (0.0, np.nan, -np.inf):
            y, work = (np.full_like(x, filling) for _ in range(2))
            function(NumpyOperations(), x.copy(), y, work)
            results.append(y.tobytes())
        assert len(set(results)) == 1
