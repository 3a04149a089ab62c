# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the data files again: self-play, choice of positions, labels by gnubg.

    python3 -m gnubg_nn.generate --out data

needs the package gnubg: its weights play the games, and gnubg itself gives the
probabilities. Both are stated in the header of the files.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .classes import PositionClass, classify
from .dataset import HELD_OUT_FILE, TRAIN_FILE
from .dataset import labels_from_probabilities, write_dataset
from .errors import NNError, one_line
from .label import GNUBG, LABELLER_VERSION, label
from .net import Net
from .nets import evaluate
from .positions import Keys, boards_from_keys
from .sanity import clamp
from .selfplay import Seen, play
from .weights import read_binary

LINEAGE = f"gnubg {LABELLER_VERSION} weights"
LABELLING = "0-ply cubeless"
WEIGHTS = Path("/usr/lib/gnubg/gnubg.wd")
BATCH = 2000
HELD_OUT_SHARE = 10
# Positions by class: training, held-out.
QUOTA = {
    PositionClass.CONTACT: (200_000, 10_000),
    PositionClass.CRASHED: (80_000, 5_000),
    PositionClass.RACE: (70_000, 5_000),
}
# gnubg's vector code takes approximate reciprocals (lib/neuralnetsse.c:211-219).
TOLERANCE = 2e-3


def _unique(
    seen: list[Seen],
) -> tuple[Keys, npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Return keys, classes and whether held out, each position once.

    A tenth of the games is held out; a position that also occurs in another game
    belongs to training alone.
    """
    keys = np.concatenate([part.keys for part in seen])
    classes = np.concatenate([part.classes for part in seen])
    held = np.concatenate([part.games % HELD_OUT_SHARE == 0 for part in seen])
    order = np.lexsort((held, *keys.T[::-1]))
    keys, classes, held = keys[order], classes[order], held[order]
    first = np.ones(len(keys), np.bool_)
    first[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    return keys[first], classes[first], held[first]


def choose(seen: list[Seen], random: np.random.Generator) -> tuple[Keys, Keys]:
    """Return the keys of the training and of the held-out positions."""
    keys, classes, held = _unique(seen)
    parts: tuple[list[Keys], list[Keys]] = ([], [])
    for kind, quota in QUOTA.items():
        for split in (0, 1):
            rows = np.flatnonzero((classes == kind) & (held == bool(split)))
            rows = random.permutation(rows)[: quota[split]]
            parts[split].append(keys[rows])
    return np.concatenate(parts[0]), np.concatenate(parts[1])


def check_labels(nets: list[Net], keys: Keys, labels: npt.NDArray[np.float64]) -> float:
    """Return the greatest difference from our own forward pass, or raise NNError.

    Left out of race positions is what gnubg calculates without the net: backgammons
    and certain results (eval.c:1637-1774, 2022-2103).
    """
    boards = boards_from_keys(keys)
    classes = classify(boards)
    ours = clamp(evaluate(nets, boards, classes), boards, classes)
    difference = np.abs(ours - labels)
    race = classes == PositionClass.RACE
    bounds = np.stack([labels[:, 0], 1 - labels[:, 0]], axis=1)
    certain = (labels < 1e-6) | (labels > 1 - 1e-6)
    certain[:, [1, 3]] |= np.abs(labels[:, [1, 3]] - bounds) < 2e-5
    certain[:, [2, 4]] = True
    difference[race[:, None] & certain] = 0
    row, output = divmod(int(difference.argmax()), difference.shape[1])
    worst = float(difference[row, output])
    if worst > TOLERANCE:
        what = f"gnubg differs by {worst:.5f} from the forward pass"
        raise NNError(f"position {row}: output {output}: {what}")
    return worst


def _gnubg_version() -> str:
    try:
        answer = subprocess.run([GNUBG, "--version"], capture_output=True, text=True)
    except OSError:
        raise NNError("gnubg cannot be started: install the package gnubg") from None
    words = answer.stdout.split()
    return words[2] if len(words) > 2 else ""


def generate(out: Path, games: int, seed: int) -> None:
    """Write both data files into `out`; prints a line for each step."""
    version = _gnubg_version()
    if version != LABELLER_VERSION:
        raise NNError(f"gnubg is version {version!r}: expected {LABELLER_VERSION}")
    nets = read_binary(WEIGHTS)
    random = np.random.Generator(np.random.PCG64(seed))
    seen = []
    for start in range(0, games, BATCH):
        part = play(nets, min(BATCH, games - start), random)
        seen.append(part)
        counts = np.bincount(part.classes, minlength=6)[3:].tolist()
        print(f"games {start} on: race, crashed, contact: {counts}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    for name, keys in zip((TRAIN_FILE, HELD_OUT_FILE), choose(seen, random)):
        values = label(boards_from_keys(keys), 0)
        worst = check_labels(nets, keys, values)
        labels = labels_from_probabilities(values)
        write_dataset(out / name, LINEAGE, LABELLING, keys, labels)
        size = (out / name).stat().st_size
        print(f"{name}: {len(keys)} positions, {size} bytes; to net {worst:.5f}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="gnubg_nn.generate")
    parser.add_argument("--out", type=Path, required=True, help="folder of the data")
    parser.add_argument("--games", type=int, default=14000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        generate(options.out, options.games, options.seed)
    except (NNError, OSError) as error:
        print(one_line(parser.prog, error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
