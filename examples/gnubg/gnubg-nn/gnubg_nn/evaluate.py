# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures weights on the held-out positions.

    python3 -m gnubg_nn.evaluate WEIGHTS --data DIR --json FILE

For each net: `error`, the rms of the money equity error; `probability_error`, the rms
over the five outputs; `n` positions. Outputs pass through what gnubg does to them
before it uses them (sanity.py); backgammons of races, which gnubg calculates without
the net, are taken as right.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Sequence

import numpy as np
import numpy.typing as npt

from .classes import PositionClass
from .dataset import HELD_OUT_FILE, Dataset, read_dataset
from .errors import NNError, one_line
from .net import Floats, Net, equity, forward
from .nets import CLASS_OF_NET, INPUTS_OF_NET
from .sanity import clamp
from .weights import NETS, read_weights

PROGRAM = "gnubg_nn.evaluate"
Metrics = dict[str, dict[str, float]]

# Nets of equal shape, which only their behaviour tells apart.
TWINS = ((0, 2), (3, 4))


def outputs(net: Net, index: int, data: Dataset, rows: npt.NDArray[np.int64]) -> Floats:
    """Return the outputs (n, 5) gnubg would use of the net for these positions."""
    boards, classes = data.boards[rows], data.classes[rows]
    raw = forward(net, INPUTS_OF_NET[index](boards))
    if not np.isfinite(raw).all():
        raise NNError(f"{NETS[index].name} net: outputs that are not finite")
    found = clamp(raw, boards, classes)
    if CLASS_OF_NET[index] == PositionClass.RACE:
        found[:, [2, 4]] = data.probabilities()[rows][:, [2, 4]]
    return found


def _errors(net: Net, index: int, data: Dataset) -> dict[str, float]:
    rows = np.flatnonzero(data.classes == CLASS_OF_NET[index])
    name = NETS[index].name
    if not rows.size:
        raise NNError(f"{HELD_OUT_FILE}: no position for the {name} net")
    truth = data.probabilities()[rows].astype(np.float64)
    found = outputs(net, index, data, rows).astype(np.float64)
    equities = equity(found) - equity(truth)
    return {
        "n": len(rows),
        "error": round(float(np.sqrt(np.mean(equities**2))), 7),
        "probability_error": round(float(np.sqrt(np.mean((found - truth) ** 2))), 7),
    }


def measure(nets: Sequence[Net], data: Dataset) -> Metrics:
    """Return the figures of the six nets; NNError when two have changed places."""
    found = {
        spec.name: _errors(net, index, data)
        for index, (spec, net) in enumerate(zip(NETS, nets))
    }
    for first, second in TWINS:
        names = NETS[first].name, NETS[second].name
        # Each net fed with the inputs of the other. Both together: an untrained net
        # may do better than the right one in a single place by luck.
        crossed = _errors(nets[second], first, data)["error"]
        crossed += _errors(nets[first], second, data)["error"]
        if crossed < found[names[0]]["error"] + found[names[1]]["error"]:
            what = "does better on the positions of the other"
            raise NNError(f"nets {names[0]} and {names[1]}: each {what}: exchanged?")
    return found


def table(metrics: Metrics) -> str:
    """Return the figures as lines of text."""
    lines = [f"{'net':16} {'n':>6} {'equity error':>13} {'probability error':>18}"]
    for name, row in metrics.items():
        figures = f"{row['error']:13.5f} {row['probability_error']:18.5f}"
        lines.append(f"{name:16} {row['n']:6d} {figures}")
    return "\n".join(lines)


def _write_json(path: Path, metrics: Metrics) -> None:
    beside = path.with_name(path.name + ".new")
    text = json.dumps(metrics, indent=1, allow_nan=False)
    beside.write_text(text + "\n", encoding="ascii")
    os.replace(beside, path)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog=PROGRAM, allow_abbrev=False)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--json", type=Path, help="where the figures go")
    given = parser.parse_args(arguments)
    try:
        nets = read_weights(given.weights)
        metrics = measure(nets, read_dataset(given.data / HELD_OUT_FILE))
        if given.json:
            _write_json(given.json, metrics)
    except (NNError, OSError) as error:
        print(one_line(PROGRAM, error), file=sys.stderr)
        return 1
    print(table(metrics))
    return 0


if __name__ == "__main__":
    sys.exit(main())
