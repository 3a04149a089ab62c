# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accepted outputs into place, with their stamp: all of them, or nothing at all."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from . import stamp as stamps
from .accept import Judgement
from .digest import sha256_file, write_atomically
from .errors import Error
from .exchange import exchange_folders
from .layout import WEIGHTS, Layout
from .manifest.model import Dataset, Manifest, SourcePackageHome
from .plan import Recipe
from .stamp import Stamp, WeightPin
from .weights import refusal

# dpkg-source calls a file binary where its first 4096 bytes hold a NUL, and refuses
# it below debian/ unless it is listed (Dpkg/Source/Functions.pm, is_binary).
BINARY_WINDOW = 4096
INCLUDE_BINARIES = Path("debian/source/include-binaries")


@dataclass(frozen=True)
class Made:
    """A weights file that the training made, not yet in place."""

    pin: WeightPin
    path: Path


def make_stamp(
    manifest: Manifest,
    recipe: Recipe,
    source: str,
    made: Sequence[Made],
    judgements: Sequence[Judgement],
) -> Stamp:
    """Return the stamp of these weights."""
    return Stamp(
        source=source,
        manifest=manifest.sha256,
        recipe=recipe.sha256,
        determinism=manifest.determinism,
        parameters=tuple(
            f"{name} {json.dumps(value)}"
            for name, value in sorted(recipe.parameters.items())
        ),
        datasets=tuple(
            f"{dataset.name} {recipe.datasets[dataset.name]} {_home(dataset)}"
            for dataset in manifest.datasets
        ),
        licences=tuple(f"{data.name} {data.licence}" for data in manifest.datasets),
        lineage=tuple(f"{data.name} {data.lineage}" for data in manifest.datasets),
        stages=tuple(
            f"{stage.name} {recipe.keys[stage.name]} {recipe.seeds[stage.name]}"
            for stage in manifest.stages
        ),
        weights=tuple(item.pin for item in made),
        replaces=tuple(
            f"{WEIGHTS / weights.name} {weights.replaces}"
            for weights in manifest.weights
            if weights.replaces is not None
        ),
        acceptance=tuple(str(judgement) for judgement in judgements),
        static_built_using=_static_built_using(manifest),
    )


def _home(dataset: Dataset) -> str:
    if isinstance(dataset.home, SourcePackageHome):
        return f"source-package {dataset.home.package} {dataset.home.version}"
    return f"path {dataset.home.path}"


def _static_built_using(manifest: Manifest) -> str:
    """Return the dataset packages in the form of deb-control(5), Static-Built-Using."""
    homes = [dataset.home for dataset in manifest.datasets]
    packages = {
        f"{home.package} (= {home.version})"
        for home in homes
        if isinstance(home, SourcePackageHome)
    }
    return ", ".join(sorted(packages))


def put_in_place(layout: Layout, made: Sequence[Made], stamp: Stamp) -> bool:
    """Make debian/aibootstrap hold these weights and this stamp; tell if it changed.

    The folder is replaced as a whole and in one step; what else lies in it stays.
    Where nothing differs nothing is touched, not even a time. Raises Error, and puts
    nothing in place, where a file is none that a package should ship.
    """
    _refuse(made)
    data = stamps.to_bytes(stamp)
    changed = not _is_in_place(layout, made, data)
    if changed:
        _replace_folder(layout, made, data)
    _list_binaries(layout.root, made)
    return changed


def _refuse(made: Sequence[Made]) -> None:
    """Raise Error with every file that can do more than hold numbers, and the like."""
    found = [refusal(item.path, item.pin.name) for item in made]
    reasons = [reason for reason in found if reason is not None]
    if reasons:
        raise Error("\n".join([*reasons, f"{WEIGHTS} is left as it was"]))


def _is_in_place(layout: Layout, made: Sequence[Made], data: bytes) -> bool:
    if not layout.stamp.is_file() or layout.stamp.read_bytes() != data:
        return False
    digests = digests_in_place(layout)
    return all(digests.get(item.pin.name) == item.pin.sha256 for item in made)


def digests_in_place(layout: Layout) -> Mapping[str, str]:
    """Return the digest of each file of debian/aibootstrap, by name."""
    if not layout.weights.is_dir():
        return {}
    return {
        path.name: sha256_file(path)
        for path in sorted(layout.weights.iterdir())
        if path.is_file() and not path.is_symlink()
    }


def _replace_folder(layout: Layout, made: Sequence[Made], stamp: bytes) -> None:
    fresh = layout.scratch / "refresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    try:
        if layout.weights.is_dir():
            shutil.copytree(layout.weights, fresh, symlinks=True)
        else:
            fresh.mkdir()
        for name in _former_weights(layout):
            (fresh / name).unlink(missing_ok=True)
        for item in made:
            _write(fresh / item.pin.name, item.path.read_bytes())
            if sha256_file(fresh / item.pin.name) != item.pin.sha256:
                raise Error(f"{item.pin.name} changed while it was copied; run again")
        _write(fresh / "provenance", stamp)
        exchange_folders(fresh, layout.weights)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _former_weights(layout: Layout) -> list[str]:
    """Return the files that the stamp in place calls weights; they are made anew."""
    try:
        former = stamps.load(layout.stamp)
    except Error:
        return []
    return [pin.name for pin in former.weights] if former else []


def _write(path: Path, data: bytes) -> None:
    write_atomically(path, data)
    os.chmod(path, 0o644)


def _list_binaries(root: Path, made: Sequence[Made]) -> None:
    """Add binary weights to debian/source/include-binaries, as dpkg-source asks."""
    listing = root / INCLUDE_BINARIES
    text = listing.read_text("utf-8") if listing.is_file() else ""
    known = text.split("\n")
    new = []
    for item in made:
        with open(item.path, "rb") as stream:
            binary = b"\0" in stream.read(BINARY_WINDOW)
        name = str(WEIGHTS / item.pin.name)
        if binary and name not in known:
            new.append(name)
    if new:
        head = text if not text or text.endswith("\n") else text + "\n"
        listing.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(listing, (head + "\n".join(new) + "\n").encode("utf-8"))
