# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's own gnubg.weights, out of its source package."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import nn_support  # noqa: F401  (makes the package importable)
import pytest

VERSION = "1.07.001"


def _deb_src_lines() -> str:
    """Return a deb-src line for each archive that apt knows as Debian's."""
    form = "deb-src $(SITE) $(RELEASE) $(COMPONENT)"
    query = ["apt-get", "indextargets", "--format", form]
    query += ["Created-By: Packages", "Origin: Debian"]
    answer = subprocess.run(query, capture_output=True, text=True, check=True)
    return "\n".join(sorted(set(answer.stdout.splitlines()))) + "\n"


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


@pytest.fixture(scope="session")
def debian_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of Debian's own gnubg.weights."""
    folder = tmp_path_factory.mktemp("gnubg-source")
    with tarfile.open(_fetch_source(folder)) as archive:
        member = next(
            m for m in archive if m.isfile() and m.name.endswith("/gnubg.weights")
        )
        content = archive.extractfile(member)
        assert content is not None
        path = folder / "gnubg.weights"
        path.write_bytes(content.read())
    return path
