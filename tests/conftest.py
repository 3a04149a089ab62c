# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: `tree` runs commands, `package` and `archive` make real ones of each."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.archives import Archive, Key, throw_away_key  # noqa: E402
from support.packages import Makings, Package  # noqa: E402
from support.server import Site, served  # noqa: E402
from support.tree import Tree  # noqa: E402

# Nothing of a build around the tests may reach them.
for _name in list(os.environ):
    if _name.startswith(("DH_", "DEB_", "AIBOOTSTRAP_")) or _name in (
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "SOURCE_DATE_EPOCH",
        "XDG_CACHE_HOME",
    ):
        del os.environ[_name]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Commands with the add-on of this tree, in a clean environment."""
    return Tree(tmp_path)


@pytest.fixture
def package(tree: Tree, tmp_path: Path) -> Callable[..., Package]:
    """Return a factory of source packages: package(rules="sequence", version="1.0-1").

    The arguments are the fields of Makings, `files` (more files: name -> content) and
    `folder` (the folder to make it in).
    """

    def make(
        files: dict[str, str] | None = None,
        folder: str = "source",
        **makings: Any,
    ) -> Package:
        return dataclasses.replace(Makings(), **makings).write(
            tree, tmp_path / folder, files or {}
        )

    return make


@pytest.fixture(scope="session")
def key() -> Iterator[Key]:
    """A throw-away key that archives are signed with."""
    yield from throw_away_key()


@pytest.fixture
def archive(tree: Tree, tmp_path: Path, key: Key) -> Archive:
    """An empty apt archive: add() to it, publish(), then use() it."""
    return Archive(tree, tmp_path / "archive", tmp_path / "apt", key)


@pytest.fixture
def site(archive: Archive) -> Iterator[Site]:
    """The archive on http://127.0.0.1:PORT."""
    with served(archive.folder) as site:
        yield site
