# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""make: a target that is up to date, and exit statuses that it does not pass on."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from support.packages import HEAD, RULES, Package

Make = Callable[..., Package]

NOTHING = (
    "aibootstrap: error: debian/rules bootstrap ended well, but nothing was trained: "
)
FILE_NAMED_SO = NOTHING + (
    "make took the file 'bootstrap' for the target; give debian/rules the rule"
    " 'bootstrap:' with the recipe 'dh $@', and '.PHONY: bootstrap'"
)
PHONY_ALONE = NOTHING + (
    "make applies no pattern rule to a .PHONY target; give debian/rules the"
    " rule 'bootstrap:' with the recipe 'dh $@'"
)
NOTHING_TO_BUILD = NOTHING + (
    "no binary package can be built on this architecture and under these profiles,"
    " or debian/rules bootstrap does not call 'dh bootstrap'"
)


def assert_untouched(toy: Package, before: dict[str, tuple[str, bytes]]) -> None:
    """Nothing was trained, placed or recorded."""
    assert toy.source() == before
    assert not toy.path("debian/aibootstrap").exists()
    assert list(toy.root.parent.glob("*.bootstrapinfo")) == []


def put_in_the_way(toy: Package, what: str) -> None:
    """Make a file or a folder named bootstrap, as upstreams with autotools have."""
    if what == "file":
        toy.write("bootstrap", "#!/bin/sh\nautoreconf -fi\n").chmod(0o755)
    else:
        toy.write("bootstrap/main.c", "int main(void) { return 0; }\n")


@pytest.mark.parametrize("what", ["file", "folder"])
def test_pattern_rule_alone_trains_nothing_and_run_says_so(
    package: Make, what: str
) -> None:
    toy = package(rules="pattern")
    put_in_the_way(toy, what)
    before = toy.source()

    # The trap itself: make is content, and nothing was done.
    done = toy.bootstrap()
    assert (done.status, done.stdout) == (0, "make: 'bootstrap' is up to date.\n")
    assert_untouched(toy, before)
    buildpackage = ["dpkg-buildpackage", "-d", "-us", "-uc", "--target=bootstrap"]
    assert toy.run(*buildpackage).status == 0
    assert_untouched(toy, before)

    done = toy.aibootstrap("run")
    assert done.status == 1
    assert done.errors == [FILE_NAMED_SO]
    assert_untouched(toy, before)


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize("rules", ["with", "mk"])
def test_explicit_phony_rule_is_not_taken_for_the_file(
    package: Make, rules: str, what: str
) -> None:
    toy = package(rules=rules)
    put_in_the_way(toy, what)
    toy.bootstrap().check()
    assert toy.result()["Status"] == "done"
    assert set(toy.weights()) == {"model.txt", "provenance"}

    for path in toy.path("debian/aibootstrap").iterdir():
        path.unlink()
    done = toy.aibootstrap("run").check()
    assert toy.result()["Status"] == "done"
    assert set(toy.weights()) == {"model.txt", "provenance"}
    assert done.stdout.splitlines()[-1] == (
        "aibootstrap: done; the record of this run is"
        f" ../toy_1.0_{architecture(toy)}.bootstrapinfo"
    )


def architecture(toy: Package) -> str:
    return toy.run("dpkg-architecture", "-qDEB_HOST_ARCH").stdout.strip()


def test_phony_alone_trains_nothing_and_run_says_so(package: Make) -> None:
    toy = package(rules="phony")
    before = toy.source()
    done = toy.bootstrap()
    assert done.status == 0
    assert done.stdout == "make: Nothing to be done for 'bootstrap'.\n"
    assert_untouched(toy, before)

    done = toy.aibootstrap("run")
    assert done.status == 1
    assert done.errors == [PHONY_ALONE]
    assert_untouched(toy, before)


