# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random numbers from a counter: Philox4x32-10, by integer arithmetic alone.

Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
A number depends on its seed, its stream and its place only, so that a resumed run
needs no generator's state, and no library's stream can change under us.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# The paper's multipliers and Weyl constants (table 2 and section 4.3).
_MULTIPLY = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ROUNDS = 10


def words(seed: int, stream: int, count: int) -> Words:
    """Return `count` random 32-bit words, as uint64, of this seed and stream.

    Word 4 i + j is word j of the block with counter (i, stream, 0, 0) and the key
    (seed mod 2**32, seed / 2**32 mod 2**32).
    """
    blocks = -(-count // 4)
    zero = np.zeros(blocks, np.uint64)
    c0, c1, c2, c3 = (
        np.arange(blocks, dtype=np.uint64),
        zero + np.uint64(stream),
        zero,
        zero,
    )
    k0, k1 = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32 & 0xFFFFFFFF)
    for _ in range(_ROUNDS):
        left, right = c0 * _MULTIPLY[0], c2 * _MULTIPLY[1]
        c0, c1 = (right >> _HALF) ^ c1 ^ k0, right & _LOW
        c2, c3 = (left >> _HALF) ^ c3 ^ k1, left & _LOW
        k0, k1 = k0 + _WEYL[0] & _LOW, k1 + _WEYL[1] & _LOW
    result: Words = np.stack([c0, c1, c2, c3], axis=1).reshape(-1)[:count]
    return result


def permutation(seed: int, stream: int, count: int) -> npt.NDArray[np.intp]:
    """Return 0 .. count - 1 in random order, for counts below 2**32.

    Each number is put below random bits, 64 together, and the sums are sorted: no two
    are equal, so that every way of sorting gives the same order.
    """
    bits = np.uint64(max(count - 1, 1).bit_length())
    pairs = words(seed, stream, 2 * count).reshape(count, 2)
    keys = (pairs[:, 0] << _HALF | pairs[:, 1]) << bits
    keys |= np.arange(count, dtype=np.uint64)
    keys.sort()
    keys &= (np.uint64(1) << bits) - np.uint64(1)
    return keys.astype(np.intp)


def uniform(seed: int, stream: int, count: int) -> npt.NDArray[np.float32]:
    """Return multiples of 2**-23 in [-1, 1), float32, all equally likely."""
    integers = (words(seed, stream, count) >> np.uint64(8)).astype(np.int32) - (1 << 23)
    return integers.astype(np.float32) * np.float32(2.0**-23)
