# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datasets that come through apt, from signed archives that the tests make."""

from __future__ import annotations

import hashlib
import random
import re
import socket
from pathlib import Path
from typing import Callable

import pytest

from support.archives import SUITE, Archive, Dataset
from support.packages import DATA, MANIFEST, TRAIN, Package
from support.server import Site, served
from support.tree import Done, on_a_small_disk

Make = Callable[..., Package]

HOME = (
    "  data:\n    path: training\n    licence: GPL-3+\n    lineage: counted by hand\n"
)
WHERE = "debian/aibootstrap.yaml:3: datasets.data: "
HINT = "; or name a folder that holds toy-data_1.0.dsc in AIBOOTSTRAP_DATASETS"

# Does not compress, so that a download has some length.
NOISE = random.Random(1).randbytes(300_000)


def pinned(dataset: Dataset) -> str:
    """Return the manifest with the data from this source package."""
    assert MANIFEST.count(HOME) == 1
    return MANIFEST.replace(HOME, dataset.manifest_entry())


@pytest.fixture
def data(archive: Archive) -> Dataset:
    """The dataset toy-data 1.0 in a published archive."""
    dataset = archive.add({"train.py": TRAIN, "data.txt": DATA, "noise.bin": NOISE})
    archive.publish()
    return dataset


def fetch(toy: Package, archive: Archive, **extra: str) -> Done:
    """Run the step alone: it is what these tests are about."""
    return toy.run("dh_aibootstrap_fetch", **archive.environment, **extra)


def assert_fetched(toy: Package) -> None:
    assert toy.read("debian/.debhelper/aibootstrap/datasets/data/data.txt") == DATA
    # No trace of apt's files is left in the source or beside it.
    assert not toy.path("debian/.debhelper/aibootstrap/fetch/data").exists()
    assert {path.name for path in toy.root.parent.iterdir()} == {toy.root.name}


def assert_failed(toy: Package, done: Done, status: int, message: str) -> None:
    assert done.errors == [f"dh_aibootstrap_fetch: error: {WHERE}{message}"]
    assert done.status == status
    assert toy.result() == {
        "Status": "failed",
        "Exit-Status": str(status),
        "Message": WHERE + message,
    }
    assert not toy.path("debian/.debhelper/aibootstrap/datasets/data").exists()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "types, style",
    [
        ("deb-src", "list"),
        ("deb", "list"),
        ("deb-src", "sources"),
        ("deb", "sources"),
        ("deb deb-src", "sources"),
    ],
)
@pytest.mark.parametrize("scheme", ["file", "http"])
def test_dataset_through_apts_chain_of_trust(
    package: Make,
    archive: Archive,
    data: Dataset,
    site: Site,
    scheme: str,
    types: str,
    style: str,
) -> None:
    """With deb-src apt's own lists do; with deb alone it takes a private state."""
    archive.use(archive.file_uri if scheme == "file" else site.uri, types, style)
    archive.update()
    before = sorted(path.name for path in (archive.apt / "lists").iterdir())
    toy = package(manifest=pinned(data))
    fetch(toy, archive).check()
    assert_fetched(toy)
    # The system's own lists are as they were.
    assert sorted(path.name for path in (archive.apt / "lists").iterdir()) == before
    own_lists = any(name.endswith("_Sources") for name in before)
    assert own_lists == ("deb-src" in types)


def test_whole_bootstrap_from_an_archive(
    package: Make, archive: Archive, data: Dataset, site: Site
) -> None:
    archive.use(site.uri, "deb")
    toy = package(manifest=pinned(data))
    done = toy.aibootstrap("run", **archive.environment).check()
    assert "dh_aibootstrap_fetch: dataset data: GPL-3+, from counted by hand\n" in (
        done.stdout
    )
    stamp = toy.stamp()
    assert stamp["Datasets"].strip() == (
        f"data {data.sha256} source-package toy-data 1.0"
    )
    assert stamp["Static-Built-Using"] == "toy-data (= 1.0)"
    # The second run fetches nothing at all: not even the lists.
    site.requests.clear()
    weights = toy.weights()
    toy.aibootstrap("run", **archive.environment).check()
    assert site.requests == []
    assert toy.weights() == weights
    # And needs no apt: the cache has it.
    toy.aibootstrap("run", "--fresh", APT_CONFIG="/dev/null").check()
    assert toy.weights() == weights


@pytest.mark.parametrize("types", ["deb", "deb-src"])
def test_root_in_a_folder_of_its_own(
    package: Make, archive: Archive, data: Dataset, site: Site, types: str
) -> None:
    """apt fetches as the user _apt, who may not enter a folder like /root."""
    archive.use(site.uri, types)
    setting = archive.apt / "apt.conf"
    as_root = 'APT::Sandbox::User "root";\n'
    assert as_root in setting.read_text()
    setting.write_text(setting.read_text().replace(as_root, ""))
    toy = package(manifest=pinned(data))
    toy.tree.scratch.chmod(0o700)
    fetch(toy, archive).check()
    assert_fetched(toy)


