# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal build: weights held against their stamp, laid over, and restored."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Callable

import pytest

from support.archives import Archive
from support.packages import (
    DATA,
    MANIFEST,
    TRAIN,
    UPSTREAM_MODEL,
    Package,
    fields,
    snapshot,
)
from support.tree import Done

Make = Callable[..., Package]

STAMP = "debian/aibootstrap/provenance"
WEIGHTS = "debian/aibootstrap/model.txt"
BUILD = ["dpkg-buildpackage", "-d", "-us", "-uc", "-b"]
MEND = "make both anew with 'debian/rules bootstrap'"


@pytest.fixture
def made(package: Make) -> Package:
    """A package whose weights were made by a bootstrap, and cleaned after it."""
    toy = package()
    toy.bootstrap().check()
    toy.rules("clean").check()
    return toy


def check(toy: Package, **extra: str) -> Done:
    """Run the command that every build runs."""
    return toy.run("dh_aibootstrap_check", **extra)


def assert_refused(toy: Package, *messages: str) -> None:
    """The build fails with these messages, and upstream's file lies as it did."""
    done = check(toy)
    assert done.errors == [f"dh_aibootstrap_check: error: {line}" for line in messages]
    assert done.status == 1
    assert done.stdout == ""
    assert toy.read("model.txt") == UPSTREAM_MODEL
    assert not toy.path("debian/.debhelper").exists()
    # In the whole build it is the same, before anything is configured.
    built = toy.build()
    assert built.status == 2
    assert built.errors[: len(messages)] == done.errors
    assert "dh_auto_configure" not in built.stdout


def contents(deb: Path, toy: Package) -> dict[str, bytes]:
    """Return the regular files of a .deb."""
    folder = deb.with_suffix(".unpacked")
    toy.run("dpkg-deb", "--raw-extract", deb, folder).check()
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_new_weights_and_their_stamp_get_into_the_package(made: Package) -> None:
    made.build().check()
    shipped = contents(made.deb(), made)
    assert shipped["usr/share/toy/model.txt"] == made.path(WEIGHTS).read_bytes()
    stamp = "usr/share/doc/toy/aibootstrap-provenance"
    assert shipped[stamp] == made.path(STAMP).read_bytes()
    assert b"Static-Built-Using" not in shipped["DEBIAN/control"]


def test_build_and_clean_leave_the_source_as_it_was(made: Package) -> None:
    made.path("model.txt").chmod(0o640)
    git = ["git", "-c", "user.name=tests", "-c", "user.email=tests@example.org"]
    made.run(*git, "init", "-q").check()
    made.run(*git, "add", "-A").check()
    made.run(*git, "commit", "-q", "-m", "first").check()
    before = made.source()
    made.build().check()
    assert made.read("model.txt") == made.read(WEIGHTS)
    assert not made.path(WEIGHTS).is_symlink()
    # A second build in the built tree lays the same; the original is not forgotten.
    made.build("-nc").check()
    made.rules("clean").check()
    after = made.source()
    after.pop("debian/files", None)
    assert after == before
    assert made.read("model.txt") == UPSTREAM_MODEL
    assert made.run("git", "status", "--porcelain", "-uno").stdout == ""
    assert made.run("git", "diff", "--exit-code").status == 0


def test_source_package_after_a_build(package: Make) -> None:
    """The overlay is no upstream change to dpkg-source, since clean restores it."""
    toy = package(version="1.0-1")
    toy.bootstrap().check()
    toy.run("dpkg-buildpackage", "-d", "-us", "-uc").check()
    toy.run("dpkg-buildpackage", "-d", "-us", "-uc", "-S").check()
    (deb,) = toy.root.parent.glob("*.deb")
    assert toy.read(WEIGHTS).encode() in contents(deb, toy).values()


def test_weights_that_are_not_the_stamps(made: Package) -> None:
    pinned = hashlib.sha256(made.path(WEIGHTS).read_bytes()).hexdigest()
    made.write(WEIGHTS, "something else\n")
    found = hashlib.sha256(b"something else\n").hexdigest()
    assert_refused(
        made,
        f"{WEIGHTS} is not the file of {STAMP}: its sha256 is {found}, the stamp says"
        f" {pinned}; {MEND}",
    )


