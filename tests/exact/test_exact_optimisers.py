# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optimisers do what the papers say, clipping keeps its bound, nothing is subnormal."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from dh_aibootstrap.exact.activations import Linear
from dh_aibootstrap.exact.backend.numpy_backend import NumpyOperations
from dh_aibootstrap.exact.losses import SquaredError
from dh_aibootstrap.exact.optimisers import (
    SGD,
    Adam,
    AdamW,
    Optimiser,
    Step,
    clipped,
    norm,
)
from dh_aibootstrap.exact.parameters import Parameters, nearest_single
from dh_aibootstrap.exact.plan import Dense, plan
from exact_support import inputs

RATE = Fraction(1, 50)
STEPS = 50
NORMAL = 2.0**-126


def parameters(units: int = 5) -> Parameters:
    """Return the weights of a net, as drawn."""
    net = plan(inputs(4).format, (Dense(units, Linear()),), SquaredError(), 8)
    drawn = Parameters(NumpyOperations(), net)
    drawn.start(3)
    return drawn


class Reference:
    """The same optimisers in binary64, as their papers write them."""

    def __init__(self, optimiser: Optimiser, master: Any) -> None:
        self.optimiser = optimiser
        self.w = master.astype(np.float64)
        self.m, self.v = np.zeros_like(self.w), np.zeros_like(self.w)

    def step(self, number: int, rate: float, g: Any) -> None:
        """Make one step."""
        chosen = self.optimiser
        if chosen.decay:
            self.w *= 1 - rate * float(chosen.decay)
        if isinstance(chosen, SGD):
            self.m = float(chosen.momentum) * self.m + g
            self.w -= rate * self.m
            return
        assert isinstance(chosen, Adam)
        b1, b2 = float(chosen.beta1), float(chosen.beta2)
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g * g
        m, v = self.m / (1 - b1**number), self.v / (1 - b2**number)
        self.w -= rate * m / (np.sqrt(v) + chosen.epsilon)


@pytest.mark.parametrize(
    "optimiser",
    [
        SGD(),
        SGD(momentum=Fraction(0)),
        SGD(momentum=Fraction(99, 100), decay=Fraction(1, 10)),
        Adam(),
        Adam(beta1=Fraction(1, 2), beta2=Fraction(9, 10), epsilon=1e-3),
        AdamW(Fraction(1, 10)),
        AdamW(Fraction(2), epsilon=1e-4),
    ],
    ids=repr,
)
def test_fifty_steps_agree_with_the_textbook(optimiser: Optimiser) -> None:
    """Within 1e-5 of the way gone, and binary32's rounding of weights up to 2."""
    held = parameters()
    reference = Reference(optimiser, held.master)
    state = [np.zeros_like(held.master) for _ in optimiser.moments]
    random = np.random.default_rng(1)
    first = held.master.astype(np.float64)
    magnitudes = 10 ** random.uniform(-4, 2, len(held.master))
    gone = np.zeros_like(first)
    for number in range(1, STEPS + 1):
        gradient = random.normal(1, 1, len(held.master)) * magnitudes
        if not isinstance(optimiser, Adam):
            gradient /= 1000
        held.gradient[:] = gradient * 8
        rate = RATE * Fraction(1, 1 + number % 3)
        before = reference.w.copy()
        reference.step(number, float(rate), gradient)
        gone += np.abs(reference.w - before)
        step = Step(number, rate, 0.125)
        optimiser.update(held.ops, held, state, step)
    rounding = STEPS * 2.0**-24 * np.maximum(1, np.abs(first) + gone)
    assert (np.abs(held.master - reference.w) <= 1e-5 * gone + rounding).all()
    assert gone.min() > 1e-8 and gone.max() > 0.01
    moments = [reference.m, reference.v][: len(state)]
    for ours, theirs in zip(state, moments):
        assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()
    assert held.held == 0


def test_decay_alone_shrinks_the_weights() -> None:
    """Without a gradient AdamW's weights become (1 - rate decay)**steps as large."""
    held = parameters()
    state = [np.zeros_like(held.master) for _ in range(2)]
    first = held.master.astype(np.float64)
    for number in range(1, 11):
        AdamW(Fraction(1)).update(held.ops, held, state, Step(number, RATE, 1.0))
    expected = first * 0.98**10
    assert np.abs(held.master - expected).max() <= 11 * 2.0**-24


@pytest.mark.parametrize("optimiser", [SGD(), Adam(), AdamW(Fraction(1, 10))])
def test_moments_are_never_subnormal(optimiser: Optimiser) -> None:
    """Gradients that vanish for ever, that are tiny, that cancel to nothing."""
    held = parameters()
    state = [np.zeros_like(held.master) for _ in optimiser.moments]
    random = np.random.default_rng(2)
    for number in range(1, 1500):
        sizes = 10 ** random.uniform(-45, -20, len(held.master))
        held.gradient[:] = sizes * random.choice((-1, 1), len(sizes))
        held.gradient[::3] = number == 1
        optimiser.update(held.ops, held, state, Step(number, RATE, 0.5))
        for moment in state:
            magnitudes = np.abs(moment)
            assert ((magnitudes == 0) | (magnitudes >= NORMAL)).all()
        assert np.isfinite(held.master).all()


