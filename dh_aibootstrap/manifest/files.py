# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The problems of a manifest that only a look at the source tree shows."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from ..errors import Problem
from ..layout import SCRATCH, WEIGHTS, is_inside
from ..words import shown
from .model import Manifest, PathHome


def check_files(manifest: Manifest, root: Path, file: str) -> list[Problem]:
    """Return a problem for every file that the manifest names and `root` lacks."""
    problems = []
    for dataset in manifest.datasets:
        if isinstance(dataset.home, PathHome) and is_inside(dataset.home.path):
            where = f"datasets.{dataset.name}.path"
            text = _fault(_missing_dataset, root, dataset.home.path)
            if text:
                problems.append(Problem(file, manifest.line(where), where, text))
    for weights in manifest.weights:
        if weights.replaces is not None and is_inside(weights.replaces):
            where = f"weights.{weights.name}.replaces"
            text = _fault(_not_replaceable, root, weights.replaces)
            if text:
                problems.append(Problem(file, manifest.line(where), where, text))
    return problems


def _fault(look: Callable[[Path, str], str | None], root: Path, path: str) -> str:
    try:
        return look(root, path) or ""
    except OSError as error:  # a name that is too long, a folder that is closed to us
        return f"{shown(path)} cannot be looked at: {error.strerror}"


def _missing_dataset(root: Path, path: str) -> str | None:
    for ours in (SCRATCH, WEIGHTS):
        if ours.is_relative_to(path):
            return f"{shown(path)} holds {ours}, which aibootstrap writes; name another"
        if Path(path).is_relative_to(ours):
            return f"{shown(path)} lies in {ours}, which aibootstrap writes; move it"
    found = root / path
    if not found.exists():
        return f"{shown(path)} does not exist in this source; name a file or folder"
    if not found.resolve().is_relative_to(root.resolve()):
        return f"{shown(path)} leads out of this source by a symbolic link; copy it in"
    return None


def _not_replaceable(root: Path, path: str) -> str | None:
    found = root / path
    if Path(path).is_relative_to(WEIGHTS):
        return f"{shown(path)} is in place by itself; leave 'replaces' out"
    if found.is_symlink():
        return f"{shown(path)} is a symbolic link; name the file that it leads to"
    if not found.is_file():
        return (
            f"{shown(path)} is not a file of this source; name one, or leave 'replaces'"
            " out and install the weights from debian/aibootstrap with dh_install"
        )
    if not found.resolve().is_relative_to(root.resolve()):
        return f"{shown(path)} leads out of this source by a symbolic link; name a file"
    return None
