# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one run, SOURCE_VERSION_ARCH.bootstrapinfo, after deb-buildinfo(5).

The stamp says what the weights are; the record says how this run went: on what
machine, with which packages, how long and how large, and what came of it. It is of
one run, so it differs from run to run; nothing that is shipped depends on it.
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

from . import paragraph
from .accept import Judgement
from .stamp import WeightPin

FORMAT = "1"


@dataclass(frozen=True)
class Machine:
    """The hardware a run took place on."""

    model: str
    cpus: int
    memory: int  # bytes


@dataclass(frozen=True)
class StageRun:
    """How one stage went, for the record."""

    name: str
    key: str
    reused: bool
    attempts: int
    seconds: float
    peak: int  # bytes
    isolated: bool

    def __str__(self) -> str:
        how = "reused" if self.reused else "run"
        return (
            f"{self.name} {self.key} {how} attempts={self.attempts}"
            f" seconds={self.seconds:.1f} peak={self.peak}"
            f" network={'none' if self.isolated else 'open'}"
        )


@dataclass(frozen=True)
class Record:
    """The fields of one record."""

    source: str
    version: str
    architecture: str
    profile: str
    manifest: str
    recipe: str
    stamp: str  # sha256 of the stamp that this run made
    accepted: bool
    refreshed: str  # changed, unchanged or kept
    judgements: tuple[Judgement, ...]
    metrics: tuple[tuple[str, float], ...]
    weights: tuple[WeightPin, ...]
    stages: tuple[StageRun, ...]
    taints: tuple[str, ...]
    hardware: tuple[tuple[str, str], ...]
    machine: Machine
    packages: tuple[str, ...]


def to_bytes(record: Record) -> bytes:
    """Return the record's file content."""
    machine = record.machine
    return paragraph.write(
        {
            "Format": FORMAT,
            "Source": record.source,
            "Version": record.version,
            "Architecture": record.architecture,
            "Profile": record.profile,
            "Manifest-Sha256": record.manifest,
            "Recipe-Sha256": record.recipe,
            "Stamp-Sha256": record.stamp,
            "Accepted": "yes" if record.accepted else "no",
            "Weights-In-Place": record.refreshed,
            "Acceptance": paragraph.lines(map(str, record.judgements)),
            "Metrics": paragraph.lines(f"{n} {v!r}" for n, v in record.metrics),
            "Weights": paragraph.lines(map(str, record.weights)),
            "Stages": paragraph.lines(map(str, record.stages)),
            "Taints": paragraph.lines(record.taints),
            "Machine": f"{machine.model}; cpus={machine.cpus} memory={machine.memory}",
            "Environment": paragraph.lines(f"{n}={v}" for n, v in record.hardware),
            "Installed-Build-Depends": _comma_lines(record.packages),
        }
    )


def _comma_lines(items: Iterable[str]) -> str:
    return ",".join(paragraph.lines([item]) for item in items)


def file_name(source: str, version: str, architecture: str) -> str:
    """Return the record's name; a version's epoch stays out, as in .buildinfo names."""
    return f"{source}_{version.split(':', 1)[-1]}_{architecture}.bootstrapinfo"


def this_machine() -> Machine:
    """Return what /proc tells of this machine."""
    cpuinfo = _read("/proc/cpuinfo")
    model = re.search(r"^(?:model name|cpu|Hardware)\s*: *(.+)$", cpuinfo, re.MULTILINE)
    total = re.search(r"^MemTotal:\s+([0-9]+) kB", _read("/proc/meminfo"), re.MULTILINE)
    return Machine(
        model=model[1].strip() if model else platform.machine(),
        cpus=os.cpu_count() or 1,
        memory=int(total[1]) << 10 if total else 0,
    )


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""
