# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content-addressed store: files kept under their SHA-256, checked at every use."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from ..digest import copy_hashing
from ..errors import MissingError


@dataclass(frozen=True)
class Store:
    """Files below `folder`, each named by the digest of its content."""

    folder: Path

    def path(self, sha256: str) -> Path:
        """Return where the file of this digest lies, if it is there."""
        return self.folder / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Tell whether a file is kept under this digest; `take` will check it."""
        return self.path(sha256).is_file()

    def keep(self, source: Path, sha256: str) -> None:
        """Keep a copy of `source`; raises ValueError where its digest is another."""
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        found = copy_hashing(source, target)
        if found != sha256:
            target.unlink()
            raise ValueError(f"{source.name}: sha256 is {found}, not {sha256}")

    def take(self, sha256: str, target: Path) -> bool:
        """Copy the file of this digest to `target`; tell whether that was possible.

        A file that no longer has its digest is thrown away and counts as not there.
        """
        source = self.path(sha256)
        if not source.is_file():
            return False
        if copy_hashing(source, target) != sha256:
            target.unlink()
            source.unlink()
            return False
        return True

    @contextlib.contextmanager
    def download(self, sha256: str) -> Iterator[Path]:
        """Lend a folder for a download, to one process at a time.

        Where the download is cut short (MissingError, or our own end) the part that
        came stays in it for the next time; else the folder goes.
        """
        folder = self.folder.with_name("downloads") / sha256
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder.parent, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            folder.mkdir(exist_ok=True)
            try:
                yield folder
            except MissingError:
                raise
            except Exception:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            shutil.rmtree(folder)
        finally:
            os.close(lock)
