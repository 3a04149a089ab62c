# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two files of weights against each other, tensor by tensor.

Every sum is rounded once, at its end, so the figures are the same on every machine and
with every Python. Places (ULP) are those of dtypes.ordinals().
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Iterator, Mapping

from .dtypes import OPAQUE, DType, Values, ordinals, values
from .kinds import Weights
from .tensor import Tensor

EQUAL, DIFFERENT, SHAPE, ADDED, REMOVED = (
    "equal",
    "different",
    "shape",
    "added",
    "removed",
)


@dataclass(frozen=True)
class Figures:
    """How two tensors of one shape differ.

    All but the counts is over the pairs of finite numbers, and None where it cannot be
    said. `places` counts those pairs by how many places they are apart: 0, 1, 2 to 3,
    4 to 7 and so on, by the first of each range.
    """

    count: int
    different: int
    non_finite: tuple[int, int]
    maximum: float | None = None
    rms: float | None = None
    relative: float | None = None
    cosine: float | None = None
    places: Mapping[int, int] | None = None


@dataclass(frozen=True)
class Difference:
    """A name, its tensor in the old and in the new file, and what is between them."""

    name: str
    status: str
    old: Tensor | None
    new: Tensor | None
    figures: Figures | None = None


def compare(old: Weights, new: Weights) -> tuple[Difference, ...]:
    """Return a difference for each name, in the order of `old`, then those added."""
    after = {tensor.name: tensor for tensor in new.tensors}
    found = []
    for tensor in old.tensors:
        other = after.pop(tensor.name, None)
        if other is None:
            found.append(Difference(tensor.name, REMOVED, tensor, None))
        else:
            found.append(_between(tensor, other))
    found += [Difference(name, ADDED, None, tensor) for name, tensor in after.items()]
    return tuple(found)


def _between(old: Tensor, new: Tensor) -> Difference:
    alike = old.dtype == new.dtype
    opaque = OPAQUE in (old.dtype.kind, new.dtype.kind)
    shapes = (old.shape, old.fortran) == (new.shape, new.fortran)
    if not shapes or (opaque and not alike):
        return Difference(old.name, SHAPE, old, new)
    tally = _Tally(old.dtype if alike else None)
    for before, after in zip_longest(old.pieces(), new.pieces(), fillvalue=b""):
        tally.add(
            (before, after), (values(old.dtype, before), values(new.dtype, after))
        )
    figures = tally.figures()
    status = EQUAL if alike and not figures.different else DIFFERENT
    return Difference(old.name, status, old, new, figures)


@dataclass
class _Tally:
    """The sums of a comparison; `dtype` is None where the formats differ."""

    dtype: DType | None
    count: int = 0
    different: int = 0
    pairs: int = 0
    non_finite: list[int] = field(default_factory=lambda: [0, 0])
    maximum: float = 0.0
    squares: list[float] = field(default_factory=list)
    olds: list[float] = field(default_factory=list)
    news: list[float] = field(default_factory=list)
    products: list[float] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)

    @property
    def opaque(self) -> bool:
        return self.dtype is not None and self.dtype.kind == OPAQUE

    def add(self, data: tuple[bytes, bytes], pair: tuple[Values, Values]) -> None:
        """Add a piece, given as bytes and as numbers."""
        old, new = pair
        self.count += max(len(old), len(new))
        if self.opaque:
            self.different += sum(map(int.__ne__, *data)) + abs(len(old) - len(new))
            return
        same = self.dtype is not None and data[0] == data[1]
        steps = self._steps(data) if not same else []
        if not same:
            self.different += self._unequal(data, pair)
        finite = [
            math.isfinite(a) and math.isfinite(b) for a, b in zip(old, new, strict=True)
        ]
        if not all(finite):
            self.non_finite[0] += sum(not math.isfinite(value) for value in old)
            self.non_finite[1] += sum(not math.isfinite(value) for value in new)
            old = [value for value, good in zip(old, finite) if good]
            new = [value for value, good in zip(new, finite) if good]
            steps = [step for step, good in zip(steps, finite) if good]
        self.pairs += len(old)
        self._add_sums(old, new, same)
        if same:
            self.places[0] = self.places.get(0, 0) + len(old)
        for step in steps:
            first = 1 << (step.bit_length() - 1) if step else 0
            self.places[first] = self.places.get(first, 0) + 1

    def _steps(self, data: tuple[bytes, bytes]) -> list[int]:
        if self.dtype is None:
            return []
        places = ordinals(self.dtype, data[0]), ordinals(self.dtype, data[1])
        return [abs(a - b) for a, b in zip(*places, strict=True)]

    def _unequal(self, data: tuple[bytes, bytes], pair: tuple[Values, Values]) -> int:
        """Count what differs in its bits, or in its value where the formats differ."""
        if self.dtype is None:
            return sum(a != b and (a == a or b == b) for a, b in zip(*pair))
        size = self.dtype.size
        return sum(
            data[0][at : at + size] != data[1][at : at + size]
            for at in range(0, len(data[0]), size)
        )

    def _add_sums(self, old: Values, new: Values, same: bool) -> None:
        self.olds.append(_sum(float(a) * a for a in old))
        self.news.append(_sum(float(b) * b for b in new) if not same else self.olds[-1])
        if same:
            self.products.append(self.olds[-1])
            return
        self.products.append(_sum(float(a) * b for a, b in zip(old, new)))
        gaps = [abs(float(a) - b) for a, b in zip(old, new)]
        self.squares.append(_sum(gap * gap for gap in gaps))
        self.maximum = max([self.maximum, *gaps])

    def figures(self) -> Figures:
        """Return what came of all pieces."""
        if self.opaque:
            return Figures(self.count, self.different, (0, 0))
        gap, old, new = _sum(self.squares), _sum(self.olds), _sum(self.news)
        both = math.sqrt(old) * math.sqrt(new)
        return Figures(
            count=self.count,
            different=self.different,
            non_finite=(self.non_finite[0], self.non_finite[1]),
            maximum=_said(self.maximum) if self.pairs else None,
            rms=_said(math.sqrt(gap / self.pairs)) if self.pairs else None,
            relative=_said(math.sqrt(gap) / math.sqrt(old)) if old else None,
            cosine=_said(_sum(self.products) / both) if both else None,
            places=dict(sorted(self.places.items())) if self.dtype else None,
        )


def _sum(numbers: Iterator[float] | list[float]) -> float:
    try:
        return math.fsum(numbers)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def _said(number: float) -> float | None:
    return number if math.isfinite(number) else None
