# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datasets without apt: the cache, AIBOOTSTRAP_DATASETS, and paths in the source."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Callable

import pytest

from support.archives import Archive, Dataset
from support.packages import DATA, MANIFEST, TRAIN, Package, snapshot
from support.tree import Done

Make = Callable[..., Package]

HOME = """\
  data:
    path: training
    licence: GPL-3+
    lineage: counted by hand
"""
WHERE = "debian/aibootstrap.yaml:3: datasets.data: "
NO_APT = {"APT_CONFIG": "/dev/null"}


def pinned(dataset: Dataset) -> str:
    return MANIFEST.replace(HOME, dataset.manifest_entry())


@pytest.fixture
def data(archive: Archive) -> Dataset:
    """The dataset toy-data 1.0, in a folder that is no archive."""
    return archive.add({"train.py": TRAIN, "data.txt": DATA})


@pytest.fixture
def toy(package: Make, data: Dataset) -> Package:
    """A package that needs toy-data 1.0."""
    return package(manifest=pinned(data))


def fetch(toy: Package, folder: Path | None) -> Done:
    """Run the step with a folder of source packages, and an apt that knows nothing."""
    nowhere = toy.tree.scratch / "apt"
    nowhere.mkdir(exist_ok=True)
    (nowhere / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{nowhere}/no";\n'
        f'Dir::State::lists "{nowhere}/lists";\nDir::Cache "{nowhere}/cache";\n'
    )
    extra = {"APT_CONFIG": str(nowhere / "apt.conf")}
    if folder is not None:
        extra["AIBOOTSTRAP_DATASETS"] = str(folder)
    return toy.run("dh_aibootstrap_fetch", **extra)


def kept(toy: Package) -> list[Path]:
    """Return the files in the cache."""
    found = (toy.tree.cache / "aibootstrap/files").rglob("*")
    return sorted(path for path in found if path.is_file())


def fetched(toy: Package) -> str:
    return toy.read("debian/.debhelper/aibootstrap/datasets/data/data.txt")


def assert_failed(toy: Package, done: Done, status: int, message: str) -> None:
    assert done.errors == [f"dh_aibootstrap_fetch: error: {WHERE}{message}"]
    assert (done.status, toy.result()["Exit-Status"]) == (status, str(status))
    assert not toy.path("debian/.debhelper/aibootstrap/datasets/data").exists()


def test_folder_of_source_packages(toy: Package, data: Dataset) -> None:
    fetch(toy, data.dsc.parent).check()
    assert fetched(toy) == DATA
    # Then the cache has it, and no folder is needed.
    toy.rules("clean").check()
    fetch(toy, None).check()
    assert fetched(toy) == DATA


def test_folder_with_another_dsc(toy: Package, archive: Archive, data: Dataset) -> None:
    pin = data.sha256
    other = archive.add({"train.py": TRAIN, "data.txt": "7\n"})
    assert other.sha256 != pin
    assert_failed(
        toy,
        fetch(toy, data.dsc.parent),
        1,
        f"toy-data 1.0: the sha256 of toy-data_1.0.dsc is {other.sha256}, the manifest"
        f" pins {pin}; if the new one is meant, pin that",
    )
    assert kept(toy) == []


def test_folder_that_lacks_a_file(toy: Package, data: Dataset) -> None:
    data.dsc.with_name("toy-data_1.0.tar.xz").unlink()
    assert_failed(
        toy,
        fetch(toy, data.dsc.parent),
        75,
        "toy-data 1.0: toy-data_1.0.tar.xz is missing",
    )


def test_folder_with_a_damaged_file(toy: Package, data: Dataset) -> None:
    path = data.dsc.with_name("toy-data_1.0.tar.xz")
    content = bytearray(path.read_bytes())
    before = toy.run("sha256sum", path).stdout.split()[0]
    content[100] ^= 1
    path.write_bytes(content)
    after = toy.run("sha256sum", path).stdout.split()[0]
    assert_failed(
        toy,
        fetch(toy, data.dsc.parent),
        1,
        f"toy-data 1.0: toy-data_1.0.tar.xz: sha256 is {after}, not {before}",
    )
    assert kept(toy) == []


def test_folder_without_the_package_falls_back_to_apt(toy: Package) -> None:
    assert_failed(
        toy,
        fetch(toy, toy.tree.scratch),
        75,
        "toy-data 1.0: no apt source of this system has it; or name a folder that"
        " holds toy-data_1.0.dsc in AIBOOTSTRAP_DATASETS",
    )


def test_dsc_of_another_package(toy: Package, archive: Archive, data: Dataset) -> None:
    """The pin is right and the name is not: what is in the .dsc counts."""
    other = archive.add({"data.txt": "7\n"}, name="other-data")
    shutil.copy(other.dsc, data.dsc)
    toy.write("debian/aibootstrap.yaml", pinned(data))
    assert_failed(
        toy,
        fetch(toy, data.dsc.parent),
        1,
        "toy-data 1.0: toy-data_1.0.dsc is of another package or version",
    )


