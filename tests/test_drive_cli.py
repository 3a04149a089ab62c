# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command aibootstrap, as people call it: init, status, run."""

from __future__ import annotations

import re
from typing import Callable

import pytest

from support.packages import MANIFEST, RULES, TRAIN, Package
from support.tree import Tree

Make = Callable[..., Package]


def test_run_from_the_first_to_the_last_line(package: Make) -> None:
    toy = package()
    done = toy.aibootstrap("run").check()
    ours = re.compile(r"(dh_)?aibootstrap\w*: ")
    own = [line for line in done.stdout.splitlines() if ours.match(line)]
    architecture = toy.run("dpkg-architecture", "-qDEB_HOST_ARCH").stdout.strip()
    assert own == [
        "aibootstrap: dpkg-buildpackage -d -us -uc -Ppkg.toy.aibootstrap"
        " --target=clean,bootstrap",
        "dh_aibootstrap_fetch: dataset data: GPL-3+, from counted by hand",
        "dh_aibootstrap_train: train: running",
        "dh_aibootstrap_train: train: done in 0 s",
        "dh_aibootstrap_refresh: debian/aibootstrap: model.txt and the stamp refreshed",
        f"aibootstrap: done; the record of this run is ../toy_1.0_{architecture}"
        ".bootstrapinfo",
    ]
    again = toy.aibootstrap("run").check().stdout
    assert "train: finished before with the same inputs, reused\n" in again
    assert "debian/aibootstrap holds these weights and this stamp already\n" in again


def test_second_run_changes_nothing(package: Make) -> None:
    toy = package()
    toy.aibootstrap("run").check()
    before = toy.weights()
    times = {
        p.name: p.stat().st_mtime_ns for p in toy.root.glob("debian/aibootstrap/*")
    }
    toy.aibootstrap("run", "--fresh").check()
    assert toy.weights() == before
    after = {
        p.name: p.stat().st_mtime_ns for p in toy.root.glob("debian/aibootstrap/*")
    }
    assert after == times
    assert toy.record()["Weights-In-Place"] == "unchanged"


def test_run_verbose_shows_what_a_stage_prints(package: Make) -> None:
    toy = package(train="print('epoch 1 of 7')\n" + TRAIN)
    assert "epoch 1 of 7" not in toy.aibootstrap("run").check().stdout
    assert "epoch 1 of 7\n" in toy.aibootstrap("run", "-v", "--fresh").check().stdout


def test_status(package: Make) -> None:
    toy = package()
    before = toy.source()
    done = toy.aibootstrap("status")
    assert (done.status, done.stderr) == (3, "")
    assert [line.split(None, 2) for line in done.stdout.splitlines()] == [
        ["fetch", "data", "nothing to do"],
        ["train", "train", "not made yet"],
        ["refresh", "weights", "there is no stamp yet"],
    ]
    # It only looks.
    assert toy.source() == before
    assert not toy.tree.cache.exists()

    toy.aibootstrap("run").check()
    done = toy.aibootstrap("status").check()
    assert {line.split(None, 2)[2] for line in done.stdout.splitlines()} == {
        "nothing to do"
    }

    # The weights are damaged: they come from what is kept, and nothing is trained.
    toy.write("debian/aibootstrap/model.txt", "x\n")
    done = toy.aibootstrap("status")
    assert done.status == 3
    assert "model.txt is not the stamp's\n" in done.stdout
    assert "not made yet" not in done.stdout
    toy.aibootstrap("run").check()
    assert toy.aibootstrap("status").status == 0

    # Without the cache, an unchanged package still has nothing to do.
    done = toy.aibootstrap("status", XDG_CACHE_HOME=str(toy.tree.scratch / "other"))
    assert done.status == 0

    toy.edit("debian/aibootstrap.yaml", "epochs: 20", "epochs: 21")
    done = toy.aibootstrap("status")
    assert done.status == 3
    assert "the recipe changed since the stamp (" in done.stdout
    assert "not made yet" in done.stdout


def test_status_of_retrain_never(package: Make) -> None:
    toy = package(manifest=MANIFEST.replace("format: 1", "format: 1\nretrain: never"))
    assert toy.aibootstrap("status").status == 0


