# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished stages: outputs kept under the stage's key, checked at every use."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from ..digest import sha256_file, write_atomically


@dataclass(frozen=True)
class Output:
    """One file that a stage left."""

    name: str
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class Report:
    """What is known of a finished stage."""

    stage: str
    key: str
    outputs: tuple[Output, ...]
    metrics: Mapping[str, float]
    attempts: int
    seconds: float  # of the attempt that finished
    peak: int  # resident memory of its largest process, bytes
    isolated: bool  # without network
    hardware: Mapping[str, str]  # variables that chose kernels for the CPU
    # Later than the first caches; '' and 0 where a report of before lacks them.
    threads: int = 0  # as the stage was told; what it did is its own affair
    checkpoints: str = ""  # 'none', or digest of what the last attempt found
    blas: str = ""  # what libblas.so.3 of the system was, or 'none'


@dataclass(frozen=True)
class Shelf:
    """The finished stages of one architecture, a folder for each key."""

    folder: Path

    def outputs(self, key: str) -> Path:
        """Return the folder of a finished stage's outputs."""
        return self.folder / key / "outputs"

    def report(self, key: str) -> Report | None:
        """Return the report of a finished stage whose outputs are intact, or None."""
        try:
            text = (self.folder / key / "report.json").read_text("utf-8")
            report = _from_json(text)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if report.key != key:
            return None
        for output in report.outputs:
            path = self.outputs(key) / output.name
            if not path.is_file() or sha256_file(path) != output.sha256:
                return None
        return report

    def put(self, report: Report, source: Path) -> None:
        """Keep the outputs that lie below `source`, all of them or none."""
        fresh = self.folder / f".{report.key}.{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        for output in report.outputs:
            target = fresh / "outputs" / output.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / output.name, target)
        (fresh / "outputs").mkdir(parents=True, exist_ok=True)
        write_atomically(fresh / "report.json", _to_json(report))
        self.drop(report.key)
        os.rename(fresh, self.folder / report.key)

    def drop(self, key: str) -> None:
        """Forget a finished stage."""
        shutil.rmtree(self.folder / key, ignore_errors=True)


def _to_json(report: Report) -> bytes:
    # JSON has no NaN; a stage may report one, and then no criterion on it is met.
    value = dataclasses.asdict(report)
    value["metrics"] = {name: repr(number) for name, number in report.metrics.items()}
    return json.dumps(value, indent=1, sort_keys=True).encode("utf-8") + b"\n"


def _from_json(text: str) -> Report:
    value = json.loads(text)
    value["outputs"] = tuple(Output(**output) for output in value["outputs"])
    value["metrics"] = {
        name: float(number) for name, number in value["metrics"].items()
    }
    report = Report(**value)
    if not math.isfinite(report.seconds):
        raise ValueError("seconds")
    return report
