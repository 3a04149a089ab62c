# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process of one stack: run the self-test, train, and print what came out as JSON.

    python3 -m support.matrix.child [--backend numpy|torch[,...]] [--threads N]
        [--plain] [--workers] [--out FOLDER]
        [--checkpoint FOLDER [--every STEPS]] CONFIGURATION...

Exit status 0 if it says what happened, also where the self-test refused. With
--workers it is one of torchrun's, and its backend is that of its rank. With
--checkpoint it goes on where it was, and prints `step NAME N` after each step.
"""

from __future__ import annotations

import argparse
import json
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np

from dh_aibootstrap.exact import checkpoint, selftest
from dh_aibootstrap.exact.backend import Operations, choose
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.parallel import Alone, Distributed, Group
from dh_aibootstrap.exact.trainer import Trainer

from . import kernels, plain
from .configurations import CONFIGURATIONS


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="child")
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--workers", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("configurations", nargs="+", choices=list(CONFIGURATIONS))
    return parser.parse_args(given)


def _machine(ops: Operations) -> dict[str, str]:
    """Return what this process computes with."""
    versions = [str(sysconfig.get_config_var("MULTIARCH")), f"numpy {np.__version__}"]
    if ops.name == "numpy":
        return {"versions": " ".join(versions), "kernel": kernels.of_numpy()}
    import torch

    versions[1] = f"torch {torch.__version__}"
    return {"versions": " ".join(versions), "kernel": kernels.of_torch()}


class _Saved:
    """A trainer's checkpoint: read at the beginning, written every few steps."""

    def __init__(self, folder: Path, name: str, trainer: Trainer) -> None:
        self.path, self.name, self.trainer = folder / f"{name}.state", name, trainer
        recipe = trainer.recipe
        arrays = ("master", *recipe.optimiser.moments)
        self.begun = 0
        if self.path.exists():
            count = recipe.plan.parameters
            trainer.resume(checkpoint.load(self.path, name, arrays, count))
            self.begun = trainer.step

    def run(self, every: int, save: bool) -> None:
        """Train to the end, saving every so many steps and at the end."""
        trainer = self.trainer
        while trainer.step < trainer.steps:
            trainer.run(1)
            if save and (trainer.step % every == 0 or trainer.step == trainer.steps):
                checkpoint.save(self.path, trainer.checkpoint(self.name))
            print(f"step {self.name} {trainer.step}", flush=True)


def _train(
    name: str, ops: Operations, group: Group, given: argparse.Namespace
) -> dict[str, Any]:
    """Return the digests of one configuration, and the step it began at."""
    training = CONFIGURATIONS[name].training()
    trainer = Trainer(ops, training.recipe, training.data, group)
    result: dict[str, Any] = {"begun": 0}
    start = trainer.weights()
    if given.checkpoint is None:
        trainer.run()
    else:
        saved = _Saved(given.checkpoint, name, trainer)
        result["begun"] = saved.begun
        saved.run(given.every, group.rank == 0)
    result["exact"] = trainer.digest()
    if given.plain:
        own = plain.Share(group.rank, group.size)
        learnt = plain.train(ops.name, training, start, own)
        result["plain"] = plain.digest(learnt)
    return result


def main(given: list[str]) -> int:
    """Print the answer; return the exit status."""
    arguments = _arguments(given)
    together = Distributed() if arguments.workers else None
    group: Group = together or Alone()
    backends = arguments.backend.split(",")
    ops = choose(backends[group.rank % len(backends)], arguments.threads)
    answer: dict[str, Any] = _machine(ops)
    try:
        selftest.require(ops)
    except ExactError as error:
        answer["refused"] = str(error)
    else:
        answer["trained"] = {
            name: _train(name, ops, group, arguments)
            for name in arguments.configurations
        }
    text = json.dumps(answer)
    if arguments.out is None:
        print(text)
    else:
        (arguments.out / f"{group.rank}.json").write_text(text)
    if together is not None:
        together.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
