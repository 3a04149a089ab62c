# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dataset that is a source package: verified files, unpacked by dpkg-source."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from debian.deb822 import Dsc

from ..digest import sha256_file
from ..errors import Error, MissingError
from ..manifest.model import SourcePackageHome
from ..programs import run_or_fail
from ..words import size
from . import apt
from .store import Store

# Room for the download, and for its unpacking at the usual ratio of xz.
UNPACK_FACTOR = 6


@dataclass(frozen=True)
class SourceFile:
    """A file of a source package as its .dsc lists it."""

    name: str
    sha256: str


def at_hand(home: SourcePackageHome, store: Store) -> bool:
    """Tell whether the store holds the .dsc and every file that it lists."""
    try:
        files = _listed(store.path(home.sha256), home)
    except (OSError, ValueError):
        return False
    return all(store.has(file.sha256) for file in files)


def fetch(
    home: SourcePackageHome,
    store: Store,
    scratch: Path,
    target: Path,
    environment: Mapping[str, str],
) -> None:
    """Unpack the source package to `target`; what came is kept in `store`.

    Tried in this order: the store, the folder that $AIBOOTSTRAP_DATASETS names, apt.
    Nothing is unpacked whose digest is not the manifest's, or not that of the .dsc.
    Raises MissingError where it is not to be had now, Error where it is another.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        if not at_hand(home, store):
            _obtain(home, store, scratch, environment)
        _unpack(home, store, scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def dsc_name(home: SourcePackageHome) -> str:
    """Return the file name of the .dsc: no epoch in it (dpkg-source(1))."""
    return f"{home.package}_{home.version.split(':', 1)[-1]}.dsc"


def _obtain(
    home: SourcePackageHome, store: Store, scratch: Path, environment: Mapping[str, str]
) -> None:
    supplied = environment.get("AIBOOTSTRAP_DATASETS", "")
    if supplied and (Path(supplied) / dsc_name(home)).is_file():
        _keep(home, store, Path(supplied))
        return
    label = f"{home.package} {home.version}"
    hint = f"; or name a folder that holds {dsc_name(home)} in AIBOOTSTRAP_DATASETS"
    with store.download(home.sha256) as came:
        try:
            _download(home, came, scratch)
        except MissingError as error:
            raise MissingError(f"{label}: {error}{hint}") from None
        except Error as error:
            raise Error(f"{label}: {error}") from None
        _keep(home, store, came)


def _download(home: SourcePackageHome, came: Path, scratch: Path) -> None:
    located = apt.locate(home.package, home.version, scratch / "apt")
    # Once as it comes and once in the store; then unpacked.
    _check_room(located.size, 2, came)
    _check_room(located.size, 1 + UNPACK_FACTOR, scratch)
    apt.download(located, home.package, home.version, came)


def _check_room(download: int, factor: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < download * factor:
        raise MissingError(
            f"it takes {size(download * factor)} ({size(download)} to fetch), and"
            f" {size(free)} are free in {folder}"
        )


def _keep(home: SourcePackageHome, store: Store, folder: Path) -> None:
    """Keep the .dsc of `folder`, and what it lists, if they are what is pinned."""
    dsc = folder / dsc_name(home)
    found = sha256_file(dsc)
    if found != home.sha256:
        raise Error(
            f"{home.package} {home.version}: the sha256 of {dsc.name} is {found}, the"
            f" manifest pins {home.sha256}; if the new one is meant, pin that"
        )
    try:
        for file in _listed(dsc, home):
            store.keep(folder / file.name, file.sha256)
    except FileNotFoundError as error:
        name = os.path.basename(str(error.filename))
        raise MissingError(
            f"{home.package} {home.version}: {name} is missing"
        ) from None
    except ValueError as error:
        raise Error(f"{home.package} {home.version}: {error}") from None
    # Last, so that a store with the .dsc is one with its files.
    store.keep(dsc, home.sha256)


def _listed(dsc: Path, home: SourcePackageHome) -> list[SourceFile]:
    """Return the files of a .dsc. Raises ValueError where it is not the one meant."""
    with open(dsc, "rb") as stream:
        paragraph = Dsc(stream)
    if (paragraph.get("Source"), paragraph.get("Version")) != (
        home.package,
        home.version,
    ):
        raise ValueError(f"{dsc_name(home)} is of another package or version")
    files = []
    for item in paragraph.get("Checksums-Sha256") or []:
        if item["name"] != os.path.basename(item["name"]) or item["name"][0] == ".":
            raise ValueError(f"{dsc_name(home)} lists a file '{item['name']}'")
        files.append(SourceFile(item["name"], item["sha256"]))
    if not files:
        raise ValueError(f"{dsc_name(home)} has no Checksums-Sha256")
    return files


def _unpack(home: SourcePackageHome, store: Store, scratch: Path, target: Path) -> None:
    files = scratch / "files"
    files.mkdir()
    listed = [SourceFile(dsc_name(home), home.sha256)]
    listed += _listed(store.path(home.sha256), home)
    for file in listed:
        if not store.take(file.sha256, files / file.name):
            raise Error(
                f"{home.package} {home.version}: {file.name} was damaged in the cache"
                " and is thrown away; run again to fetch it"
            )
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The trust in these files comes from the digest that the manifest pins, so a
    # signature would add nothing; strong checksums are still demanded.
    run_or_fail(
        ["dpkg-source", "--require-strong-checksums", "--no-copy", "-x"]
        + [str(files / dsc_name(home)), str(target)]
    )
