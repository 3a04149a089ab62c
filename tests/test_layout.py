# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie: the source tree, its scratch, and a cache that can be written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap.layout import Layout, find_layout, is_inside, is_name  # noqa: E402


def test_places_in_the_source(tmp_path: Path) -> None:
    """The names that the manual gives."""
    layout = Layout(tmp_path, tmp_path / "cache")
    scratch = tmp_path / "debian/.debhelper/aibootstrap"
    assert layout.manifest == tmp_path / "debian/aibootstrap.yaml"
    assert layout.weights == tmp_path / "debian/aibootstrap"
    assert layout.stamp == tmp_path / "debian/aibootstrap/provenance"
    assert layout.scratch == scratch
    assert layout.result == scratch / "result"
    assert layout.dataset("nn") == scratch / "datasets/nn"
    assert layout.work("train") == scratch / "work/train"


def test_cache_of_the_user(tmp_path: Path) -> None:
    """XDG_CACHE_HOME, else HOME/.cache; nothing is made by looking."""
    home, xdg = tmp_path / "home", tmp_path / "xdg"
    home.mkdir()
    both = {"HOME": str(home), "XDG_CACHE_HOME": str(xdg)}
    assert find_layout(tmp_path, both).cache == xdg / "aibootstrap"
    only_home = find_layout(tmp_path, {"HOME": str(home)})
    assert only_home.cache == home / ".cache/aibootstrap"
    # XDG Base Directory Specification: a relative path is to be ignored.
    relative = {"HOME": str(home), "XDG_CACHE_HOME": "cache"}
    assert find_layout(tmp_path, relative).cache == home / ".cache/aibootstrap"
    assert [path.name for path in tmp_path.rglob("*")] == ["home"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HOME": ""},
        {"HOME": "/nonexistent"},
        {"HOME": "/nonexistent", "XDG_CACHE_HOME": "cache"},
        {"HOME": "/root", "XDG_CACHE_HOME": "/dev/null/cache"},
    ],
)
def test_cache_of_a_build_daemon(tmp_path: Path, environment: dict[str, str]) -> None:
    """Where no cache can be written it lies in the scratch folder."""
    layout = find_layout(tmp_path, environment)
    assert layout.cache == tmp_path / "debian/.debhelper/aibootstrap/cache"
    assert list(tmp_path.iterdir()) == [] and not os.path.exists("/nonexistent")


def test_root_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage runs in another folder, so all paths are absolute; links are followed."""
    (tmp_path / "source").mkdir()
    (tmp_path / "link").symlink_to("source")
    monkeypatch.chdir(tmp_path)
    layout = find_layout(Path("link"), {"HOME": str(tmp_path)})
    assert layout.root == tmp_path / "source"


@pytest.mark.parametrize("path", ["a", "a/b", "a.b/.c", "...", "a b", "..a", "a.."])
def test_paths_inside(path: str) -> None:
    """Relative, clean, and below where they start."""
    assert is_inside(path)


@pytest.mark.parametrize(
    "path", ["", "/", "/a", ".", "..", "a/..", "../a", "a/./b", "a//b", "a/", "./a"]
)
def test_paths_not_inside(path: str) -> None:
    """Absolute, unclean, or perhaps elsewhere."""
    assert not is_inside(path)


@pytest.mark.parametrize("name", ["a", "nn", "a-b", "a_b2", "a" * 63])
def test_names(name: str) -> None:
    """Names of datasets, stages and parameters."""
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "A", "2a", "-a", "a b", "a.b", "a/b", "ä", "a\n", "a" * 64, "{a}"]
)
def test_no_names(name: str) -> None:
    """What could be mistaken in a path, a placeholder or a line of the stamp."""
    assert not is_name(name)
