# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a manifest says, as frozen values without any file behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Union

Scalar = Union[str, int, float, bool]


@dataclass(frozen=True)
class SourcePackageHome:
    """A dataset that is a Debian source package of exactly this version."""

    package: str
    version: str
    sha256: str  # of the .dsc, which holds the digests of the other files


# The path of a dataset that is the source itself.
WHOLE_SOURCE = "."


@dataclass(frozen=True)
class PathHome:
    """A dataset that lies in the source tree itself, at this relative path.

    WHOLE_SOURCE stands for the source without debian/ and what tools keep beside it.
    """

    path: str


Home = Union[SourcePackageHome, PathHome]


@dataclass(frozen=True)
class Dataset:
    """An input of the training: where it lives, under what terms, made from what."""

    name: str
    home: Home
    licence: str
    lineage: str


@dataclass(frozen=True)
class Resources:
    """What a stage may use; None where the manifest sets no limit."""

    cpus: int | None = None
    memory: int | None = None  # bytes
    disk: int | None = None  # bytes
    time: int | None = None  # seconds


@dataclass(frozen=True)
class Stage:
    """One program run of the pipeline, from the datasets and stages it needs."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...]
    outputs: tuple[str, ...]
    metrics: str | None
    environment: tuple[tuple[str, str], ...]
    resources: Resources
    launcher: str


@dataclass(frozen=True)
class Weights:
    """A shipped file: the stage output it is, and the source file it replaces."""

    name: str
    stage: str
    output: str
    replaces: str | None


@dataclass(frozen=True)
class Criterion:
    """A pre-registered condition on one metric, such as `contact.error <= 0.0125`."""

    metric: str
    operator: str  # one of <= < >= > ==
    bound: float
    text: str


@dataclass(frozen=True)
class Manifest:
    """The whole declaration; stages stand in an order in which they can run."""

    retrain: str
    determinism: str
    seed: int | None  # None: derived from the digests of recipe and datasets
    datasets: tuple[Dataset, ...]
    parameters: Mapping[str, Scalar]
    profiles: Mapping[str, Mapping[str, Scalar]]
    stages: tuple[Stage, ...]
    weights: tuple[Weights, ...]
    accept: tuple[Criterion, ...]
    sha256: str  # of the manifest's bytes
    lines: Mapping[str, int] = field(repr=False, compare=False)

    def line(self, where: str) -> int:
        """Return the line of the key path `where`, or of its nearest known parent."""
        while where and where not in self.lines:
            where = where.rpartition(".")[0]
        return self.lines.get(where, 1)
