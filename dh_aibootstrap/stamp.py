# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stamp, debian/aibootstrap/provenance: what the shipped weights were made from.

It holds no time, host or path, so that an unchanged retrain leaves it unchanged.

    Format: 1
    Source: the source package
    Manifest-Sha256: of debian/aibootstrap.yaml at the time of the run
    Recipe-Sha256: of what decides the result, comments and limits left out
    Determinism: bitwise, numeric or statistical, as claimed
    Parameters: NAME VALUE (JSON), one a line
    Datasets: NAME SHA256 HOME, one a line
    Licences: NAME LICENCE, one a line
    Lineage: NAME what the dataset was made from, one a line
    Stages: NAME KEY SEED, one a line; the key identifies command and inputs
    Weights: SHA256 SIZE NAME, one a line
    Replaces: debian/aibootstrap/NAME FILE, one a line: what a build lays over what
    Acceptance: CRITERION: met (VALUE), one a line
    Static-Built-Using: the dataset packages, for the field of that name
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Mapping

from . import paragraph
from .errors import Error
from .layout import STAMP

FORMAT = "1"
FIELDS = (
    "Format Source Manifest-Sha256 Recipe-Sha256 Determinism Parameters Datasets"
    " Licences Lineage Stages Weights Replaces Acceptance Static-Built-Using"
).split()
_NEEDED = "Format Source Manifest-Sha256 Recipe-Sha256 Weights".split()


@dataclass(frozen=True)
class WeightPin:
    """One shipped file as the stamp knows it."""

    name: str
    sha256: str
    size: int

    def __str__(self) -> str:
        return f"{self.sha256} {self.size} {self.name}"


@dataclass(frozen=True)
class Stamp:
    """The fields of a stamp; those of a later minor version are kept in `others`."""

    source: str
    manifest: str
    recipe: str
    determinism: str
    parameters: tuple[str, ...]
    datasets: tuple[str, ...]
    licences: tuple[str, ...]
    lineage: tuple[str, ...]
    stages: tuple[str, ...]
    weights: tuple[WeightPin, ...]
    replaces: tuple[str, ...]
    acceptance: tuple[str, ...]
    static_built_using: str
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def criteria(self) -> tuple[str, ...]:
        """The criteria that the weights were held against, without the outcome."""
        return tuple(line.partition(":")[0] for line in self.acceptance)


def to_bytes(stamp: Stamp) -> bytes:
    """Return the stamp's file content, the same bytes for the same stamp."""
    fields = {
        "Format": FORMAT,
        "Source": stamp.source,
        "Manifest-Sha256": stamp.manifest,
        "Recipe-Sha256": stamp.recipe,
        "Determinism": stamp.determinism,
        "Parameters": paragraph.lines(stamp.parameters),
        "Datasets": paragraph.lines(stamp.datasets),
        "Licences": paragraph.lines(stamp.licences),
        "Lineage": paragraph.lines(stamp.lineage),
        "Stages": paragraph.lines(stamp.stages),
        "Weights": paragraph.lines(map(str, stamp.weights)),
        "Replaces": paragraph.lines(stamp.replaces),
        "Acceptance": paragraph.lines(stamp.acceptance),
        "Static-Built-Using": stamp.static_built_using,
    }
    return paragraph.write({**fields, **stamp.others})


def from_bytes(data: bytes) -> Stamp:
    """Return the stamp in `data`. Raises ValueError with the reason it is none."""
    fields = paragraph.read(data)
    paragraph.check_format(fields, FORMAT, _NEEDED)

    def items(name: str) -> tuple[str, ...]:
        return tuple(paragraph.split(fields.get(name, "")))

    return Stamp(
        source=fields["Source"],
        manifest=paragraph.digest(fields, "Manifest-Sha256"),
        recipe=paragraph.digest(fields, "Recipe-Sha256"),
        determinism=fields.get("Determinism", ""),
        parameters=items("Parameters"),
        datasets=items("Datasets"),
        licences=items("Licences"),
        lineage=items("Lineage"),
        stages=items("Stages"),
        weights=pins("Weights", items("Weights")),
        replaces=items("Replaces"),
        acceptance=items("Acceptance"),
        static_built_using=fields.get("Static-Built-Using", ""),
        others={name: text for name, text in fields.items() if name not in FIELDS},
    )


def pins(field: str, lines: Iterable[str]) -> tuple[WeightPin, ...]:
    """Return the files that a field names, each one once; others raise ValueError."""
    found: dict[str, WeightPin] = {}
    for line in lines:
        match = re.fullmatch(r"([0-9a-f]{64}) ([0-9]{1,18}) ([^/\s.][^/\s]*)", line)
        if not match:
            raise ValueError(f"{field}: '{line}' is not SHA256 SIZE NAME")
        if match[3] in found:
            raise ValueError(f"{field}: '{match[3]}' stands there twice")
        found[match[3]] = WeightPin(match[3], match[1], int(match[2]))
    return tuple(found.values())


def load(path: Path) -> Stamp | None:
    """Return the stamp at `path`, None where there is none.

    Raises Error where it cannot be read as a stamp.
    """
    try:
        return from_bytes(paragraph.load(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Error(
            f"{STAMP}: {error}; make it anew with 'debian/rules bootstrap'"
        ) from None
