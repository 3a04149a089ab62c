# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning rates by step, as exact fractions: no cosine, no power, no rounding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction


class Schedule(ABC):
    """Says how fast to learn."""

    @abstractmethod
    def rate(self, step: int, steps: int) -> Fraction:
        """Return the rate of step 0 .. steps - 1."""


@dataclass(frozen=True)
class Constant(Schedule):
    """One rate throughout."""

    value: Fraction

    def rate(self, step: int, steps: int) -> Fraction:
        """Return the rate."""
        return self.value


@dataclass(frozen=True)
class Steps(Schedule):
    """The rate is multiplied by `factor` after every `every` steps."""

    value: Fraction
    every: int
    factor: Fraction

    def rate(self, step: int, steps: int) -> Fraction:
        """Return the rate."""
        return self.value * self.factor ** (step // self.every)


@dataclass(frozen=True)
class Linear(Schedule):
    """Rises over `warm_up` steps, then falls in a straight line to 0."""

    value: Fraction
    warm_up: int = 0

    def rate(self, step: int, steps: int) -> Fraction:
        """Return the rate."""
        if step < self.warm_up:
            return self.value * Fraction(step + 1, self.warm_up)
        return self.value * (1 - _done(step, steps, self.warm_up))


@dataclass(frozen=True)
class Smooth(Schedule):
    """Rises over `warm_up` steps, then falls as 1 - 3 x**2 + 2 x**3, x from 0 to 1.

    That is within 0.011 of half a cosine, and it is exact.
    """

    value: Fraction
    warm_up: int = 0

    def rate(self, step: int, steps: int) -> Fraction:
        """Return the rate."""
        if step < self.warm_up:
            return self.value * Fraction(step + 1, self.warm_up)
        x = _done(step, steps, self.warm_up)
        return self.value * (1 - x * x * (3 - 2 * x))


def _done(step: int, steps: int, warm_up: int) -> Fraction:
    return Fraction(step - warm_up, max(1, steps - warm_up))
