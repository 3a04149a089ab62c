# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How dh_aibootstrap.exact holds the inputs of each net, and its layers.

Nearly all inputs are halves (inputs.py): they go through one product in binary32. The
50 others of contact and crashed, and two of races, are ratios; they are rounded to
2**-12 and go through binary64.
"""

from __future__ import annotations

import numpy as np

from dh_aibootstrap.exact.activations import TableSigmoid
from dh_aibootstrap.exact.data import Block, InputFormat, Inputs
from dh_aibootstrap.exact.grid import Grid
from dh_aibootstrap.exact.losses import CrossEntropy
from dh_aibootstrap.exact.plan import Dense, Plan, plan

from ..inputs import BASE_INPUTS
from ..net import OUTPUTS
from .material import Inputs as Encoded
from .material import fine_columns

# (15 - 3) / 2 men; 24 points and the bars hold no more than 30 of a row's units.
_HALVES, _HALVES_SUM = Grid(1, 6.0), 31.0
_RATIOS, _RATIOS_SUM = Grid(12, 8.0), 64.0
# Pruning nets are small and get weights in the hundreds: all their inputs are wide.
_PRUNING_LARGEST = 256.0


def input_format(inputs: int) -> InputFormat:
    """Return the blocks of a net with so many inputs."""
    columns = np.arange(inputs)
    ratios = columns[fine_columns(inputs)]
    halves = Block(np.setdiff1d(columns, ratios), _HALVES, _HALVES_SUM)
    if inputs == BASE_INPUTS:
        return InputFormat((), halves)
    return InputFormat((halves,), Block(ratios, _RATIOS, _RATIOS_SUM))


def exact_inputs(encoded: Encoded) -> Inputs:
    """Return encoded inputs in the blocks of their net, in steps of their grids."""
    form = input_format(encoded.doubled.shape[1])
    if not form.narrow:
        return Inputs(form, (encoded.doubled,))
    halves = np.ascontiguousarray(encoded.doubled[:, form.narrow[0].columns])
    ratios = np.rint(encoded.fine * np.float32(2**_RATIOS.exponent))
    return Inputs(form, (halves, ratios))


def net_plan(inputs: int, hidden: int, batch: int) -> Plan:
    """Return the formats that a net of this shape is trained in."""
    largest = _PRUNING_LARGEST if inputs == BASE_INPUTS else None
    layers = (
        Dense(hidden, TableSigmoid(), largest=largest),
        Dense(OUTPUTS, TableSigmoid()),
    )
    return plan(input_format(inputs), layers, CrossEntropy(), batch)
