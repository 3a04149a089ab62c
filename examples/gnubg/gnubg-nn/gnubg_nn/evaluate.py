# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures weights on held-out positions, in a duel, and on benchmarks of gnubg-nn.

    python3 -m gnubg_nn.evaluate WEIGHTS [--data DIR] [--benchmark FILE ...]
        [--engine DIR] [--against WEIGHTS] [--games N] [--json FILE]

With --data, for each net: `error`, the rms of the money equity error;
`probability_error`, the rms over the five outputs; `n` positions. Outputs pass through
what gnubg does to them before it uses them (sanity.py); backgammons of races, which
gnubg calculates without the net, are taken as right. With --against, `other_error` is
the error of those weights on the same positions, and `duel` what is won of them: `ppg`,
its standard error `error`, and `games`. With --benchmark, what
upstream/scores.py says; with --engine, gnubg itself judges the positions, bear-off
databases and all.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Sequence

import numpy as np
import numpy.typing as npt

from .classes import PositionClass
from .command import UsageError, even, jobs_and_seed, run
from .dataset import HELD_OUT_FILE, Dataset, read_dataset
from .duel import Result, duel, read_nets
from .engine.library import open_engine
from .errors import NNError
from .files import write_json
from .net import BACKGAMMONS, Floats, Net, equity, forward
from .nets import CLASS_OF_NET, INPUTS_OF_NET
from .sanity import clamp
from .upstream import scores
from .upstream.benchmarks import read_benchmarks
from .upstream.scores import Metrics
from .weights import NETS, read_weights
from .workers import Workers

PROGRAM = "gnubg_nn.evaluate"

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
        found[:, BACKGAMMONS] = data.probabilities()[rows][:, BACKGAMMONS]
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
    head = f"{'net':16} {'n':>6} {'equity error':>13} {'probability error':>18}"
    others = any("other_error" in row for row in metrics.values())
    lines = [head + f" {'of the other':>13}" * others]
    for name, row in metrics.items():
        figures = f"{row['error']:13.5f} {row['probability_error']:18.5f}"
        if others:
            figures += f" {row['other_error']:13.5f}"
        lines.append(f"{name:16} {row['n']:6d} {figures}")
    return "\n".join(lines)


def compare(found: Metrics, other: Metrics) -> Metrics:
    """Return the figures of six nets, with the equity errors of six others beside."""
    return {
        name: {**row, "other_error": other[name]["error"]}
        for name, row in found.items()
    }


def _duel(
    given: argparse.Namespace, nets: Sequence[Net], other: Sequence[Net]
) -> Result:
    """Return what the nets win of the other ones, to seven decimals."""
    with Workers(given.engine, given.jobs) as workers:
        result = duel(workers, (nets, other), given.games // 2, given.seed)
    return Result(round(result.ppg, 7), round(result.error, 7), result.games)


def _judge(nets: Sequence[Net], engine: Path | None) -> scores.Judge:
    """Return who judges benchmark positions: the engine of a folder, or the nets."""
    if engine is None:
        return scores.nets_as_judge(nets)
    gnubg = open_engine(engine)
    gnubg.load(nets)
    return scores.engine_as_judge(gnubg)


def _run(given: argparse.Namespace) -> None:
    if not given.data and not given.benchmark:
        raise UsageError("--data or --benchmark: at least one is required")
    if given.against and not given.engine:
        raise UsageError("--against: a duel needs --engine")
    nets = read_weights(given.weights)
    other = given.against and read_nets(given.against)
    data = given.data and read_dataset(given.data / HELD_OUT_FILE)
    benchmark = given.benchmark and read_benchmarks(given.benchmark)
    metrics: Metrics = {}
    tables = []
    if data:
        metrics = measure(nets, data)
        if other:
            metrics = compare(metrics, measure(other, data))
        tables.append(table(metrics))
    if other:
        won = _duel(given, nets, other)
        metrics = {**metrics, "duel": asdict(won)}
        tables.append(f"duel: {won.text()}, {won.games} games")
    if benchmark:
        judge = _judge(nets, given.engine)
        found = scores.measure_benchmark(benchmark, judge)
        metrics = {**metrics, **found}
        tables.append(scores.table(found, judge))
    if given.json:
        write_json(given.json, metrics)
    print("\n\n".join(tables))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, help="folder of the data")
    parser.add_argument("--benchmark", type=Path, nargs="+", help="files of gnubg-nn")
    parser.add_argument("--engine", type=Path, help="folder of build")
    parser.add_argument("--against", type=Path, help="weights to play against")
    parser.add_argument("--games", type=even, default=100_000, help="of the duel")
    parser.add_argument("--json", type=Path, help="where the figures go")
    jobs_and_seed(parser)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return run(PROGRAM, _options, _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