def test_pattern_rule_is_enough_where_nothing_is_named_bootstrap(package: Make) -> None:
    toy = package(rules="pattern")
    toy.bootstrap().check()
    assert toy.result()["Status"] == "done"
    toy.aibootstrap("run").check()


def test_target_that_calls_something_else(package: Make) -> None:
    toy = package(rules=HEAD + "%:\n\tdh $@\n\nbootstrap:\n\ttrue\n")
    before = toy.source()
    assert toy.bootstrap().status == 0
    done = toy.aibootstrap("run")
    assert (done.status, done.errors) == (1, [NOTHING_TO_BUILD])
    assert_untouched(toy, before)


@pytest.mark.parametrize("why", ["architecture", "profile"])
def test_no_binary_package_to_build(package: Make, why: str) -> None:
    if why == "architecture":
        toy = package(architecture="hurd-i386")
    else:
        toy = package(more_binary_fields="Build-Profiles: <!pkg.toy.aibootstrap>\n")
    before = toy.source()
    profile = {"DEB_BUILD_PROFILES": "pkg.toy.aibootstrap"}

    # The trap itself: dh warns and exits with 0.
    done = toy.bootstrap(**profile)
    assert done.status == 0
    assert "No packages to build" in done.stderr
    assert_untouched(toy, before)

    done = toy.aibootstrap("run")
    assert (done.status, done.errors) == (1, [NOTHING_TO_BUILD])
    assert_untouched(toy, before)


def test_result_of_an_earlier_run_does_not_count(package: Make) -> None:
    """A stamp and a result that lie there already are not taken for this run's."""
    toy = package(rules="with")
    toy.aibootstrap("run").check()
    toy.write("debian/rules", RULES["phony"])
    before = toy.weights()
    done = toy.aibootstrap("run")
    assert (done.status, done.errors) == (1, [PHONY_ALONE])
    assert not toy.path("debian/.debhelper/aibootstrap/result").exists()
    assert toy.weights() == before


def test_stale_build_stamp_is_refused(package: Make) -> None:
    toy = package()
    toy.rules("build").check()
    assert toy.path("debian/debhelper-build-stamp").exists()
    before = toy.source()
    done = toy.bootstrap()
    assert done.status == 2
    assert done.errors == [
        "dh_aibootstrap_fetch: error: debian/debhelper-build-stamp exists: what was"
        " built holds the old weights, and dh would not build it again. Run"
        " 'debian/rules clean' first, or both at once with 'dpkg-buildpackage"
        " --target=clean,bootstrap'."
    ]
    assert_untouched(toy, before)

    # And so the new weights get into the package, which is what the trap prevents.
    toy.rules("clean").check()
    toy.bootstrap().check()
    toy.build().check()
    shipped = toy.run("dpkg-deb", "--fsys-tarfile", toy.deb()).check()
    model = toy.path("debian/aibootstrap/model.txt").read_text()
    assert model in shipped.stdout
    # The other way: both at once.
    toy.run(
        *["dpkg-buildpackage", "-d", "-us", "-uc", "--target=clean,bootstrap"]
    ).check()
    assert toy.result()["Status"] == "done"


def test_exit_status_behind_make(package: Make) -> None:
    """make makes 2 of all; the result file and `aibootstrap run` keep what it was."""
    toy = package(train="raise SystemExit(3)\n")
    done = toy.bootstrap()
    assert done.status == 2
    result = toy.result()
    log = log_of(toy)
    message = (
        "debian/aibootstrap.yaml:13: stages.train: python3 returned exit status 3"
        f" (log: {log})"
    )
    assert result == {"Status": "failed", "Exit-Status": "1", "Message": message}
    assert done.errors == [f"dh_aibootstrap_train: error: {message}"]
    done = toy.aibootstrap("run")
    assert done.status == 1
    assert done.errors[-1] == f"aibootstrap: error: {message}"
    assert not toy.path("debian/aibootstrap").exists()


