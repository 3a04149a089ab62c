# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source package: the same bytes from wherever it is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from nn_support import PACKAGE


def _make_source(folder: Path) -> dict[str, bytes]:
    """Make the source package in `folder`, with the litter of work around it."""
    tree = folder / "gnubg-nn-3.0"
    shutil.copytree(
        PACKAGE, tree, ignore=shutil.ignore_patterns("__pycache__", ".mypy_cache")
    )
    for path in [tree, *tree.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.name == "rules" else 0o644)
    litter = tree / "gnubg_nn" / "__pycache__"
    litter.mkdir()
    (litter / "net.cpython-311.pyc").write_text(str(folder))
    done = subprocess.run(
        ["dpkg-source", "-b", tree.name],
        cwd=folder,
        env={**os.environ, "TZ": "Asia/Tokyo" if "b" in folder.name else "UTC"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in folder.glob("*.*") if path != tree}


def test_source_package_is_reproducible(tmp_path: Path) -> None:
    made = []
    for name in ("a", "a-longer-folder-b"):
        (tmp_path / name).mkdir()
        made.append(_make_source(tmp_path / name))
    assert sorted(made[0]) == ["gnubg-nn_3.0.dsc", "gnubg-nn_3.0.tar.gz"]
    assert made[0] == made[1]
    with tarfile.open(tmp_path / "a" / "gnubg-nn_3.0.tar.gz") as archive:
        names = archive.getnames()
    assert "gnubg-nn-3.0/data/train.data" in names
    assert not [name for name in names if "cache" in name or name.endswith(".pyc")]


def test_one_version_everywhere() -> None:
    first = (PACKAGE / "debian" / "changelog").read_text().splitlines()[0]
    assert first.startswith("gnubg-nn (3.0) ")
    assert '__version__ = "3.0"' in (PACKAGE / "gnubg_nn" / "__init__.py").read_text()
