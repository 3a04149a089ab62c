# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one net learns from, encoded once and held in less than half the memory.

Nearly all inputs are 0, 1 or another small multiple of 1/2: they are kept as bytes,
doubled. The few others are kept as float32. A batch made from the two has the bits
that the encoder gave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..inputs import BASE_INPUTS, CONTACT_INPUTS, RACE_INPUTS
from ..net import Floats
from ..nets import INPUTS_OF_NET
from ..positions import Boards

# Boards encoded at once: the float32 inputs of a piece are soon thrown away.
_PIECE = 16384

# The columns that are not multiples of 1/2, by the number of inputs: both halves of
# contact and crashed inputs, and the two crossovers of a race.
_FINE = {
    BASE_INPUTS: slice(BASE_INPUTS, None, 1),
    CONTACT_INPUTS: slice(BASE_INPUTS, None, 1),
    RACE_INPUTS: slice(RACE_INPUTS // 2 - 1, None, RACE_INPUTS // 2),
}


def fine_columns(inputs: int) -> slice:
    """Return which columns of a net with so many inputs are not multiples of 1/2."""
    return _FINE[inputs]


@dataclass(frozen=True)
class Inputs:
    """The inputs of n positions: doubled (n, inputs), and fine columns as they are."""

    doubled: npt.NDArray[np.uint8]
    fine: Floats

    def __len__(self) -> int:
        return len(self.doubled)

    @property
    def columns(self) -> slice:
        """Return which columns are taken from `fine`."""
        return fine_columns(self.doubled.shape[1])

    def batch(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Return the inputs of these rows, (m, inputs) float32, as encoded."""
        out = self.doubled[rows].astype(np.float32)
        out *= np.float32(0.5)
        out[:, self.columns] = self.fine[rows]
        return out


@dataclass(frozen=True)
class Material:
    """What one net is trained on: inputs, targets (n, 5), and outputs that count."""

    inputs: Inputs
    targets: Floats
    mask: Floats


def in_bytes(values: Floats) -> npt.NDArray[np.uint8]:
    """Return inputs, doubled; ValueError unless all are 0, 1/2, 1, ... 127.5."""
    doubled = values * np.float32(2)
    with np.errstate(invalid="ignore"):
        result = doubled.astype(np.uint8)
    if (result != doubled).any():
        raise ValueError("inputs that are not multiples of 1/2 up to 127.5")
    return result


def encode(net: int, boards: Boards) -> Inputs:
    """Return the inputs of boards for the net with this place in the weights file."""
    encoder = INPUTS_OF_NET[net]
    width = encoder(boards[:0]).shape[1]
    columns = fine_columns(width)
    doubled = np.empty((len(boards), width), np.uint8)
    fine = np.empty((len(boards), len(range(width)[columns])), np.float32)
    for start in range(0, len(boards), _PIECE):
        piece = slice(start, start + _PIECE)
        values = encoder(boards[piece])
        fine[piece] = values[:, columns]
        values[:, columns] = 0
        doubled[piece] = in_bytes(values)
    return Inputs(doubled, fine)
