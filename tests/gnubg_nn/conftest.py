# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's source of gnubg, its weights, and the engine built of it: once a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tarfile
from pathlib import Path, PurePosixPath
from typing import Callable

import nn_support
import pytest

VERSION = "1.07.001"


def _deb_src_lines() -> str:
    """Return a deb-src line for each archive that apt knows as Debian's."""
    form = "deb-src $(SITE) $(RELEASE) $(COMPONENT)"
    query = ["apt-get", "indextargets", "--format", form]
    query += ["Created-By: Packages", "Origin: Debian"]
    answer = subprocess.run(query, capture_output=True, text=True, check=True)
    return "\n".join(sorted(set(answer.stdout.splitlines()))) + "\n"


def _once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """Return the folder that `make` fills, one for all processes of the run."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / name
    with open(base / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            begun = base / f"{name}.begun"
            begun.mkdir()
            make(begun)
            begun.rename(folder)
    return folder


def _fetch_source(folder: Path) -> Path:
    """Download the source package with an apt state of its own; return the tarball."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    (folder / "deb-src.list").write_text(_deb_src_lines())
    places = {
        "Dir::Etc::sourcelist": folder / "deb-src.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "",
    }
    options = [part for item in places.items() for part in ("-o", "%s=%s" % item)]
    for action in (["update"], ["source", "--download-only", "--only-source", "gnubg"]):
        done = subprocess.run(
            ["apt-get", *options, *action], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    found = sorted(folder.glob(f"gnubg_{VERSION}.orig.tar.*z"))
    assert found, f"apt has no gnubg {VERSION} source: {sorted(folder.iterdir())}"
    return found[0]


def _unpack(folder: Path) -> None:
    """Fetch the source and put what the engine needs into folder/source."""
    source = folder / "source"
    (source / "lib").mkdir(parents=True)
    with tarfile.open(_fetch_source(folder)) as archive:
        for member in archive:
            path = Path(*PurePosixPath(member.name).parts[1:])
            wanted = path.suffix in (".c", ".h", ".inc", ".weights")
            content = archive.extractfile(member)
            if wanted and content and path.parent in (Path(), Path("lib")):
                (source / path).write_bytes(content.read())


@pytest.fixture(scope="session")
def gnubg_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of gnubg's source: C, headers and weights."""
    return _once(tmp_path_factory, "gnubg", _unpack) / "source"


@pytest.fixture(scope="session")
def debian_weights(gnubg_source: Path) -> Path:
    """Return the path of Debian's own gnubg.weights."""
    return gnubg_source / "gnubg.weights"


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory, gnubg_source: Path) -> Path:
    """Return the folder that the engine's build filled."""

    def make(folder: Path) -> None:
        out = folder / "engine"
        asked = ("--source", gnubg_source, "--out", out)
        done = nn_support.run("engine.build", *asked)
        assert (done.returncode, done.stderr) == (0, "")

    return _once(tmp_path_factory, "engine", make) / "engine"
