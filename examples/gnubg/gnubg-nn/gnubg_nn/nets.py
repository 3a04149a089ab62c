# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which inputs and which net belong to a class of positions."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import numpy.typing as npt

from .classes import PositionClass
from .inputs import base_inputs, contact_inputs, crashed_inputs, race_inputs
from .net import Floats, Net, forward
from .positions import Boards

# By the order of the weights file.
CLASS_OF_NET = (
    PositionClass.CONTACT,
    PositionClass.RACE,
    PositionClass.CRASHED,
    PositionClass.CONTACT,
    PositionClass.CRASHED,
    PositionClass.RACE,
)
INPUTS_OF_NET = (
    contact_inputs,
    race_inputs,
    crashed_inputs,
    base_inputs,
    base_inputs,
    base_inputs,
)
MAIN_NETS = (0, 1, 2)


def evaluate(
    nets: Sequence[Net], boards: Boards, classes: npt.NDArray[np.uint8]
) -> Floats:
    """Return the raw outputs, (n, 5), of the main net of each board's class.

    Bear-off classes, which gnubg looks up in a database, go to the race net.
    """
    out = np.empty((len(boards), 5), np.float32)
    kinds = np.maximum(classes, PositionClass.RACE)
    for index in MAIN_NETS:
        rows = np.flatnonzero(kinds == CLASS_OF_NET[index])
        for start in range(0, len(rows), 16384):
            part = rows[start : start + 16384]
            out[part] = forward(nets[index], INPUTS_OF_NET[index](boards[part]))
    return out