def test_weights_of_equal_size_and_one_bit_off(made: Package) -> None:
    path = made.path(WEIGHTS)
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    assert f"{WEIGHTS} is not the file of {STAMP}" in check(made).errors[0]


def test_missing_weights(made: Package) -> None:
    made.path(WEIGHTS).unlink()
    assert_refused(made, f"{WEIGHTS} is missing, and {STAMP} names it; {MEND}")


def test_weights_that_are_a_link(made: Package) -> None:
    path = made.path(WEIGHTS)
    path.rename(made.path("debian/elsewhere"))
    path.symlink_to("../elsewhere")
    assert_refused(
        made, f"{WEIGHTS} is a symbolic link, not the file of {STAMP}; {MEND}"
    )


def test_weights_without_a_stamp(made: Package) -> None:
    made.path(STAMP).unlink()
    assert_refused(made, f"{WEIGHTS} has no stamp: {STAMP} is not there; {MEND}")


def test_never_bootstrapped_builds_with_a_warning(package: Make) -> None:
    toy = package()
    done = toy.build().check()
    assert done.warnings == [
        f"dh_aibootstrap_check: warning: {STAMP} is not there: the weights of upstream"
        " are built in as they are"
    ]
    shipped = contents(toy.deb(), toy)
    assert shipped["usr/share/toy/model.txt"] == UPSTREAM_MODEL.encode()
    assert "usr/share/doc/toy/aibootstrap-provenance" not in shipped


