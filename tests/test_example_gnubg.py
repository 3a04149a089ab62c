# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gnubg example: its manifest pins its dataset; `run` refuses what cannot be.

The whole example takes a bare Debian 12, apt and minutes: examples/gnubg/run itself.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import yaml
from debian.changelog import Changelog
from debian.deb822 import Deb822

from dh_aibootstrap.manifest.schema import parse

GNUBG = Path(__file__).resolve().parent.parent / "examples/gnubg"
MANIFEST = GNUBG / "gnubg/debian/aibootstrap.yaml"


def source_package(source: Path, folder: Path) -> Path:
    """Build the source package of `source` below `folder`; return its .dsc.

    As examples/gnubg/run does: modes and times that depend on nothing.
    """
    copy = folder / "gnubg-nn"
    unwanted = shutil.ignore_patterns("__pycache__", ".*_cache")
    shutil.copytree(source, copy, ignore=unwanted)
    changelog = Changelog((copy / "debian/changelog").read_text("utf-8"))
    date = parsedate_to_datetime(str(changelog.date)).timestamp()
    for path in [copy, *copy.rglob("*")]:
        runs = path.is_dir() or bool(path.stat().st_mode & 0o100)
        path.chmod(0o755 if runs else 0o644)
    for path in [copy, *copy.rglob("*")]:
        os.utime(path, (date, date))
    command = ["dpkg-source", "-b", copy.name]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / f"gnubg-nn_{changelog.version}.dsc"


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_manifest_pins_the_dataset_of_this_tree(tmp_path: Path) -> None:
    pinned = yaml.safe_load(MANIFEST.read_text("utf-8"))["datasets"]["nn"]
    dsc = source_package(GNUBG / "gnubg-nn", tmp_path)
    version = Deb822(dsc.read_text("utf-8"))["Version"]
    found = sha256(dsc)
    assert (pinned["version"], pinned["sha256"]) == (version, found), (
        "the data or the trainer of examples/gnubg/gnubg-nn changed; if that is"
        " meant, write in examples/gnubg/gnubg/debian/aibootstrap.yaml:"
        f' version: "{version}" and sha256: {found}'
    )


def test_a_change_of_the_trainer_changes_what_is_to_be_pinned(tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(GNUBG / "gnubg-nn", changed)
    with open(changed / "gnubg_nn/train.py", "a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    digests = set()
    for number, source in enumerate((GNUBG / "gnubg-nn", changed, changed)):
        folder = tmp_path / str(number)
        folder.mkdir()
        digests.add(sha256(source_package(source, folder)))
    assert len(digests) == 2


def test_the_manifest_has_no_problems() -> None:
    manifest, problems = parse(MANIFEST.read_bytes(), str(MANIFEST))
    assert problems == []
    assert manifest is not None
    assert [weights.replaces for weights in manifest.weights] == ["gnubg.weights"]


def run_example(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the example; only with arguments that it refuses."""
    command = [str(GNUBG / "run"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_run_refuses_an_option_it_does_not_know() -> None:
    done = run_example("--wrok", "/nonexistent")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: examples/gnubg/run [--work DIR] [--fresh]")


@pytest.mark.parametrize("name", ["with blank", "x" * 200])
def test_run_refuses_a_folder_that_apt_or_gpg_cannot_have(
    tmp_path: Path, name: str
) -> None:
    work = tmp_path / name
    done = run_example("--work", str(work))
    assert done.returncode == 1
    assert done.stderr == (
        f"examples/gnubg/run: error: --work: found '{work}'; name a folder with at"
        " most 70 characters, of letters, digits and ._+-\n"
    )
    assert not work.exists()


def test_run_refuses_to_work_in_the_source_tree() -> None:
    work = GNUBG / "gnubg/debian/tmp-work"
    done = run_example("--work", str(work))
    assert done.returncode == 1
    assert done.stderr == (
        f"examples/gnubg/run: error: --work: {work} is in the source tree;"
        " name another\n"
    )
    assert not work.exists()


def test_run_refuses_a_link_as_its_folder() -> None:
    # Whoever can write to /var/tmp could have put it there.
    with tempfile.TemporaryDirectory(prefix="example-") as folder:
        victim, link = Path(folder) / "victim", Path(folder) / "link"
        victim.mkdir()
        link.symlink_to(victim)
        done = run_example("--work", str(link))
        assert list(victim.iterdir()) == []
    assert done.returncode == 1
    assert done.stderr == (
        f"examples/gnubg/run: error: --work: {link} is a link; name a folder of yours\n"
    )
