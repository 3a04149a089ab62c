# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""dpkg-buildpackage: unapplied patches, build profiles, build dependencies, root."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from support.packages import HEAD, RULES, Package

Make = Callable[..., Package]

PATCH = """\
Description: another number
Author: dh-aibootstrap developers <team+dh-aibootstrap@tracker.debian.org>

--- a/training/data.txt
+++ b/training/data.txt
@@ -1,4 +1,4 @@
 1
 2
 3
-6
+14
"""
UNPATCHED, PATCHED = "2.99", "4.99"  # how the model begins: near the mean of the data

TARGET = ["dpkg-buildpackage", "-us", "-uc"]
PROFILE = "pkg.toy.aibootstrap"


@pytest.fixture
def patched(package: Make) -> Package:
    """A source in the format 3.0 (quilt) whose patch is not applied."""
    files = {"debian/patches/series": "number.diff\n"}
    files["debian/patches/number.diff"] = PATCH
    toy = package(version="1.0-1", files=files)
    assert "14" not in toy.read("training/data.txt")
    return toy


def test_dpkg_leaves_patches_unapplied_before_a_target(patched: Package) -> None:
    """The trap itself: it is only because of ours that a stage sees the patch."""
    patched.edit("debian/rules", "bootstrap:\n\tdh $@", "bootstrap:\n\ttrue #")
    patched.run(*TARGET, "-d", "--target=bootstrap").check()
    assert "14" not in patched.read("training/data.txt")


def test_rules_alone_applies_patches(patched: Package) -> None:
    done = patched.bootstrap().check()
    assert "dpkg-source: info: applying number.diff\n" in done.stdout + done.stderr
    assert patched.read("debian/aibootstrap/model.txt").startswith(PATCHED)
    # Left applied, as after any debian/rules target of a patched tree.
    assert "14" in patched.read("training/data.txt")
    # With the patches applied already it works as well, and nothing changes.
    before = patched.weights()
    patched.bootstrap().check()
    assert patched.weights() == before


def test_target_of_dpkg_buildpackage_applies_patches(patched: Package) -> None:
    patched.run(*TARGET, "-d", "--target=clean,bootstrap").check()
    assert patched.read("debian/aibootstrap/model.txt").startswith(PATCHED)


def test_run_applies_patches_and_takes_them_off_again(patched: Package) -> None:
    before = patched.source()
    patched.aibootstrap("run").check()
    assert patched.read("debian/aibootstrap/model.txt").startswith(PATCHED)
    after = patched.source()
    new = {name for name in after if name not in before}
    assert new == {
        "debian/aibootstrap",
        "debian/aibootstrap/model.txt",
        "debian/aibootstrap/provenance",
    }
    assert {name: after[name] for name in before} == before


def test_run_leaves_patches_on_that_were_on(patched: Package) -> None:
    patched.run("dpkg-source", "--before-build", ".").check()
    # As in a tree where a maintainer works: applied by hand, not by dpkg-source.
    patched.path(".pc/.dpkg-source-unapply").unlink(missing_ok=True)
    patched.path("debian/source/local-options").unlink(missing_ok=True)
    patched.aibootstrap("run").check()
    assert patched.read("debian/aibootstrap/model.txt").startswith(PATCHED)
    assert "14" in patched.read("training/data.txt")


def test_run_takes_patches_off_after_a_failure(patched: Package) -> None:
    patched.edit("debian/aibootstrap.yaml", "epochs: 20", "epochs: 1")
    before = patched.source()
    assert patched.aibootstrap("run").status == 4
    assert patched.source() == before


def test_patch_that_does_not_apply(patched: Package) -> None:
    patched.write("debian/patches/series", "number.diff\nworse.diff\n")
    patched.write("debian/patches/worse.diff", PATCH.replace(" 3\n-6", " 4\n-6"))
    done = patched.bootstrap()
    assert done.status == 2
    assert "1 out of 1 hunk FAILED" in done.stdout + done.stderr
    assert not patched.path("debian/aibootstrap").exists()

    patched.run("dpkg-source", "--after-build", ".")
    done = patched.aibootstrap("run")
    assert done.status == 1
    assert done.errors[-1].startswith(
        "aibootstrap: error: 'dpkg-source --before-build .' returned exit status "
    )
    assert not patched.path("debian/aibootstrap").exists()


def with_add_on_installed(toy: Package, folder: Path) -> dict[str, str]:
    """Make dpkg-checkbuilddeps think that the add-on is installed."""
    status = Path("/var/lib/dpkg/status").read_text("utf-8")
    admin, bin_ = folder / "dpkg", folder / "bin"
    admin.mkdir()
    bin_.mkdir()
    (admin / "status").write_text(
        "Package: dh-aibootstrap\n"
        "Status: install ok installed\n"
        "Architecture: all\n"
        "Multi-Arch: foreign\n"
        "Version: 0.1\n"
        "Provides: dh-sequence-aibootstrap (= 0.1)\n\n" + status,
        "utf-8",
    )
    stand_in = bin_ / "dpkg-checkbuilddeps"
    stand_in.write_text(
        f'#!/bin/sh\nexec /usr/bin/dpkg-checkbuilddeps --admindir={admin} "$@"\n'
    )
    stand_in.chmod(0o755)
    return {"PATH": f"{bin_}:{toy.tree.environment()['PATH']}"}


UNDER_PROFILE = f"debhelper-compat (= 13), dh-sequence-aibootstrap <{PROFILE}>"


@pytest.fixture
def profiled(package: Make) -> Package:
    """A package whose add-on is asked for under the profile alone."""
    return package(
        build_depends=UNDER_PROFILE,
        rules=HEAD + "%:\n\tdh $@\n\nbootstrap:\n\tdh $@\n\n.PHONY: bootstrap\n",
    )


