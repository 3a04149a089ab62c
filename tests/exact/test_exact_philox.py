# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Philox4x32-10 gives the published numbers; what is drawn from it is what is said."""

from __future__ import annotations

import numpy as np
import pytest
from dh_aibootstrap.exact import philox

# Random123's kat_vectors, philox 4x32 10: counter, key, expected.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def block(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Return Philox4x32-10 of one counter, by Python's integers."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        left, right = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            right >> 32 ^ c1 ^ k0,
            right & 0xFFFFFFFF,
            left >> 32 ^ c3 ^ k1,
            left & 0xFFFFFFFF,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


@pytest.mark.parametrize("counter, key, expected", KNOWN)
def test_the_tests_own_philox_is_philox(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """Each published vector, so that it can judge the library's."""
    assert block(counter, key) == expected


def test_words_of_nothing_are_the_published_ones() -> None:
    """Counter and key 0: the one vector that the library's interface can express."""
    assert tuple(int(w) for w in philox.words(0, 0, 4)) == KNOWN[0][2]


@pytest.mark.parametrize(
    "seed", [0, 1, 2**32 - 1, 2**32, 2**64 - 1, 0x299F31D0A4093822]
)
@pytest.mark.parametrize("stream", [0, 1000, 2**20 + 7, 2**32 - 1])
def test_words_are_philox_of_place_stream_and_seed(seed: int, stream: int) -> None:
    """Word 4 i + j is word j of block (i, stream, 0, 0); short draws begin alike."""
    found = [int(w) for w in philox.words(seed, stream, 4 * 40 + 3)]
    key = seed & 0xFFFFFFFF, seed >> 32
    expected = [w for i in range(41) for w in block((i, stream, 0, 0), key)]
    assert found == expected[: 4 * 40 + 3]
    assert [int(w) for w in philox.words(seed, stream, 5)] == expected[:5]


def test_only_64_bits_of_a_seed_count() -> None:
    """As the docstring says: both halves are taken modulo 2**32."""
    assert (philox.words(2**64 + 5, 3, 9) == philox.words(5, 3, 9)).all()
    assert (philox.words(-1, 3, 9) == philox.words(2**64 - 1, 3, 9)).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 1000, 65537])
def test_permutation_is_one(count: int) -> None:
    """Each number once; another seed or stream gives another order."""
    order = philox.permutation(3, 2**20, count)
    assert order.dtype == np.intp
    assert sorted(order.tolist()) == list(range(count))
    if count >= 1000:
        assert (order != philox.permutation(4, 2**20, count)).any()
        assert (order != philox.permutation(3, 2**20 + 1, count)).any()
        assert (order == philox.permutation(3, 2**20, count)).all()


def test_every_order_of_four_is_equally_likely() -> None:
    """24 orders of 4 in 6,000 draws: none is far from 250 (six deviations: 93)."""
    seen: dict[tuple[int, ...], int] = {}
    for stream in range(6000):
        order = tuple(philox.permutation(1, stream, 4).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 24
    assert max(abs(n - 250) for n in seen.values()) < 93


def test_uniform_is_whole_steps_from_minus_one_to_below_one() -> None:
    """Multiples of 2**-23, both ends nearly reached, mean and variance as due."""
    drawn = philox.uniform(5, 1000, 200000)
    assert drawn.dtype == np.float32
    values = drawn.astype(np.float64)
    steps = values * 2**23
    assert (steps == np.rint(steps)).all()
    assert -1 <= values.min() < -0.9999 and 0.9999 < values.max() < 1
    assert abs(values.mean()) < 6 * 3**-0.5 / 200000**0.5
    assert abs((values**2).mean() - 1 / 3) < 0.005
    expected = (philox.words(5, 1000, 200000) >> np.uint64(8)).astype(
        np.int64
    ) - 2**23
    assert (steps == expected).all()
