# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The problems of a manifest that only a look at the source tree shows."""

from __future__ import annotations

from pathlib import Path

from ..errors import Problem
from ..layout import SCRATCH, WEIGHTS, is_inside
from .model import Manifest, PathHome


def check_files(manifest: Manifest, root: Path, file: str) -> list[Problem]:
    """Return a problem for every file that the manifest names and `root` lacks."""
    problems = []
    for dataset in manifest.datasets:
        if isinstance(dataset.home, PathHome) and is_inside(dataset.home.path):
            where = f"datasets.{dataset.name}.path"
            text = _missing_dataset(root, dataset.home.path)
            if text:
                problems.append(Problem(file, manifest.line(where), where, text))
    for weights in manifest.weights:
        if weights.replaces is not None and is_inside(weights.replaces):
            where = f"weights.{weights.name}.replaces"
            text = _not_replaceable(root, weights.replaces)
            if text:
                problems.append(Problem(file, manifest.line(where), where, text))
    return problems


def _missing_dataset(root: Path, path: str) -> str | None:
    found = root / path
    if SCRATCH.is_relative_to(path) or WEIGHTS.is_relative_to(path):
        return f"'{path}' holds what aibootstrap writes; name a folder beside it"
    if not found.exists():
        return f"'{path}' does not exist in this source"
    if not found.resolve().is_relative_to(root.resolve()):
        return f"'{path}' leads out of this source by a symbolic link"
    return None


def _not_replaceable(root: Path, path: str) -> str | None:
    found = root / path
    if found.is_symlink():
        return f"'{path}' is a symbolic link; name the file that it leads to"
    if found.is_file():
        return None
    return (
        f"'{path}' is not a file of this source; leave 'replaces' out and install"
        " the weights from debian/aibootstrap with dh_install"
    )