def test_lists_that_are_not_up_to_date(
    package: Make, archive: Archive, data: Dataset
) -> None:
    """deb-src entries whose lists were never fetched: a private state has them."""
    archive.use(archive.file_uri)
    toy = package(manifest=pinned(data))
    fetch(toy, archive).check()
    assert_fetched(toy)


def test_version_with_an_epoch_and_a_revision(package: Make, archive: Archive) -> None:
    dataset = archive.add({"train.py": TRAIN, "data.txt": DATA}, version="2:1.0+x~1")
    archive.publish()
    archive.use(archive.file_uri)
    toy = package(manifest=pinned(dataset))
    fetch(toy, archive).check()
    assert_fetched(toy)


def test_wrong_version_names_those_that_apt_knows(
    package: Make, archive: Archive, data: Dataset
) -> None:
    archive.add({"data.txt": "7\n"}, version="1.1")
    archive.publish()
    archive.use(archive.file_uri)
    archive.update()
    manifest = pinned(data).replace('version: "1.0"', 'version: "0.9"')
    toy = package(manifest=manifest)
    assert_failed(
        toy,
        fetch(toy, archive),
        75,
        "toy-data 0.9: no apt source has version 0.9; apt knows 1.0, 1.1"
        + HINT.replace("_1.0", "_0.9"),
    )


def test_package_that_no_archive_has(
    package: Make, archive: Archive, data: Dataset
) -> None:
    archive.use(archive.file_uri, "deb")
    toy = package(manifest=pinned(data).replace(": toy-data", ": no-such-data"))
    assert_failed(
        toy,
        fetch(toy, archive),
        75,
        "no-such-data 1.0: no apt source of this system has it"
        + HINT.replace("toy-", "no-such-"),
    )


def test_system_without_any_source(
    package: Make, archive: Archive, data: Dataset
) -> None:
    archive.use(archive.file_uri)
    (archive.apt / "sources.list.d/archive.list").unlink()
    toy = package(manifest=pinned(data))
    assert_failed(
        toy,
        fetch(toy, archive),
        75,
        f"toy-data 1.0: no apt source of this system has it{HINT}",
    )


def test_pinned_digest_is_another(
    package: Make, archive: Archive, data: Dataset
) -> None:
    archive.use(archive.file_uri)
    wrong = "0" * 64
    toy = package(manifest=pinned(data).replace(data.sha256, wrong))
    assert_failed(
        toy,
        fetch(toy, archive),
        1,
        f"toy-data 1.0: the sha256 of toy-data_1.0.dsc is {data.sha256}, the manifest"
        f" pins {wrong}; if the new one is meant, pin that",
    )


@pytest.mark.parametrize("how", ["port", "namespace"])
def test_no_network(package: Make, archive: Archive, data: Dataset, how: str) -> None:
    refused = {"port": "Connection refused", "namespace": "Network is unreachable"}[how]
    port = closed_port()
    archive.use(f"http://127.0.0.1:{port}", "deb")
    toy = package(manifest=pinned(data))
    command = ["dh_aibootstrap_fetch"]
    if how == "namespace":
        command = ["unshare", "--net", *command]
    done = toy.run(*command, **archive.environment)
    assert done.status == 75
    (error,) = done.errors
    pattern = (
        re.escape(
            f"dh_aibootstrap_fetch: error: {WHERE}toy-data 1.0: apt cannot reach"
            " its sources: "
        )
        + rf".*127\.0\.0\.1:{port} .*({refused}).*"
        + re.escape(HINT)
    )
    assert re.fullmatch(pattern, error), error
    assert toy.result()["Exit-Status"] == "75"
    done = toy.aibootstrap("run", **archive.environment)
    assert done.status == 75
    assert not toy.path("debian/aibootstrap").exists()


def test_network_gone_after_the_lists(
    package: Make, archive: Archive, data: Dataset
) -> None:
    """The system's lists know the dataset, and its files cannot be fetched."""
    with served(archive.folder) as site:
        archive.use(site.uri)
        archive.update()
    uri = site.uri
    toy = package(manifest=pinned(data))
    done = fetch(toy, archive)
    assert done.status == 75
    (error,) = done.errors
    assert error.startswith(
        f"dh_aibootstrap_fetch: error: {WHERE}toy-data 1.0: apt cannot fetch it: E:"
        f" Failed to fetch {uri}/pool/toy-data_1.0.dsc "
    )
    assert error.endswith(HINT)


