# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one stage of the pipeline, or find that it has run."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Mapping

from ..accept import parse_metrics
from ..digest import sha256_file, sha256_tree
from ..errors import Error, MissingError
from ..layout import MANIFEST
from ..manifest.links import PLACEHOLDER
from ..manifest.model import Manifest, Scalar, Stage
from ..plan import Recipe
from ..programs import last_words
from . import sandbox
from .launch import Ended, launch
from .resources import check_room
from .shelf import Output, Report, Shelf

METRICS_LIMIT = 1 << 20  # bytes


@dataclass(frozen=True)
class Bench:
    """Where a stage works: its scratch, its checkpoints, its log and the shelf."""

    shelf: Shelf
    work: Path
    checkpoints: Path
    log: Path

    @property
    def out(self) -> Path:
        """The folder that the stage leaves its outputs in."""
        return self.work / "out"

    @property
    def attempts(self) -> Path:
        """The file that counts the attempts."""
        return self.checkpoints.with_name(self.checkpoints.name + ".attempts")

    def clear(self) -> None:
        """Remove what only a stage that has not finished needs."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        self.attempts.unlink(missing_ok=True)


def run_stage(
    manifest: Manifest,
    stage: Stage,
    recipe: Recipe,
    inputs: Mapping[str, str],
    bench: Bench,
    outside: Mapping[str, str],
    copy_to: IO[bytes] | None,
) -> Report:
    """Run a stage and return its report; its outputs are then on the shelf.

    `inputs` has the folder of each dataset and stage that it needs. An attempt that
    was cut short leaves its checkpoints, and the next attempt finds them. Raises
    Error or MissingError that name the line of the manifest.
    """
    where = f"stages.{stage.name}"
    try:
        report = _attempt(stage, recipe, inputs, bench, outside, copy_to)
    except Error as error:
        message = f"{MANIFEST}:{manifest.line(where)}: {where}: {error}"
        raise type(error)(message) from None
    bench.shelf.put(report, bench.out)
    bench.clear()
    return report


def _attempt(
    stage: Stage,
    recipe: Recipe,
    inputs: Mapping[str, str],
    bench: Bench,
    outside: Mapping[str, str],
    copy_to: IO[bytes] | None,
) -> Report:
    attempt = _prepare(bench)
    check_room(stage.resources, bench.work)
    limit = stage.resources.time
    surroundings = sandbox.Surroundings(
        work=bench.work,
        checkpoints=bench.checkpoints,
        attempt=attempt,
        deadline=None if limit is None else int(time.time()) + limit,
        seed=recipe.seeds[stage.name],
        cpus=sandbox.cpus_of(stage.resources.cpus),
        parameters=recipe.parameters,
    )
    known = {**inputs, "out": str(bench.out), **_texts(recipe.parameters)}
    declared = [(name, fill(text, known)) for name, text in stage.environment]
    environment = sandbox.environment(surroundings, declared, outside)
    words = [fill(word, known) for word in stage.command]
    if shutil.which(words[0], path=sandbox.PATH) is None:
        raise MissingError(
            f"{words[0]}: no such program in {sandbox.PATH}; is its package in"
            " Build-Depends under the profile?"
        )
    found = _found(bench.checkpoints)
    command, isolated = sandbox.without_network(words)
    folder = bench.work / "folder"
    ended = launch(command, folder, environment, bench.log, limit, copy_to)
    _check_end(stage, ended, bench.log)
    return Report(
        stage=stage.name,
        key=recipe.keys[stage.name],
        outputs=tuple(_output(bench.out, name) for name in _wanted(stage)),
        metrics=_metrics(bench.out, stage.metrics),
        attempts=attempt,
        seconds=ended.seconds,
        peak=ended.peak,
        isolated=isolated,
        hardware=sandbox.hardware(outside),
        threads=surroundings.cpus,
        checkpoints=found,
        blas=sandbox.system_blas(),
    )


def _found(checkpoints: Path) -> str:
    """Return the digest of the checkpoints that an attempt finds, or 'none'."""
    if not any(checkpoints.iterdir()):
        return "none"
    try:
        return sha256_tree(checkpoints)
    except ValueError:  # a socket, say: it is there, and has no digest
        return "odd"


def _prepare(bench: Bench) -> int:
    """Make fresh working folders; return the number of this attempt."""
    shutil.rmtree(bench.work, ignore_errors=True)
    for folder in (bench.out, bench.work / "home", bench.work / "tmp"):
        folder.mkdir(parents=True)
    (bench.work / "folder").mkdir()
    bench.checkpoints.mkdir(parents=True, exist_ok=True)
    bench.log.parent.mkdir(parents=True, exist_ok=True)
    attempt = 1
    if bench.attempts.is_file():
        attempt += int(bench.attempts.read_text())
    bench.attempts.write_text(f"{attempt}\n")
    if attempt == 1:
        bench.log.unlink(missing_ok=True)
    return attempt


def _texts(parameters: Mapping[str, Scalar]) -> dict[str, str]:
    """Return parameters as arguments: as JSON has them, texts without quotes."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in parameters.items()
    }


def fill(text: str, known: Mapping[str, str]) -> str:
    """Return `text` with each {name} replaced by its value."""
    return PLACEHOLDER.sub(lambda match: known[match[1]], text)


def _check_end(stage: Stage, ended: Ended, log: Path) -> None:
    if ended.timed_out:
        raise Error(
            f"stopped after its time limit of {stage.resources.time} s; what it kept"
            f" as checkpoints is used by the next run (log: {log})"
        )
    if ended.status < 0:
        raise Error(f"{stage.command[0]} died with signal {-ended.status} (log: {log})")
    if ended.status > 0:
        said = last_words(_tail(log))
        raise Error(
            f"{stage.command[0]} returned exit status {ended.status}{said} (log: {log})"
        )


def _tail(log: Path) -> str:
    with open(log, "rb") as stream:
        stream.seek(max(0, os.path.getsize(log) - 4096))
        text = stream.read().decode("utf-8", "replace")
    return re.sub(r"[^\x20-\x7e\n]", "?", text)


def _wanted(stage: Stage) -> list[str]:
    return sorted({*stage.outputs, *([stage.metrics] if stage.metrics else [])})


def _output(out: Path, name: str) -> Output:
    path = out / name
    if path.is_symlink() or not path.resolve().is_relative_to(out.resolve()):
        raise Error(f"output '{name}' is a symbolic link; write the file itself")
    if not path.is_file():
        left = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
        found = ", ".join(left[:10]) if left else "no file"
        raise Error(f"output '{name}' was not made; {{out}} holds {found}")
    return Output(name, sha256_file(path), path.stat().st_size)


def _metrics(out: Path, name: str | None) -> dict[str, float]:
    if name is None:
        return {}
    path = out / name
    if path.stat().st_size > METRICS_LIMIT:
        raise Error(f"metrics '{name}': larger than {METRICS_LIMIT} bytes")
    try:
        return parse_metrics(path.read_text("utf-8"))
    except ValueError as error:
        raise Error(f"metrics '{name}': {error}") from None
