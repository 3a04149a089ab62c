# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The theorem is true and tight: at p digits every order is exact, two more are not."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Iterator

import numpy as np
import pytest
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.grid import DOUBLE, SINGLE, Grid, Sum, digits, rounding

TERMS = 64
TYPES = {SINGLE: np.float32, DOUBLE: np.float64}


def operands(precision: int, spare: int, seed: int) -> tuple[Any, Any]:
    """Return integer matrices whose sums are near 2**(precision + spare), and odd."""
    random = np.random.default_rng(seed)
    both = precision + spare - 6
    left = both // 2
    a = random.integers(2**left * 7 // 8, 2**left, (19, TERMS), endpoint=True)
    b = random.integers(2 ** (both - left) * 7 // 8, 2 ** (both - left), (TERMS, 23))
    signs = random.choice((-1, 1), (19, 1))
    return a * signs, b


def orders(a: Any, b: Any, seed: int) -> Iterator[Any]:
    """Yield the product with its terms added in many ways."""
    random = np.random.default_rng(seed)
    yield a @ b
    yield np.asfortranarray(a) @ b
    yield a @ np.asfortranarray(b)
    yield (b.T @ a.T).T
    for _ in range(3):
        order = random.permutation(TERMS)
        yield a[:, order] @ b[order]
    for cut in (1, 31, 63):
        yield a[:, :cut] @ b[:cut] + a[:, cut:] @ b[cut:]
    tiles = [a[:, k : k + 8] @ b[k : k + 8] for k in range(0, TERMS, 8)]
    total = tiles[-1]
    for tile in reversed(tiles[:-1]):
        total = total + tile
    yield total
    pairs = [a[:, k : k + 1] * b[k] for k in range(TERMS)]
    while len(pairs) > 1:
        pairs = [x + y for x, y in zip(pairs[::2], pairs[1::2])]
    yield pairs[0]
    yield np.einsum("ik,kj->ij", a, b)


def wrong(precision: int, spare: int) -> int:
    """Return how many entries of all orders differ from Python's integers."""
    found = 0
    for seed in range(3):
        a, b = operands(precision, spare, seed)
        expected = a.astype(object) @ b.astype(object)
        # The claim's S, and that it is nearly reached.
        most = int((abs(a).astype(object) @ abs(b).astype(object)).max())
        assert 2 ** (precision + spare - 1) < most <= 2 ** (precision + spare)
        kind = TYPES[precision]
        for product in orders(a.astype(kind), b.astype(kind), seed):
            assert product.dtype == kind
            found += sum(int(f) != e for f, e in zip(product.ravel(), expected.ravel()))
    return found


@pytest.mark.parametrize("precision", [SINGLE, DOUBLE])
def test_every_order_is_exact_at_the_digits_claimed(precision: int) -> None:
    """Permuted, split, tiled, in pairs, by any BLAS kernel, by rows or by columns."""
    assert wrong(precision, 0) == 0


@pytest.mark.parametrize("precision", [SINGLE, DOUBLE])
def test_two_digits_more_are_too_many(precision: int) -> None:
    """The bound is not loose: most entries are wrong beyond it."""
    assert wrong(precision, 2) > 5000


@pytest.mark.parametrize("precision", [SINGLE, DOUBLE])
def test_a_sum_of_exactly_two_to_the_p_is_exact(precision: int) -> None:
    """The largest S that is allowed is itself a number of the format."""
    both = precision - 6
    kind = TYPES[precision]
    a = np.full((3, TERMS), 2 ** (both // 2), kind)
    b = np.full((TERMS, 5), 2 ** (both - both // 2), kind)
    assert {int(v) for v in (a @ b).ravel()} == {2**precision}
    a[:, 0] = 1
    b[0] = 1
    expected = (TERMS - 1) * 2**both + 1
    assert {int(v) for v in (a @ b).ravel()} == {expected}


def nearest(values: Any, exponent: int) -> list[Fraction]:
    """Return the nearest multiples of 2**-exponent, ties to even, by fractions."""
    step = Fraction(2) ** -exponent
    return [round(Fraction(float(v)) / step) * step for v in values]


@pytest.mark.parametrize("exponent", [-3, 0, 10, 16, 24, 60, 82])
def test_magic_rounds_to_nearest_even_up_to_the_edge(exponent: int) -> None:
    """All |x| <= 2**(22 - exponent): random, ties, both edges, zeros, tiny ones."""
    random = np.random.default_rng(exponent + 3)
    largest = 2.0 ** (22 - exponent)
    step = 2.0**-exponent
    spread = largest * 2.0 ** -random.uniform(0, 30, 4000)
    ties = (random.integers(-(2**21), 2**21, 4000) + 0.5) * step
    edges = np.array([largest, -largest, 0.0, -0.0, step / 2, -step / 2, 1.5 * step])
    x = np.concatenate([spread, -spread, ties, edges]).astype(np.float32)
    x = np.concatenate([x, np.nextafter(x[-7:-5], np.float32(0))])
    grid = Grid(exponent, largest)
    magic = grid.magic
    assert float(np.float32(magic)) == magic == rounding(exponent)
    y = (x + np.float32(magic)) - np.float32(magic)
    assert y.dtype == np.float32
    assert [Fraction(float(v)) for v in y] == nearest(x, exponent)
    assert not np.signbit(y[y == 0]).any()


def test_magic_fails_one_step_beyond_the_edge() -> None:
    """2**22 + 1 steps would not come out: the bound of magic is tight."""
    magic = np.float32(rounding(0))
    assert (np.float32(2**22) + magic) - magic == 2**22
    assert (np.float32(2**22 + 1) + magic) - magic != 2**22 + 1


def test_grid_beyond_what_rounding_reaches_is_refused() -> None:
    """The message names the grid, what it needs and what there is."""
    assert Grid(16, 64.0).steps == 2**22
    assert Grid(16, 64.0).magic == 192.0
    with pytest.raises(ExactError) as caught:
        Grid(16, 65.0).magic
    assert str(caught.value) == (
        "a grid of 2**-16 up to 65 has 2**23 steps, rounding reaches 2**22; make it "
        "coarser"
    )


def test_digits_is_the_least_exponent() -> None:
    """digits(s) is the least p with s <= 2**p."""
    for steps, expected in ((1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (2**53, 53)):
        assert digits(Fraction(steps)) == expected
    assert digits(Fraction(2**53) + Fraction(1, 7)) == 54
    assert digits(Fraction(1, 2)) == 0


def test_sum_is_refused_one_step_beyond_its_digits() -> None:
    """2**24 steps pass, 2**24 + 1 do not."""
    Sum("layer 1", Fraction(2**24), SINGLE, "mend").require()
    with pytest.raises(ExactError) as caught:
        Sum("layer 1, forward", Fraction(2**24 + 1), SINGLE, "take less").require()
    assert str(caught.value) == (
        "layer 1, forward: sums need 25 binary digits, the format has 24; take less"
    )