def test_add_on_under_a_profile_is_not_met_by_other_builds(profiled: Package) -> None:
    """Neither the dependency nor a hook reaches a build without the profile."""
    before = profiled.source()
    # No -d: dpkg-checkbuilddeps is content without the add-on.
    done = profiled.run("dpkg-buildpackage", "-us", "-uc", "-b").check()
    assert "dh_aibootstrap" not in done.stdout + done.stderr
    profiled.rules("clean").check()
    after = profiled.source()
    after.pop("debian/files", None)
    assert after == before


def test_bootstrap_without_the_profile_fails_loudly(profiled: Package) -> None:
    before = profiled.source()
    done = profiled.bootstrap()
    assert done.status == 2
    assert "dh: error: Unknown sequence bootstrap " in done.stderr
    done = profiled.run(*TARGET, "--target=clean,bootstrap")
    assert done.status == 2
    assert "dh: error: Unknown sequence bootstrap " in done.stderr
    assert profiled.source() == before


def test_run_brings_the_profile_along(profiled: Package, tmp_path: Path) -> None:
    installed = with_add_on_installed(profiled, tmp_path)
    profiled.aibootstrap("run", **installed).check()
    assert profiled.result()["Status"] == "done"
    # Profiles that are set already stay.
    profiles = {"DEB_BUILD_PROFILES": "nodoc"}
    done = profiled.aibootstrap("run", "--fresh", **installed, **profiles).check()
    assert f"-Pnodoc,{PROFILE} " in done.stdout
    # And as one types it.
    profiled.run(
        *TARGET, f"-P{PROFILE}", "--target=clean,bootstrap", **installed
    ).check()
    assert profiled.result()["Status"] == "done"


def test_clean_under_the_profile_and_without_it(
    profiled: Package, tmp_path: Path
) -> None:
    installed = with_add_on_installed(profiled, tmp_path)
    profiled.aibootstrap("run", **installed).check()
    weights = profiled.weights()
    for profiles in ("", PROFILE):
        profiled.rules("clean", DEB_BUILD_PROFILES=profiles).check()
        assert profiled.weights() == weights
        assert not profiled.path("debian/.debhelper").exists()


def test_missing_for_the_target_and_missing_for_other_builds(package: Make) -> None:
    toy = package(
        build_depends=f"debhelper-compat (= 13), no-such-trainer (>= 2) <{PROFILE}>,"
        f" no-such-a | no-such-b <{PROFILE}>",
        more_source_fields="Build-Depends-Indep: no-such-tex\n",
    )
    before = toy.source()
    done = toy.run(*TARGET, f"-P{PROFILE}", "--target=bootstrap")
    assert done.status == 3
    assert "nmet build dependencies: " in done.stderr
    assert "no-such-tex" in done.stderr
    assert toy.source() == before

    done = toy.aibootstrap("run")
    assert done.status == 75
    assert done.errors == [
        "aibootstrap: error: build dependencies are missing: no-such-trainer (>= 2),"
        " no-such-a | no-such-b; install them with 'apt-get build-dep --arch-only -P"
        f" {PROFILE} .'"
    ]
    assert done.stdout == (
        "aibootstrap: note: not installed, and not needed by the bootstrap target"
        " (Build-Depends-Indep): no-such-tex\n"
    )
    assert toy.source() == before


def test_run_does_without_what_only_other_builds_need(package: Make) -> None:
    toy = package(more_source_fields="Build-Depends-Indep: no-such-tex (>= 1)\n")
    assert toy.run(*TARGET, f"-P{PROFILE}", "--target=bootstrap").status == 3
    done = toy.aibootstrap("run").check()
    assert done.stdout.startswith(
        "aibootstrap: note: not installed, and not needed by the bootstrap target"
        " (Build-Depends-Indep): no-such-tex (>= 1)\n"
    )
    assert toy.result()["Status"] == "done"


def test_build_conflict_counts_as_missing(package: Make) -> None:
    toy = package(more_source_fields="Build-Conflicts: dpkg-dev\n")
    done = toy.aibootstrap("run")
    assert done.status == 75
    assert done.errors == [
        "aibootstrap: error: packages are installed that the source conflicts with:"
        " dpkg-dev; remove them"
    ]


def test_target_fails_with_status_2_whatever_the_step_returned(package: Make) -> None:
    toy = package()
    toy.edit("debian/aibootstrap.yaml", "epochs: 20", "epochs: 1")
    done = toy.run(*TARGET, "-d", "--target=bootstrap")
    assert done.status == 2
    assert toy.result()["Exit-Status"] == "4"


def test_source_package_with_the_weights(patched: Package) -> None:
    """After a run dpkg-source packs the weights, and finds no upstream changes."""
    patched.aibootstrap("run").check()
    patched.run("dpkg-buildpackage", "-S", "-d", "-us", "-uc").check()
    listed = patched.run("tar", "-tf", "../toy_1.0-1.debian.tar.xz").check().stdout
    assert "debian/aibootstrap/model.txt\n" in listed
    assert "debian/aibootstrap/provenance\n" in listed
    assert "debian/.debhelper" not in listed


def test_package_without_dh_by_dpkg_buildpackage(package: Make) -> None:
    toy = package(rules="mk")
    toy.run(*TARGET, "-d", "--target=clean,bootstrap").check()
    assert toy.result()["Status"] == "done"
    assert set(toy.weights()) == {"model.txt", "provenance"}


def test_rules_without_the_executable_bit(package: Make) -> None:
    toy = package(rules=RULES["with"])
    toy.path("debian/rules").chmod(0o644)
    toy.aibootstrap("run").check()
    assert toy.result()["Status"] == "done"
