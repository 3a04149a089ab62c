# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one run, SOURCE_VERSION_ARCH.bootstrapinfo, after deb-buildinfo(5).

The stamp says what the weights are; the record says how this run went: on what
machine, with which packages, how long and how large, and what came of it. It is of
one run, so it differs from run to run; nothing that is shipped depends on it. Every
field is described in bootstrapinfo(5).
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Mapping

from . import paragraph
from .errors import Error
from .stamp import WeightPin, pins

FORMAT = "1"
FIELDS = (
    "Format Source Version Architecture Profile Manifest-Sha256 Recipe-Sha256"
    " Criteria-Sha256 Stamp-Sha256 Accepted Weights-In-Place Acceptance Metrics Weights"
    " Outputs Stages Taints Machine Environment Installed-Build-Depends"
).split()
# What `to_bytes` leaves out where there is nothing to say.
_MAY_LACK = "Acceptance Metrics Outputs Taints Environment".split()
_NEEDED = [name for name in FIELDS if name not in _MAY_LACK]

# How the taint of a run by continuous integration begins.
CI_TAINT = "continuous integration"
STAGE_WORDS = "attempts seconds peak network threads checkpoints blas".split()
_WHOLE = re.compile(r"[0-9]{1,18}")


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
    threads: int = 0  # 0: not known
    checkpoints: str = ""  # none, a digest, or '' where it is not known
    blas: str = ""
    others: tuple[str, ...] = ()  # NAME=VALUE of later versions

    def __str__(self) -> str:
        words = [self.name, self.key, "reused" if self.reused else "run"]
        words += [f"attempts={self.attempts}", f"seconds={self.seconds:.1f}"]
        words += [f"peak={self.peak}", f"network={_NETWORK[self.isolated]}"]
        words += [f"threads={self.threads}"] if self.threads else []
        words += [f"checkpoints={self.checkpoints}"] if self.checkpoints else []
        words += [f"blas={self.blas}"] if self.blas else []
        return " ".join([*words, *self.others])


_NETWORK = {True: "none", False: "open"}


@dataclass(frozen=True)
class Record:
    """The fields of one record; those of a later minor version are in `others`."""

    source: str
    version: str
    architecture: str
    profile: str
    manifest: str
    recipe: str
    criteria: str  # sha256 of the texts of the criteria
    stamp: str  # sha256 of the stamp that this run made
    accepted: bool
    refreshed: str  # changed, unchanged or kept
    acceptance: tuple[str, ...]
    metrics: tuple[tuple[str, float], ...]
    weights: tuple[WeightPin, ...]
    outputs: tuple[str, ...]  # SHA256 SIZE STAGE/NAME
    stages: tuple[StageRun, ...]
    taints: tuple[str, ...]
    hardware: tuple[tuple[str, str], ...]
    machine: Machine
    packages: tuple[str, ...]
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_ci(self) -> bool:
        """Whether the run says that continuous integration did it."""
        return any(taint.startswith(CI_TAINT) for taint in self.taints)


def to_bytes(record: Record) -> bytes:
    """Return the record's file content, the same bytes for the same record."""
    machine = record.machine
    model = paragraph.visible(machine.model)
    fields = {
        "Format": FORMAT,
        "Source": record.source,
        "Version": record.version,
        "Architecture": record.architecture,
        "Profile": record.profile,
        "Manifest-Sha256": record.manifest,
        "Recipe-Sha256": record.recipe,
        "Criteria-Sha256": record.criteria,
        "Stamp-Sha256": record.stamp,
        "Accepted": "yes" if record.accepted else "no",
        "Weights-In-Place": record.refreshed,
        "Acceptance": paragraph.lines(record.acceptance),
        "Metrics": paragraph.lines(f"{n} {v!r}" for n, v in record.metrics),
        "Weights": paragraph.lines(map(str, record.weights)),
        "Outputs": paragraph.lines(record.outputs),
        "Stages": paragraph.lines(map(str, record.stages)),
        "Taints": paragraph.lines(record.taints),
        "Machine": f"{model}; cpus={machine.cpus} memory={machine.memory}",
        "Environment": paragraph.lines(
            f"{name}={paragraph.visible(value)}" for name, value in record.hardware
        ),
        "Installed-Build-Depends": _comma_lines(record.packages),
    }
    return paragraph.write({**fields, **record.others})