def flip(path: Path) -> None:
    """Change a file's content and keep its size."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("types", ["deb", "deb-src"])
@pytest.mark.parametrize("name", ["tar.xz", "dsc"])
def test_archive_with_another_file_of_equal_size(
    package: Make, archive: Archive, data: Dataset, site: Site, name: str, types: str
) -> None:
    archive.use(site.uri, types)
    archive.update()
    toy = package(manifest=pinned(data))
    flip(archive.folder / f"pool/toy-data_1.0.{name}")
    done = fetch(toy, archive)
    (error,) = done.errors
    assert error.startswith(
        f"dh_aibootstrap_fetch: error: {WHERE}toy-data 1.0: apt refuses it: E: Failed"
        f" to fetch {site.uri}/pool/toy-data_1.0.{name}  Hash Sum mismatch"
    )
    assert done.status == 1
    assert toy.result()["Exit-Status"] == "1"
    assert not toy.path("debian/.debhelper/aibootstrap/datasets/data").exists()
    # Once the archive is whole again, so is the fetch: nothing bad was kept.
    flip(archive.folder / f"pool/toy-data_1.0.{name}")
    fetch(toy, archive).check()
    assert_fetched(toy)


@pytest.mark.parametrize("name", ["InRelease", "main/source/Sources"])
def test_archive_with_tampered_indices(
    package: Make, archive: Archive, data: Dataset, site: Site, name: str
) -> None:
    archive.use(site.uri, "deb")
    path = archive.folder / "dists" / SUITE / name
    text = path.read_text()
    old, new = ("Suite: stable", "Suite: stabIe") if "Rel" in name else ("toy", "tox")
    assert old in text
    path.write_text(text.replace(old, new, 1))
    toy = package(manifest=pinned(data))
    done = fetch(toy, archive)
    (error,) = done.errors
    assert error.startswith(
        f"dh_aibootstrap_fetch: error: {WHERE}toy-data 1.0: no source that apt trusts"
        " has it: "
    )
    if "Rel" in name:
        # In the words of gpgv, or of sqv, which apt asks since trixie.
        assert "BADSIG" in error or "Message has been manipulated" in error
    else:
        assert "Hash Sum mismatch" in error
    assert done.status == 1
    assert not toy.path("debian/.debhelper/aibootstrap/datasets/data").exists()


def test_archive_signed_by_another(
    package: Make, archive: Archive, data: Dataset, tmp_path: Path
) -> None:
    archive.use(archive.file_uri, "deb")
    entry = archive.apt / "sources.list.d/archive.list"
    debian = "/usr/share/keyrings/debian-archive-keyring.gpg"
    entry.write_text(entry.read_text().replace(str(archive.key.public), debian))
    toy = package(manifest=pinned(data))
    done = fetch(toy, archive)
    (error,) = done.errors
    assert f"{WHERE}toy-data 1.0: no source that apt trusts has it: " in error
    assert "NO_PUBKEY" in error or "Missing key" in error
    assert done.status == 1


def test_download_is_resumed(
    package: Make, archive: Archive, data: Dataset, site: Site
) -> None:
    archive.use(site.uri)
    archive.update()
    tarball = archive.folder / "pool/toy-data_1.0.tar.xz"
    site.breaks[tarball.name] = 200_000
    toy = package(manifest=pinned(data))
    done = fetch(toy, archive)
    assert done.status == 75
    (error,) = done.errors
    assert "toy-data 1.0: apt cannot fetch it: E: Failed to fetch " in error
    assert error.endswith(HINT)
    site.breaks.clear()
    site.requests.clear()
    # Also after `clean`, which a run begins with: the part lies in the cache.
    toy.rules("clean").check()
    fetch(toy, archive).check()
    assert_fetched(toy)
    asked = dict(site.requests)
    assert asked[f"/pool/{tarball.name}"] == "bytes=200000-"
    downloads = toy.tree.cache / "aibootstrap/downloads"
    assert list(downloads.iterdir()) == []


def test_part_that_is_not_the_files_is_thrown_away(
    package: Make, archive: Archive, data: Dataset, site: Site
) -> None:
    archive.use(site.uri)
    archive.update()
    tarball = archive.folder / "pool/toy-data_1.0.tar.xz"
    toy = package(manifest=pinned(data))
    downloads = toy.tree.cache / "aibootstrap/downloads" / data.sha256
    downloads.mkdir(parents=True)
    (downloads / tarball.name).write_bytes(b"x" * 1000)
    done = fetch(toy, archive)
    assert done.status == 1
    assert "apt refuses it: E: Failed to fetch " in done.errors[0]
    assert "Hash Sum mismatch" in done.errors[0]
    assert not downloads.exists()
    fetch(toy, archive).check()
    assert_fetched(toy)


def test_too_little_room(
    package: Make, archive: Archive, data: Dataset, tmp_path: Path
) -> None:
    """Seen before the download begins, from the sizes that apt announces."""
    archive.use(archive.file_uri)
    archive.update()
    toy = package(manifest=pinned(data))
    small = toy.path("debian/.debhelper")
    small.mkdir()
    command = on_a_small_disk(small, "1M", "dh_aibootstrap_fetch")
    done = toy.run(*command, **archive.environment)
    (error,) = done.errors
    pattern = (
        re.escape(f"dh_aibootstrap_fetch: error: {WHERE}toy-data 1.0: it takes ")
        + r"2\.1 MB \(30[0-9] kB to fetch\), and 1\.0 MB are free in .*/fetch/data"
        + re.escape(HINT)
    )
    assert re.fullmatch(pattern, error), error
    assert done.status == 75


def test_sha256_of_the_archives_are_real(data: Dataset) -> None:
    """The pin that the tests write is the digest that sha256sum prints."""
    assert data.sha256 == hashlib.sha256(data.dsc.read_bytes()).hexdigest()