ANEW = "make it anew with 'debian/rules bootstrap'"
BROKEN = {
    "a field twice": (
        lambda text: text + "Format: 1\n",
        "line 22: field 'Format' stands there twice",
    ),
    "unknown format": (
        lambda text: text.replace("Format: 1\n", "Format: 2\n"),
        "Format 2; this version reads 1, a newer dh-aibootstrap may read it",
    ),
    "no weights": (
        lambda text: text[: text.index("Weights:")],
        "field 'Weights' is missing",
    ),
    "two paragraphs": (
        lambda text: text + "\nOther: field\n",
        "line 22: a blank line; there is one paragraph",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_stamp_that_cannot_be_read(made: Package, fault: str) -> None:
    change, reason = BROKEN[fault]
    text = change(made.read(STAMP))
    made.write(STAMP, text.encode("utf-8", "surrogateescape"))
    done = check(made)
    assert done.errors == [f"dh_aibootstrap_check: error: {STAMP}: {reason}; {ANEW}"]
    assert done.status == 1
    assert made.read("model.txt") == UPSTREAM_MODEL


def test_criteria_that_changed_are_a_warning(made: Package) -> None:
    made.edit("debian/aibootstrap.yaml", "train.error <= 0.1", "train.error <= 0.2")
    done = check(made).check()
    assert done.warnings == [
        "dh_aibootstrap_check: warning: debian/aibootstrap.yaml: the criteria changed"
        f" since the stamp; {MEND}"
    ]
    assert made.read("model.txt") == made.read(WEIGHTS)


def test_recipe_that_changed_is_a_warning(made: Package) -> None:
    old = made.stamp()["Recipe-Sha256"]
    made.edit("debian/aibootstrap.yaml", "epochs: 20", "epochs: 21")
    done = check(made).check()
    (warning,) = done.warnings
    new = warning.split(" -> ")[1][:12]
    assert warning == (
        "dh_aibootstrap_check: warning: debian/aibootstrap.yaml: the recipe changed"
        f" since the stamp ({old[:12]} -> {new}); {MEND}"
    )
    # The weights that lie there are built in all the same.
    assert made.read("model.txt") == made.read(WEIGHTS)


@pytest.mark.parametrize(
    "old, new",
    [
        ("format: 1\n", "# a remark\nformat: 1\n"),
        (
            "metrics: metrics.json\n",
            "metrics: metrics.json\n    resources: {time: 5m}\n",
        ),
    ],
)
def test_change_that_is_not_of_the_recipe_is_silent(
    made: Package, old: str, new: str
) -> None:
    made.edit("debian/aibootstrap.yaml", old, new)
    done = check(made).check()
    assert (done.stdout, done.stderr) == ("", "")
    assert made.read("model.txt") == made.read(WEIGHTS)


def test_wrong_manifest_stops_a_build(made: Package) -> None:
    made.edit("debian/aibootstrap.yaml", "determinism: bitwise", "determinism: maybe")
    done = check(made)
    assert done.status == 2
    assert "debian/aibootstrap.yaml:24: determinism: found 'maybe'" in done.errors[0]
    assert made.read("model.txt") == UPSTREAM_MODEL


def test_no_act_lays_nothing(made: Package) -> None:
    before = made.source()
    made.run("dh_aibootstrap_check", "--no-act").check()
    made.run("dh_aibootstrap_install", "--no-act").check()
    assert made.source() == before


def test_check_shows_its_commands_when_asked(made: Package) -> None:
    done = made.run("dh_aibootstrap_check", "-v").check()
    assert f"install --mode=0644 --no-target-directory {WEIGHTS} model.txt" in (
        done.stdout.replace("\t", "")
    )


def test_weights_that_replace_nothing(package: Make) -> None:
    toy = package(install="debian/aibootstrap/model.txt usr/share/toy\n")
    toy.edit("debian/aibootstrap.yaml", "    replaces: model.txt\n", "")
    toy.bootstrap().check()
    toy.rules("clean").check()
    toy.build().check()
    assert toy.read("model.txt") == UPSTREAM_MODEL
    shipped = contents(toy.deb(), toy)
    assert shipped["usr/share/toy/model.txt"] == toy.path(WEIGHTS).read_bytes()


@pytest.mark.parametrize(
    "option, acted_on",
    [("-Ntoy", ["toy-data"]), ("-ptoy", ["toy"]), ("-v", ["toy", "toy-data"])],
)
def test_binary_packages_to_act_on(
    made: Package, option: str, acted_on: list[str]
) -> None:
    second = made.read("debian/control").split("\n\n")[1]
    second = second.replace("Package: toy", "Package: toy-data")
    made.write("debian/control", made.read("debian/control") + "\n" + second)
    made.run("dh_aibootstrap_install", option).check()
    stamps = made.root.glob("debian/*/usr/share/doc/*/aibootstrap-provenance")
    assert sorted(path.parent.name for path in stamps) == acted_on
    for path in made.root.glob("debian/*.substvars"):
        assert path.read_text() == "aibootstrap:Static-Built-Using?=\n"
    variables = made.root.glob("debian/*.substvars")
    assert sorted(path.stem for path in variables) == acted_on


def test_variable_is_always_known(made: Package) -> None:
    """dpkg-gencontrol warns of a variable that nothing defines."""
    done = made.build().check()
    assert "unknown substitution variable" not in done.stderr
    made.rules("clean").check()
    made.path(STAMP).unlink()
    made.path(WEIGHTS).unlink()
    done = made.build().check()
    assert "unknown substitution variable" not in done.stderr


def test_substitution_variable_names_the_dataset(
    package: Make, archive: Archive
) -> None:
    data = archive.add({"train.py": TRAIN, "data.txt": DATA})
    more = archive.add({"data.txt": DATA}, name="more-data", version="2:3.4~x")
    before, rest = MANIFEST.split("  data:\n")
    after = rest[rest.index("parameters:") :]
    entries = data.manifest_entry() + more.manifest_entry("more")
    toy = package(manifest=before + entries + after)
    toy.edit("debian/aibootstrap.yaml", "needs: [data]", "needs: [data, more]")
    toy.bootstrap(AIBOOTSTRAP_DATASETS=str(data.dsc.parent)).check()
    toy.rules("clean").check()
    toy.build().check()
    control = toy.run("dpkg-deb", "--field", toy.deb()).check().stdout
    assert "Static-Built-Using: more-data (= 2:3.4~x), toy-data (= 1.0)\n" in control


def test_documentation_folder_that_is_a_link(made: Package) -> None:
    made.run("mkdir", "-p", "debian/toy/usr/share/doc").check()
    made.path("debian/toy/usr/share/doc/toy").symlink_to("toy-common")
    made.run("dh_aibootstrap_install").check()
    assert made.path("debian/toy/usr/share/doc/toy").is_symlink()


def test_package_without_a_manifest_is_left_alone(package: Make) -> None:
    toy = package(manifest=None)
    done = toy.build().check()
    assert done.warnings == [] and done.errors == []
    assert contents(toy.deb(), toy)["usr/share/toy/model.txt"] == (
        UPSTREAM_MODEL.encode()
    )


def test_needs_neither_numpy_nor_torch_nor_network(made: Package) -> None:
    for name in ("numpy", "torch"):
        probe = made.run("/usr/bin/python3", "-c", f"import {name}")
        assert probe.stderr.endswith(
            f"ImportError: {name} is not for the core: tests/support/refused hides it\n"
        )
    # A remark: then the check asks Python, too.
    made.edit("debian/aibootstrap.yaml", "format: 1\n", "# a remark\nformat: 1\n")
    made.run("unshare", "--net", *BUILD).check()
    assert made.read(WEIGHTS).encode() in contents(made.deb(), made).values()


def test_build_writes_nothing_outside_its_folder(made: Package) -> None:
    """No cache, no home: what Policy asks of required targets."""
    for path in sorted(made.tree.cache.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    made.tree.cache.rmdir()
    made.edit("debian/aibootstrap.yaml", "format: 1\n", "# a remark\nformat: 1\n")
    made.build().check()
    names = {path.name for path in made.tree.scratch.iterdir()}
    assert names == {"source"}
    beside = {path.suffix for path in made.root.parent.iterdir() if path.is_file()}
    assert beside == {".deb", ".buildinfo", ".changes", ".bootstrapinfo"}


def test_two_builds_in_different_folders_are_equal(made: Package) -> None:
    made.build().check()
    first = made.deb().read_bytes()
    other = made.tree.scratch / "a/quite/different/place"
    other.mkdir(parents=True)
    made.run("cp", "-a", made.root, other / "toy-1.0").check()
    again = Package(made.tree, other / "toy-1.0", "toy", "1.0")
    again.rules("clean").check()
    again.build(TZ="Pacific/Kiritimati", LC_ALL="C").check()
    assert again.deb().read_bytes() == first


def test_weights_come_back_from_git_and_build(made: Package) -> None:
    """What counts is in the source: a fresh copy without cache or scratch builds."""
    other = made.tree.scratch / "fresh"
    made.run("dpkg-source", "-b", ".").check()
    made.run("dpkg-source", "-x", "../toy_1.0.dsc", other).check()
    again = Package(made.tree, other, "toy", "1.0")
    assert snapshot(again.path("debian/aibootstrap")) == made.weights()
    again.build(XDG_CACHE_HOME="").check()


def test_stamp_says_what_it_was_made_from(made: Package) -> None:
    stamp = fields(made.path(STAMP))
    model = made.path(WEIGHTS).read_bytes()
    digest = hashlib.sha256(model).hexdigest()
    manifest = made.path("debian/aibootstrap.yaml").read_bytes()
    assert stamp["Format"] == "1"
    assert stamp["Source"] == "toy"
    assert stamp["Manifest-Sha256"] == hashlib.sha256(manifest).hexdigest()
    assert stamp["Determinism"] == "bitwise"
    assert stamp["Parameters"].strip() == "epochs 20"
    assert stamp["Licences"].strip() == "data GPL-3+"
    assert stamp["Lineage"].strip() == "data counted by hand"
    assert stamp["Weights"].strip() == f"{digest} {len(model)} model.txt"
    assert stamp["Replaces"].strip() == f"{WEIGHTS} model.txt"
    assert stamp["Acceptance"].strip().startswith("train.error <= 0.1: met (2.8")
    # The seed that the trainer was given is the one on record.
    name, key, seed = stamp["Stages"].split()
    assert (name, int(key[:16], 16) >> 1) == ("train", int(seed))
    assert model.decode().split()[1] == seed


def test_whole_archive_member_list(made: Package) -> None:
    """The .deb holds the model and the stamp, and nothing else of ours."""
    made.build().check()
    data = made.tree.run(["dpkg-deb", "--contents", made.deb()]).check().stdout
    names = [line.split()[-1] for line in data.splitlines() if line[0] == "-"]
    assert sorted(names) == [
        "./usr/share/doc/toy/aibootstrap-provenance",
        "./usr/share/doc/toy/changelog.gz",
        "./usr/share/toy/model.txt",
    ]
