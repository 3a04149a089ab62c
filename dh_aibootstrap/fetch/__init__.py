# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datasets: bring each to a folder of its own, whatever home it has."""

from __future__ import annotations

import os
import shutil
from typing import Collection, Mapping

from ..digest import sha256_tree, write_atomically
from ..errors import Error
from ..layout import MANIFEST, Layout
from ..manifest.model import (
    WHOLE_SOURCE,
    Dataset,
    Manifest,
    PathHome,
    SourcePackageHome,
)
from . import source_package
from .store import Store

__all__ = ["Store", "at_hand", "fetch", "open_fetched", "path_digests", "store_of"]

# What lies at the top of an unpacked source and is not upstream's: the packaging, with
# manifest, weights and scratch in it; quilt's notes (dpkg-source(1)); version control.
NO_SOURCE = ("debian", ".pc", ".git", ".hg", ".svn", ".bzr", "_darcs")


def store_of(layout: Layout) -> Store:
    """Return the store of the files that were fetched."""
    return Store(layout.cache / "files")


def path_digests(manifest: Manifest, layout: Layout) -> dict[str, str]:
    """Return the tree digest of each dataset that lies in the source itself.

    Raises Error where a dataset holds what is no file, as a pipe.
    """
    digests = {}
    for dataset in manifest.datasets:
        if isinstance(dataset.home, PathHome):
            try:
                path = dataset.home.path
                digests[dataset.name] = sha256_tree(layout.root / path, _without(path))
            except ValueError as error:
                where = f"datasets.{dataset.name}"
                text = str(error).replace(f"{layout.root}/", "")
                raise Error(
                    f"{MANIFEST}:{manifest.line(where)}: {where}: {text}; leave it out"
                ) from None
    return digests


def at_hand(dataset: Dataset, layout: Layout) -> bool:
    """Tell whether the dataset can be had without any network."""
    if isinstance(dataset.home, SourcePackageHome):
        return source_package.at_hand(dataset.home, store_of(layout))
    return True


def fetch(
    manifest: Manifest,
    dataset: Dataset,
    layout: Layout,
    environment: Mapping[str, str],
) -> None:
    """Bring a dataset to layout.dataset(NAME), and note its digest beside it.

    Raises MissingError or Error that name the line of the manifest.
    """
    target = layout.dataset(dataset.name)
    try:
        if isinstance(dataset.home, SourcePackageHome):
            scratch = layout.scratch / "fetch" / dataset.name
            store = store_of(layout)
            source_package.fetch(dataset.home, store, scratch, target, environment)
        else:
            _copy(layout, dataset.home, layout.dataset(dataset.name))
    except Error as error:
        where = f"datasets.{dataset.name}"
        message = f"{MANIFEST}:{manifest.line(where)}: {where}: {error}"
        raise type(error)(message) from None
    note = target.with_name(f"{dataset.name}.sha256")
    write_atomically(note, f"{sha256_tree(target)}\n".encode())


def _without(path: str) -> tuple[str, ...]:
    """Return what does not count at the top of a path of the source."""
    return NO_SOURCE if path == WHOLE_SOURCE else ()


def _copy(layout: Layout, home: PathHome, target: os.PathLike[str]) -> None:
    """Copy, not link: a stage that writes into its input must not alter the source."""
    source = layout.root / home.path
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if source.is_dir():
        unwanted = _without(home.path)

        def left_out(folder: str, names: list[str]) -> Collection[str]:
            return unwanted if os.path.samefile(folder, source) else ()

        shutil.copytree(source, target, symlinks=True, ignore=left_out)
    else:
        os.makedirs(target)
        shutil.copy2(source, target)


def open_fetched(dataset: Dataset, layout: Layout) -> str:
    """Return the folder of a fetched dataset, unchanged since it was fetched.

    Raises Error where it is not there, or is not what was fetched.
    """
    folder = layout.dataset(dataset.name)
    note = folder.with_name(f"{dataset.name}.sha256")
    mend = "run dh_aibootstrap_fetch again"
    if not folder.is_dir() or not note.is_file():
        raise Error(f"dataset {dataset.name} is not fetched; {mend}")
    if note.read_text().strip() != sha256_tree(folder):
        raise Error(f"dataset {dataset.name} changed after it was fetched; {mend}")
    return str(folder)
