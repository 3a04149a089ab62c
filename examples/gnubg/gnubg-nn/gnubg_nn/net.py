# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One net: its numbers, gnubg's table sigmoid, and the forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

OUTPUTS = 5
# The columns of backgammons won and lost.
BACKGAMMONS = [2, 4]
BETA_HIDDEN = 0.1
BETA_OUTPUT = 1.0


def _exponentials() -> Floats:
    """Return e[k] = exp(k / 10) / 10 for k = 0..99 and e[100] = e[99].

    lib/sigmoid.h:24-126. With |x| held at 10 the last entry gives the constant
    1 / 19931.37 that gnubg returns beyond (lib/sigmoid.h:143-167).
    """
    table = np.exp(np.arange(101) / 10) / 10
    table[100] = table[99]
    result: Floats = table.astype(np.float32)
    return result


SIGMOID_TABLE = _exponentials()


def table_sigmoid(x: Floats, out: Floats | None = None) -> Floats:
    """Return 1 / (1 + exp(-x)) as gnubg does: exp linear between tenths.

    float32 in and out; at most 0.00117 from the logistic, with jumps.
    """
    tenths = np.abs(x)
    tenths *= np.float32(10)
    np.minimum(tenths, np.float32(100), out=tenths)
    # What is not a number stays so; it only must not become an index.
    with np.errstate(invalid="ignore"):
        bins = tenths.astype(np.int32)
    tenths -= bins
    tenths += np.float32(10)
    tenths *= np.take(SIGMOID_TABLE, bins, mode="clip")
    tenths += np.float32(1)
    np.divide(np.float32(1), tenths, out=tenths)
    np.subtract(np.float32(0.5), tenths, out=tenths)
    result = np.copysign(tenths, x, out=out)
    result += np.float32(0.5)
    return result


@dataclass(frozen=True)
class Net:
    """The numbers of one net, all float32.

    hidden_weights (inputs, hidden), output_weights (5, hidden), hidden_bias
    (hidden,), output_bias (5,).
    """

    hidden_weights: Floats
    output_weights: Floats
    hidden_bias: Floats
    output_bias: Floats
    beta_hidden: float = BETA_HIDDEN
    beta_output: float = BETA_OUTPUT

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (inputs, hidden, outputs)."""
        inputs, hidden = self.hidden_weights.shape
        return inputs, hidden, self.output_weights.shape[0]

    def arrays(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the four arrays in the order of the weights file."""
        return (
            self.hidden_weights,
            self.output_weights,
            self.hidden_bias,
            self.output_bias,
        )


def forward(net: Net, inputs: Floats) -> Floats:
    """Return the five probabilities, (n, 5), of inputs (n, net inputs).

    lib/neuralnet.c:89-167: both layers go through the table sigmoid.
    """
    hidden = inputs @ net.hidden_weights
    hidden += net.hidden_bias
    hidden *= np.float32(net.beta_hidden)
    hidden = table_sigmoid(hidden, out=hidden)
    output = hidden @ net.output_weights.T
    output += net.output_bias
    output *= np.float32(net.beta_output)
    return table_sigmoid(output, out=output)


def equity(probabilities: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the cubeless money equity of (n, 5) probabilities (eval.c:2482)."""
    win, gammon, backgammon, lose_gammon, lose_backgammon = probabilities.T
    result: npt.NDArray[Any] = (
        2 * win - 1 + gammon + backgammon - lose_gammon - lose_backgammon
    )
    return result