@pytest.mark.parametrize("what", ["dsc", "tar.xz"])
@pytest.mark.parametrize("how", ["flipped", "cut", "emptied"])
def test_damaged_cache(toy: Package, data: Dataset, what: str, how: str) -> None:
    fetch(toy, data.dsc.parent).check()
    digest = toy.run("sha256sum", data.dsc.with_name(f"toy-data_1.0.{what}"))
    (path,) = [p for p in kept(toy) if p.name == digest.stdout.split()[0]]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flipped": content, "cut": content[:50], "emptied": b""}[how])
    toy.rules("clean").check()

    # The folder is still there: what was damaged is thrown away and fetched again.
    done = fetch(toy, data.dsc.parent)
    if done.status != 0:
        assert_failed(
            toy,
            done,
            1,
            f"toy-data 1.0: toy-data_1.0.{what} was damaged in the cache and is thrown"
            " away; run again to fetch it",
        )
        assert path not in kept(toy)
        fetch(toy, data.dsc.parent).check()
    assert fetched(toy) == DATA
    assert toy.run("sha256sum", path).stdout.split()[0] == path.name


def test_cache_that_cannot_be_written(toy: Package, data: Dataset) -> None:
    """Then the cache lies in the scratch folder, as on machines without a home."""
    toy.tree.scratch.joinpath("cache").write_text("in the way\n")
    fetch(toy, data.dsc.parent).check()
    assert fetched(toy) == DATA
    assert toy.path("debian/.debhelper/aibootstrap/cache/files").is_dir()


@pytest.mark.parametrize("home", ["", "/nonexistent/of-the-tests", "/dev/null"])
def test_no_home_and_no_cache_folder(toy: Package, data: Dataset, home: str) -> None:
    folder = str(data.dsc.parent)
    extra = {"AIBOOTSTRAP_DATASETS": folder, "XDG_CACHE_HOME": "", "HOME": home}
    toy.run("dh_aibootstrap_fetch", **extra).check()
    # A home that does not exist must not come to be (root could make it).
    assert not Path("/nonexistent").exists()
    assert fetched(toy) == DATA
    assert toy.path("debian/.debhelper/aibootstrap/cache/files").is_dir()
    assert kept(toy) == []


def test_home_without_cache_variable(toy: Package, data: Dataset) -> None:
    home = toy.tree.scratch / "home"
    home.mkdir()
    folder = str(data.dsc.parent)
    extra = {"AIBOOTSTRAP_DATASETS": folder, "XDG_CACHE_HOME": "", "HOME": str(home)}
    toy.run("dh_aibootstrap_fetch", **extra).check()
    assert (home / ".cache/aibootstrap/files").is_dir()


def test_path_that_is_a_file(package: Make) -> None:
    toy = package()
    toy.edit("debian/aibootstrap.yaml", "path: training", "path: training/train.py")
    toy.run("dh_aibootstrap_fetch").check()
    folder = toy.path("debian/.debhelper/aibootstrap/datasets/data")
    assert [path.name for path in folder.iterdir()] == ["train.py"]


def test_path_with_links_and_modes(package: Make) -> None:
    toy = package()
    toy.path("training/link").symlink_to("data.txt")
    toy.path("training/dangling").symlink_to("nowhere")
    toy.path("training/train.py").chmod(0o755)
    toy.run("dh_aibootstrap_fetch").check()
    copied = snapshot(toy.path("debian/.debhelper/aibootstrap/datasets/data"))
    assert copied == snapshot(toy.path("training"))


def test_path_that_is_the_source(package: Make) -> None:
    """Packaging, quilt's notes and version control are not what upstream wrote."""
    toy = package()
    toy.edit("debian/aibootstrap.yaml", "path: training", "path: .")
    for name in (".git/HEAD", ".pc/applied-patches", "lib/debian/kept"):
        toy.path(name).parent.mkdir(parents=True)
        toy.path(name).write_text("1\n")
    toy.run("dh_aibootstrap_fetch").check()
    folder = toy.path("debian/.debhelper/aibootstrap/datasets/data")
    assert (folder / "lib/debian/kept").is_file()
    names = {path.name for path in folder.iterdir()}
    assert names == {path.name for path in toy.root.iterdir()} - {
        ".git",
        ".pc",
        "debian",
    }
    digest = folder.with_name("data.sha256").read_text()
    toy.path(".git/HEAD").write_text("2\n")
    toy.path("debian/rules").write_text("#!/usr/bin/make -f\n\n%:\n\tdh $@\n")
    toy.run("dh_aibootstrap_fetch").check()
    assert folder.with_name("data.sha256").read_text() == digest
    toy.path("lib/debian/kept").write_text("2\n")
    toy.run("dh_aibootstrap_fetch").check()
    assert folder.with_name("data.sha256").read_text() != digest


def test_path_with_a_pipe(package: Make) -> None:
    toy = package()
    os.mkfifo(toy.path("training/pipe"))
    done = toy.run("dh_aibootstrap_fetch")
    message = (
        f"{WHERE}training/pipe: neither a file, a folder nor a symbolic link; leave it"
        " out"
    )
    assert done.errors == [f"dh_aibootstrap_fetch: error: {message}"]
    assert (done.status, toy.result()["Message"]) == (1, message)


def test_stage_that_writes_into_its_dataset(package: Make) -> None:
    """It gets a copy: the source is not altered."""
    toy = package(
        train=TRAIN + '(here / "data.txt").write_text("")\n(here / "new").mkdir()\n'
    )
    before = toy.source()
    toy.bootstrap().check()
    after = toy.source()
    assert {name: after[name] for name in before} == before
    assert not toy.path("training/new").exists()


def test_dataset_that_no_stage_needs_is_not_fetched(
    package: Make, data: Dataset
) -> None:
    manifest = MANIFEST.replace(HOME, HOME + data.manifest_entry("other"))
    toy = package(manifest=manifest)
    toy.bootstrap(**NO_APT).check()
    assert not toy.path("debian/.debhelper/aibootstrap/datasets/other").exists()