def _comma_lines(items: Iterable[str]) -> str:
    return ",".join(paragraph.lines([item]) for item in items)


def from_bytes(data: bytes) -> Record:
    """Return the record in `data`. Raises ValueError with the reason it is none."""
    fields = paragraph.read(data)
    paragraph.check_format(fields, FORMAT, _NEEDED)

    def items(name: str) -> tuple[str, ...]:
        return tuple(paragraph.split(fields.get(name, "")))

    return Record(
        source=fields["Source"],
        version=fields["Version"],
        architecture=fields["Architecture"],
        profile=fields["Profile"],
        manifest=paragraph.digest(fields, "Manifest-Sha256"),
        recipe=paragraph.digest(fields, "Recipe-Sha256"),
        criteria=paragraph.digest(fields, "Criteria-Sha256"),
        stamp=paragraph.digest(fields, "Stamp-Sha256"),
        accepted=_choice(fields, "Accepted", ("no", "yes")) == "yes",
        refreshed=_choice(fields, "Weights-In-Place", ("changed", "unchanged", "kept")),
        acceptance=items("Acceptance"),
        metrics=tuple(_metric(line) for line in items("Metrics")),
        weights=pins("Weights", items("Weights")),
        outputs=items("Outputs"),
        stages=tuple(_stage(line) for line in items("Stages")),
        taints=items("Taints"),
        hardware=tuple(_variable(line) for line in items("Environment")),
        machine=_machine(fields["Machine"]),
        packages=tuple(
            line.removesuffix(",") for line in items("Installed-Build-Depends")
        ),
        others={name: text for name, text in fields.items() if name not in FIELDS},
    )


def _choice(fields: Mapping[str, str], name: str, options: tuple[str, ...]) -> str:
    if fields[name] not in options:
        wanted = ", ".join(options[:-1]) + " or " + options[-1]
        raise ValueError(f"{name}: found '{fields[name]}', not {wanted}")
    return fields[name]


def _metric(line: str) -> tuple[str, float]:
    name, _, value = line.partition(" ")
    try:
        return name, float(value)
    except ValueError:
        raise ValueError(f"Metrics: '{line}' is not NAME NUMBER") from None


def _stage(line: str) -> StageRun:
    head, words = line.split(" ")[:3], line.split(" ")[3:]
    values = dict(word.partition("=")[::2] for word in words)
    given = {name: values.get(name, "0") for name in ("attempts", "peak", "threads")}
    good = (
        len(head) == 3
        and re.fullmatch("[0-9a-f]{64}", head[1])
        and head[2] in ("run", "reused")
        and all("=" in word for word in words)
        and len(values) == len(words)
        and all(name in values for name in STAGE_WORDS[:4])
        and all(map(_WHOLE.fullmatch, given.values()))
        and re.fullmatch(r"[0-9]{1,12}\.[0-9]", values["seconds"])
        and values["network"] in _NETWORK.values()
    )
    if not good:
        raise ValueError(
            f"Stages: '{line}' is not NAME KEY run|reused attempts=N seconds=N.N"
            " peak=N network=none|open"
        )
    return StageRun(
        name=head[0],
        key=head[1],
        reused=head[2] == "reused",
        attempts=int(given["attempts"]),
        seconds=float(values["seconds"]),
        peak=int(given["peak"]),
        isolated=values["network"] == "none",
        threads=int(given["threads"]),
        checkpoints=values.get("checkpoints", ""),
        blas=values.get("blas", ""),
        others=tuple(w for w in words if w.partition("=")[0] not in STAGE_WORDS),
    )


def _variable(line: str) -> tuple[str, str]:
    name, sign, value = line.partition("=")
    if not sign:
        raise ValueError(f"Environment: '{line}' is not NAME=VALUE")
    return name, value


def _machine(text: str) -> Machine:
    match = re.fullmatch(r"(.*); cpus=([0-9]{1,9}) memory=([0-9]{1,18})", text)
    if not match:
        raise ValueError(f"Machine: '{text}' is not MODEL; cpus=N memory=N")
    return Machine(match[1], int(match[2]), int(match[3]))


def parse(data: bytes, name: str) -> Record:
    """Return the record in a file's content. Raises Error that names the file."""
    try:
        return from_bytes(data)
    except ValueError as error:
        raise Error(f"{name}: {error}; take the record as the run left it") from None


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