def log_of(toy: Package) -> Path:
    (log,) = (toy.tree.cache / "aibootstrap/logs").iterdir()
    return log


def test_exit_status_of_a_wrong_manifest(package: Make) -> None:
    toy = package()
    toy.edit("debian/aibootstrap.yaml", "determinism: bitwise", "determinism: maybe")
    message = (
        "debian/aibootstrap.yaml:24: determinism: found 'maybe'; write bitwise,"
        " numeric or statistical"
    )
    done = toy.bootstrap()
    assert (done.status, done.errors) == (
        2,
        [f"dh_aibootstrap_fetch: error: {message}"],
    )
    assert toy.result() == {
        "Status": "failed",
        "Exit-Status": "2",
        "Message": message,
    }
    done = toy.aibootstrap("run")
    assert (done.status, done.errors) == (2, [f"aibootstrap: error: {message}"])


def test_exit_status_of_a_criterion_not_met(package: Make) -> None:
    toy = package()
    toy.edit("debian/aibootstrap.yaml", "epochs: 20", "epochs: 1")
    lines = ["accept: train.error <= 0.1: not met (1.5)"]
    lines += ["debian/aibootstrap is left as it was"]
    done = toy.bootstrap()
    assert done.status == 2
    assert done.errors == [f"dh_aibootstrap_refresh: error: {line}" for line in lines]
    assert toy.result() == {
        "Status": "failed",
        "Exit-Status": "4",
        "Message": "\n ".join(lines),
    }
    assert not toy.path("debian/aibootstrap").exists()
    assert toy.record()["Accepted"] == "no"
    done = toy.aibootstrap("run")
    assert done.status == 4
    assert done.errors[-2:] == [f"aibootstrap: error: {line}" for line in lines]


def test_exit_status_of_what_is_missing_for_now(package: Make) -> None:
    toy = package()
    toy.edit("debian/aibootstrap.yaml", "[python3,", "[no-such-trainer,")
    message = (
        "debian/aibootstrap.yaml:13: stages.train: no-such-trainer: no such program in"
        " /usr/sbin:/usr/bin:/sbin:/bin; is its package in Build-Depends under the"
        " profile?"
    )
    done = toy.bootstrap()
    assert (done.status, done.errors) == (
        2,
        [f"dh_aibootstrap_train: error: {message}"],
    )
    assert toy.result()["Exit-Status"] == "75"
    done = toy.aibootstrap("run")
    assert done.status == 75
    assert done.errors[-1] == f"aibootstrap: error: {message}"
    assert not toy.path("debian/aibootstrap").exists()


def test_exit_status_of_retrain_never(package: Make) -> None:
    toy = package()
    toy.edit("debian/aibootstrap.yaml", "format: 1\n", "format: 1\nretrain: never\n")
    message = "debian/aibootstrap.yaml says 'retrain: never'; nothing is trained"
    before = toy.source()
    done = toy.bootstrap().check()
    assert f"dh_aibootstrap_fetch: {message}\n" in done.stdout
    assert toy.result() == {
        "Status": "skipped",
        "Exit-Status": "77",
        "Message": message,
    }
    assert_untouched(toy, before)
    done = toy.aibootstrap("run")
    assert (done.status, done.errors) == (77, [f"aibootstrap: error: {message}"])


def test_mk_does_not_become_the_default_goal(package: Make) -> None:
    """aibootstrap.mk is included at the top, before debian/rules' own first target."""
    toy = package(rules="mk")
    shown = toy.run("make", "-n", "-f", "debian/rules").check()
    assert "dh_aibootstrap_check" in shown.stdout
    assert "dh_aibootstrap_fetch" not in shown.stdout
    # Where a default goal stands above the include, it stays.
    toy.edit("debian/rules", "include ", "all:\n\techo all\n\ninclude ")
    assert toy.run("make", "-f", "debian/rules").check().stdout == "echo all\nall\n"