def test_init_writes_what_the_rest_understands(package: Make) -> None:
    toy = package(manifest=None)
    done = toy.aibootstrap("init").check()
    assert done.stdout.startswith("debian/aibootstrap.yaml written.\nNext:\n")
    assert "pkg.toy.aibootstrap" in done.stdout
    toy.edit("debian/aibootstrap.yaml", "epochs: 10", "epochs: 20")
    toy.edit("debian/aibootstrap.yaml", "[model.txt, metrics.json]", "[model.txt]")
    toy.aibootstrap("run").check()
    assert set(toy.weights()) == {"model.txt", "provenance"}


def test_init_overwrites_nothing(package: Make) -> None:
    toy = package()
    before = toy.source()
    done = toy.aibootstrap("init")
    assert done.status == 1
    assert done.errors == [
        "aibootstrap: error: debian/aibootstrap.yaml exists; it is left as it is"
    ]
    assert toy.source() == before


@pytest.mark.parametrize("command", ["init", "status", "run"])
def test_outside_a_source_package(tree: Tree, command: str) -> None:
    done = tree.run(["aibootstrap", command])
    assert done.status == 2
    assert done.errors == [
        "aibootstrap: error: debian/changelog: not found; run this at the top of a"
        " source package"
    ]
    assert list(tree.scratch.iterdir()) == []


@pytest.mark.parametrize("command", ["status", "run"])
def test_all_problems_of_a_manifest_at_once(package: Make, command: str) -> None:
    toy = package()
    toy.edit("debian/aibootstrap.yaml", "path: training", "path: trainign")
    toy.edit("debian/aibootstrap.yaml", "determinism: bitwise", "determinism: maybe")
    before = toy.source()
    done = toy.aibootstrap(command)
    assert done.status == 2
    assert [line.split(": ")[2] for line in done.errors] == [
        "debian/aibootstrap.yaml:4",
        "debian/aibootstrap.yaml:24",
    ]
    assert toy.source() == before


def test_command_line_that_is_wrong(package: Make) -> None:
    toy = package()
    for words in ([], ["train"], ["run", "--no-such"], ["status", "--fresh"]):
        done = toy.aibootstrap(*words)
        assert done.status == 2
        assert done.stderr.startswith("usage: aibootstrap")


def test_python_module_is_the_command(package: Make) -> None:
    toy = package()
    done = toy.run("/usr/bin/python3", "-m", "dh_aibootstrap", "status")
    assert done.status == 3


def test_stamp_that_a_hook_altered(package: Make) -> None:
    """`run` believes the stamp that its own run left, and no other."""
    hook = (
        "execute_after_dh_aibootstrap_refresh:\n"
        "\techo Remark: mine >> debian/aibootstrap/provenance\n"
    )
    toy = package(rules=RULES["with"] + hook)
    done = toy.aibootstrap("run")
    assert done.status == 1
    assert done.errors == [
        "aibootstrap: error: the stamp is not the one that this run left; run again"
    ]


def test_profile_by_the_environment(package: Make) -> None:
    toy = package()
    toy.edit("debian/aibootstrap.yaml", "train.error <= 0.1", "train.error <= 9")
    done = toy.aibootstrap("run", AIBOOTSTRAP_PROFILE="reduced").check()
    assert "profile reduced: judged and recorded" in done.stdout
    assert not toy.path("debian/aibootstrap").exists()
    assert toy.record()["Profile"] == "reduced"


def test_build_depends_are_in_the_record(package: Make) -> None:
    toy = package(
        build_depends="debhelper-compat (= 13), xz-utils <pkg.toy.aibootstrap>"
    )
    toy.aibootstrap("run").check()
    lines = toy.record()["Installed-Build-Depends"].split(",")
    names = [line.split()[0] for line in lines]
    assert names == sorted(names)
    for name in ("build-essential", "debhelper", "dpkg", "libc6", "xz-utils"):
        assert name in names
    version = toy.run("dpkg-query", "-W", "-f", "${Version}", "debhelper").stdout
    assert f" debhelper (= {version})" in toy.record()["Installed-Build-Depends"]
