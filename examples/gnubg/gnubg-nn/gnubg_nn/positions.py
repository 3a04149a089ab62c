# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boards, 10-byte position keys, 20-letter ids and 14-character Position IDs.

A batch of boards is a uint8 array of shape (n, 2, 25). Side 0 is the player who is
not on roll, side 1 the player on roll; each sees the board from its own side:
index 0 is its ace point, 23 the opponent's ace point, 24 the bar.

The key is a row of bits, least significant first: a 1 adds a chequer to the current
point, a 0 goes on to the next of the 50 points (positionid.c:146-195, 371-396).
"""

from __future__ import annotations

import base64
import binascii
from typing import Sequence

import numpy as np
import numpy.typing as npt

from .errors import NNError

Boards = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.uint8]

POINTS = 25
CHEQUERS = 15
KEY_BYTES = 10
KEY_BITS = 8 * KEY_BYTES


def start_position() -> Boards:
    """Return the opening position as a batch of one, shape (1, 2, 25)."""
    board = np.zeros((1, 2, POINTS), np.uint8)
    board[..., [5, 7, 12, 23]] = 5, 3, 5, 2
    return board


def swap_sides(boards: Boards) -> Boards:
    """Return the same positions with the other player on roll."""
    return np.ascontiguousarray(boards[:, ::-1])


def borne_off(boards: Boards) -> npt.NDArray[np.bool_]:
    """Tell for each board which sides have borne off any chequer, (n, 2)."""
    off: npt.NDArray[np.bool_] = boards.sum(axis=2, dtype=np.int64) < CHEQUERS
    return off


def fault(boards: Boards) -> tuple[int, str] | None:
    """Return (index, what is wrong) of the first illegal board, or None.

    Illegal: more than 15 chequers on a side, or both sides on one point.
    """
    counts = boards.sum(axis=2, dtype=np.int64)
    too_many = (counts > CHEQUERS).any(axis=1)
    both = ((boards[:, 0, :24] > 0) & (boards[:, 1, 23::-1] > 0)).any(axis=1)
    bad = np.flatnonzero(too_many | both)
    if not bad.size:
        return None
    index = int(bad[0])
    if too_many[index]:
        return index, f"{int(counts[index].max())} chequers on one side, at most 15"
    return index, "chequers of both sides on one point"


def check_boards(boards: Boards) -> Boards:
    """Return `boards` when all are legal, else raise NNError naming the first."""
    if boards.ndim != 3 or boards.shape[1:] != (2, POINTS):
        raise NNError(f"boards of shape {boards.shape}, expected (n, 2, 25)")
    if boards.dtype != np.uint8:
        raise NNError(f"boards of type {boards.dtype}, expected uint8")
    wrong = fault(boards)
    if wrong:
        raise NNError(f"position {wrong[0]}: {wrong[1]}")
    return boards


def keys_from_boards(boards: Boards) -> Keys:
    """Return the keys, uint8 of shape (n, 10), of legal boards."""
    flat = check_boards(boards).reshape(-1, 2 * POINTS)
    ends = np.cumsum(flat, axis=1, dtype=np.int64) + np.arange(2 * POINTS)
    bits = (np.arange(KEY_BITS) <= ends[:, -1:]).astype(np.uint8)
    np.put_along_axis(bits, ends, 0, axis=1)
    return np.packbits(bits, axis=1, bitorder="little")


def boards_from_keys(keys: Keys) -> Boards:
    """Return the boards, uint8 of shape (n, 2, 25), of keys of shape (n, 10).

    Raises NNError for a key that is not the key of a legal position.
    """
    if keys.ndim != 2 or keys.shape[1] != KEY_BYTES:
        raise NNError(f"keys of shape {keys.shape}, expected (n, 10)")
    bits = np.unpackbits(keys, axis=1, bitorder="little")
    points = np.cumsum(bits ^ 1, axis=1, dtype=np.uint8)
    short = np.flatnonzero(points[:, -1] < 2 * POINTS)
    if short.size:
        found = f"{int(bits[short[0]].sum())} chequers, at most 30"
        raise NNError(f"position {int(short[0])}: {found}")
    rows, columns = np.nonzero(bits)
    where = points[rows, columns].astype(np.int64)
    late = np.flatnonzero(where >= 2 * POINTS)
    if late.size:
        row = int(rows[late[0]])
        raise NNError(f"position {row}: bits set behind the last point of the key")
    size = len(keys) * 2 * POINTS
    counts = np.bincount(rows * 2 * POINTS + where, minlength=size)
    return check_boards(counts.astype(np.uint8).reshape(-1, 2, POINTS))


def keys_from_letters(words: Sequence[bytes]) -> Keys:
    """Return the keys, (n, 10), of words that all are 20 letters A to P."""
    letters = np.frombuffer(b"".join(words), np.uint8) - ord("A")
    pairs = letters.reshape(-1, KEY_BYTES, 2)
    keys: Keys = (pairs[..., 0] << 4 | pairs[..., 1]).astype(np.uint8)
    return keys


def keys_from_ids(ids: Sequence[str]) -> Keys:
    """Return the keys of 20-letter ids (letters A to P, two to a byte)."""
    for index, text in enumerate(ids):
        if len(text) != 2 * KEY_BYTES or not all("A" <= c <= "P" for c in text):
            raise NNError(f"position {index}: {text!r}: expected 20 letters A to P")
    return keys_from_letters([text.encode("ascii") for text in ids])


def ids_from_keys(keys: Keys) -> list[str]:
    """Return the 20-letter ids of keys of shape (n, 10)."""
    letters = np.stack([keys >> 4, keys & 15], axis=2) + ord("A")
    return [row.tobytes().decode("ascii") for row in letters.astype(np.uint8)]


def keys_from_position_ids(ids: Sequence[str]) -> Keys:
    """Return the keys of 14-character base64 Position IDs."""
    rows = []
    for index, text in enumerate(ids):
        try:
            raw = base64.b64decode(text + "==", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(text) != 14 or len(raw) != KEY_BYTES:
            found = f"position {index}: {text!r}"
            raise NNError(f"{found}: expected 14 base64 characters")
        rows.append(np.frombuffer(raw, np.uint8))
    return np.stack(rows) if rows else np.zeros((0, KEY_BYTES), np.uint8)


def position_ids_from_keys(keys: Keys) -> list[str]:
    """Return the 14-character base64 Position IDs of keys of shape (n, 10)."""
    return [base64.b64encode(row.tobytes()).decode("ascii")[:14] for row in keys]
