# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rates are exact fractions: their values, their ends, how near a cosine they are."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from dh_aibootstrap.exact.schedules import Constant, Linear, Schedule, Smooth, Steps

RATE = Fraction(3, 100)


def rates(schedule: Schedule, steps: int) -> list[Fraction]:
    """Return the rate of every step."""
    return [schedule.rate(step, steps) for step in range(steps)]


def test_constant_is_constant() -> None:
    """One rate throughout."""
    assert rates(Constant(RATE), 5) == [RATE] * 5


def test_steps_fall_after_every_so_many() -> None:
    """The first `every` steps have the whole rate."""
    half = Fraction(1, 2)
    assert rates(Steps(RATE, 3, half), 8) == [
        *[RATE] * 3,
        *[RATE / 2] * 3,
        *[RATE / 4] * 2,
    ]


def test_linear_rises_and_falls_in_straight_lines() -> None:
    """The whole rate after warming up; 0 one step after the last."""
    schedule = Linear(RATE, warm_up=4)
    found = rates(schedule, 14)
    assert found[:5] == [RATE * n / 4 for n in (1, 2, 3, 4)] + [RATE]
    assert found[4:] == [RATE * (10 - n) / 10 for n in range(10)]
    assert schedule.rate(14, 14) == 0
    assert rates(Linear(RATE), 3) == [RATE, RATE * 2 / 3, RATE / 3]


def test_smooth_begins_whole_ends_at_nothing_and_is_half_in_the_middle() -> None:
    """1 - 3 x**2 + 2 x**3, exactly."""
    schedule = Smooth(RATE, warm_up=2)
    found = rates(schedule, 12)
    assert found[:3] == [RATE / 2, RATE, RATE]
    assert found[7] == RATE / 2
    assert schedule.rate(12, 12) == 0
    assert all(a > b > 0 for a, b in zip(found[2:], found[3:]))


def test_smooth_is_as_near_half_a_cosine_as_stated() -> None:
    """Within 0.011, and not within 0.009."""
    found = rates(Smooth(Fraction(1)), 1000)
    cosine = [(1 + math.cos(math.pi * n / 1000)) / 2 for n in range(1000)]
    furthest = max(abs(float(f) - c) for f, c in zip(found, cosine))
    assert 0.009 < furthest < 0.011


@pytest.mark.parametrize(
    "schedule", [Constant(RATE), Steps(RATE, 2, RATE), Linear(RATE, 9), Smooth(RATE, 9)]
)
def test_a_training_shorter_than_its_warm_up_has_rates(schedule: Schedule) -> None:
    """Positive and at most the rate; a step alone too."""
    for steps in (1, 2, 9, 10):
        assert all(0 < rate <= RATE for rate in rates(schedule, steps))