def test_step_does_not_depend_on_how_it_is_cut(monkeypatch: Any) -> None:
    """PIECE numbers at a time, or seven: the same bits."""
    results = []
    for piece in (32768, 7):
        for module in ("optimisers", "parameters"):
            monkeypatch.setattr(f"dh_aibootstrap.exact.{module}.PIECE", piece)
        held = parameters()
        state = [np.zeros_like(held.master) for _ in range(2)]
        held.gradient[:] = np.random.default_rng(3).normal(0, 1, len(held.gradient))
        for number in range(1, 4):
            AdamW(Fraction(1, 10)).update(
                held.ops, held, state, Step(number, RATE, 1.0)
            )
        length = norm(held.ops, held.gradient, 0.5)
        results.append((held.master.tobytes(), state[0].tobytes(), length))
    assert results[0] == results[1]


@pytest.mark.parametrize("count", [1, 3, 1000, 32768, 100001])
@pytest.mark.parametrize("scale", [1.0, 2.0**-9, 0.1])
@pytest.mark.parametrize("size", [1e-20, 1.0, 1e12])
def test_norm_is_as_coarse_as_stated_and_no_more(
    count: int, scale: float, size: float
) -> None:
    """Half a step of 2**-17 of the largest for each number, and binary32's rounding."""
    gradient = np.random.default_rng(count).normal(0, size, count)
    exact = float(np.sqrt((gradient.astype(np.longdouble) ** 2).sum())) * scale
    found = norm(NumpyOperations(), gradient, scale)
    step = 2.0 ** (np.frexp(np.abs(gradient).max())[1] - 17)
    bound = step * count**0.5 / 2 * scale + exact * 2.0**-23
    assert abs(float(found) - exact) <= bound
    order = np.random.default_rng(1).permutation(count)
    assert norm(NumpyOperations(), gradient[order], scale) == found
    assert norm(NumpyOperations(), -gradient[::-1], scale) == found


def test_norm_of_whole_steps_is_the_integer_root() -> None:
    """3, 4 gives 5; of nothing, 0."""
    assert norm(NumpyOperations(), np.array([3.0, -4.0, 0.0]), 1.0) == 5
    assert norm(NumpyOperations(), np.array([3.0, -4.0]), 0.25) == Fraction(5, 4)
    assert norm(NumpyOperations(), np.zeros(9), 1.0) == 0


def test_clipping_leaves_short_gradients_and_shortens_long_ones() -> None:
    """The length afterwards is what was asked for, the direction the same."""
    ops = NumpyOperations()
    gradient = np.array([3.0, -4.0, 12.0])
    assert clipped(ops, gradient, 0.5, 6.5) == 0.5
    assert clipped(ops, gradient, 0.5, 100.0) == 0.5
    scale = clipped(ops, gradient, 0.5, 6.25)
    assert scale == nearest_single(Fraction(625, 1300))
    assert clipped(ops, np.zeros(4), 0.5, 1e-9) == 0.5
    random = np.random.default_rng(6).normal(0, 3, 5000)
    scale = clipped(ops, random, 1 / 128, 0.01)
    length = float(np.sqrt((random**2).sum())) * scale
    assert length == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_nearest_single_is_the_nearest(seed: int) -> None:
    """As numpy rounds, of fractions of all sizes; ties to even; subnormals; zeros."""
    random = np.random.default_rng(seed)
    for _ in range(2000):
        above = int(random.integers(-(2**40), 2**40)) * 3 ** int(
            random.integers(0, 30)
        )
        below = int(random.integers(1, 2**40)) * 7 ** int(random.integers(0, 30))
        value = Fraction(above, below)
        found = nearest_single(value)
        assert float(np.float32(found)) == found
        around = [
            Fraction(float(np.nextafter(np.float32(found), np.float32(side))))
            for side in (-np.inf, np.inf)
        ]
        assert all(abs(value - found) <= abs(value - other) for other in around)
    for value, expected in (
        (Fraction(2**24 + 1), 2.0**24),
        (Fraction(2**24 + 3), 2.0**24 + 4),
        (Fraction(2) ** -149, 2.0**-149),
        (Fraction(2) ** -150, 0.0),
        (Fraction(3, 2) * Fraction(2) ** -149, 2.0**-148),
        (Fraction(0), 0.0),
        (Fraction(10**400, 10**401), float(np.float32(0.1))),
        (Fraction(-(10**400), 10**401), -float(np.float32(0.1))),
    ):
        assert nearest_single(value) == expected
