# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie: in the source tree, in its scratch folder and in the cache."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

MANIFEST = Path("debian/aibootstrap.yaml")
WEIGHTS = Path("debian/aibootstrap")
STAMP = WEIGHTS / "provenance"

# dh_clean removes debian/.debhelper and everything below it.
SCRATCH = Path("debian/.debhelper/aibootstrap")


@dataclass(frozen=True)
class Layout:
    """The folders one run works in, for the source tree at `root`."""

    root: Path
    cache: Path

    @property
    def manifest(self) -> Path:
        """The declaration, debian/aibootstrap.yaml."""
        return self.root / MANIFEST

    @property
    def weights(self) -> Path:
        """The folder of the refreshed weights and their stamp."""
        return self.root / WEIGHTS

    @property
    def stamp(self) -> Path:
        """The stamp, debian/aibootstrap/provenance."""
        return self.root / STAMP

    @property
    def scratch(self) -> Path:
        """What `clean` may remove: unpacked datasets, working folders, the result."""
        return self.root / SCRATCH

    @property
    def result(self) -> Path:
        """The machine-readable end of the last step (make loses exit statuses)."""
        return self.scratch / "result"

    def dataset(self, name: str) -> Path:
        """The folder that the dataset `name` is unpacked to."""
        return self.scratch / "datasets" / name

    def work(self, stage: str) -> Path:
        """The folder that the stage `stage` runs in."""
        return self.scratch / "work" / stage


def find_layout(root: Path, environment: Mapping[str, str]) -> Layout:
    """Return the layout for `root`; the cache is the user's where one can be written.

    XDG Base Directory Specification: $XDG_CACHE_HOME, or else $HOME/.cache. On build
    daemons HOME does not exist; then the cache lies in the scratch folder. Nothing is
    made here: a build that only looks must leave nothing outside its tree.
    """
    root = root.resolve()
    base, home = environment.get("XDG_CACHE_HOME", ""), environment.get("HOME", "")
    if not os.path.isabs(base):
        # A HOME that does not exist must not come to be, even where root could.
        base = os.path.join(home, ".cache") if os.path.isdir(home) else ""
    cache = Path(base) / "aibootstrap"
    if not base or not _can_write(cache):
        cache = root / SCRATCH / "cache"
    return Layout(root, cache)


def _can_write(folder: Path) -> bool:
    """Tell whether `folder` can be written, or made, as far as can be seen."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def is_inside(path: str) -> bool:
    """Tell whether `path` is relative, clean, and stays below where it starts."""
    parts = path.split("/")
    return bool(path) and not any(part in ("", ".", "..") for part in parts)


def is_name(text: str) -> bool:
    """Tell whether `text` can name a dataset, a stage or a parameter."""
    return re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", text) is not None
