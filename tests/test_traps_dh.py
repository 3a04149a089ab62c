# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""dh: the three doors, debhelper's options, overrides and hooks, and --no-act."""

from __future__ import annotations

from typing import Callable

import pytest

from support.packages import RULES, Package

Make = Callable[..., Package]

STEPS = ["dh_aibootstrap_fetch", "dh_aibootstrap_train", "dh_aibootstrap_refresh"]


def steps(output: str) -> list[str]:
    """Return the commands that dh, or make, said it runs."""
    words = [line.split()[0] for line in output.splitlines() if line.strip()]
    return [word for word in words if word.startswith("dh_")]


@pytest.mark.parametrize("rules", ["with", "sequence", "mk"])
def test_each_door_runs_the_three_steps(package: Make, rules: str) -> None:
    toy = package(rules=rules)
    done = toy.bootstrap().check()
    assert done.stderr == ""
    assert steps(done.stdout) == STEPS
    assert toy.result()["Status"] == "done"
    assert toy.read("debian/aibootstrap/model.txt").startswith("2.99999")


def test_extra_addons_serve_a_package_that_never_heard_of_it(package: Make) -> None:
    toy = package(rules="#!/usr/bin/make -f\n%:\n\tdh $@\n")
    assert steps(toy.bootstrap(DH_EXTRA_ADDONS="aibootstrap").check().stdout) == STEPS
    assert toy.result()["Status"] == "done"


def test_no_step_of_bootstrap_is_in_another_sequence(package: Make) -> None:
    toy = package()
    for target in ("build", "binary", "clean", "install"):
        shown = toy.run("dh", target, "--with", "aibootstrap", "--no-act").check()
        assert not set(STEPS) & set(steps(shown.stdout))
    built = steps(toy.run("dh", "binary", "--with", "aibootstrap", "--no-act").stdout)
    checked = built.index("dh_aibootstrap_check")
    assert built[checked + 1] == "dh_auto_configure"
    installed = built.index("dh_aibootstrap_install")
    assert built[installed - 1] == "dh_installdocs"


def test_dh_no_act_shows_the_steps_and_changes_nothing(package: Make) -> None:
    toy = package()
    before = toy.source()
    done = toy.run("dh", "bootstrap", "--with", "aibootstrap", "--no-act").check()
    assert steps(done.stdout) == STEPS
    assert toy.source() == before
    assert not toy.path("debian/.debhelper").exists()
    assert not toy.tree.cache.exists()


@pytest.mark.parametrize("rules", ["with", "mk"])
def test_variable_no_act_reaches_each_command(package: Make, rules: str) -> None:
    """DH_NO_ACT is for each command by itself; dh and make go on to call them."""
    toy = package(rules=rules)
    before = toy.source()
    done = toy.bootstrap(DH_NO_ACT="1", DH_VERBOSE="1").check()
    for verb in ("fetch", "train", "refresh"):
        command = f"/usr/bin/python3 -m dh_aibootstrap.door {verb} -v"
        # dh itself runs no command at all under DH_NO_ACT.
        assert (command in done.stdout) == (rules == "mk")
    assert toy.source() == before
    assert not toy.path("debian/.debhelper").exists()
    assert not toy.tree.cache.exists()


@pytest.mark.parametrize("command", STEPS)
def test_each_command_takes_debhelpers_options(package: Make, command: str) -> None:
    toy = package()
    if command != STEPS[0]:
        toy.run(STEPS[0]).check()
    if command == STEPS[2]:
        toy.run(STEPS[1]).check()
    options = ["-ptoy", "-O-Xthing", "-O--buildsystem=none", "-O--unheard-of"]
    toy.run(command, *options, DH_OPTIONS="-v").check()
    toy.run(command, "-Ntoy").check()


def test_unknown_option_is_refused(package: Make) -> None:
    done = package().run("dh_aibootstrap_train", "--unheard-of")
    assert done.status != 0
    assert done.stderr.startswith("Unknown option: unheard-of\n")


def test_verbose_shows_what_the_stages_print(package: Make) -> None:
    toy = package(train="print('epoch 1 of 7')\nraise SystemExit(1)\n")
    assert "epoch 1 of 7" not in toy.bootstrap().stdout
    assert "epoch 1 of 7\n" in toy.bootstrap(DH_VERBOSE="1").stdout
    shown = toy.run("dh", "bootstrap", "--with", "aibootstrap", "-v")
    assert "epoch 1 of 7\n" in shown.stdout
    # In an override the options of dh come by DH_INTERNAL_OPTIONS.
    toy.write(
        "debian/rules",
        RULES["with"] + "override_dh_aibootstrap_train:\n\tdh_aibootstrap_train\n",
    )
    shown = toy.run("dh", "bootstrap", "--with", "aibootstrap", "-v", "-O-Xthing")
    assert "epoch 1 of 7\n" in shown.stdout


def test_hooks_before_and_after_each_step(package: Make) -> None:
    hooks = "".join(
        f"execute_{when}_{step}:\n\t@echo {when} {step}\n"
        for step in STEPS
        for when in ("before", "after")
    )
    toy = package(rules=RULES["with"] + hooks)
    said = toy.bootstrap().check().stdout.splitlines()
    told = [line for line in said if line.startswith(("before ", "after "))]
    assert told == [f"{when} {step}" for step in STEPS for when in ("before", "after")]
    assert toy.result()["Status"] == "done"


def test_override_with_another_profile(package: Make) -> None:
    override = (
        "override_dh_aibootstrap_train:\n"
        "\tAIBOOTSTRAP_PROFILE=reduced dh_aibootstrap_train\n"
    )
    toy = package(rules=RULES["with"] + override)
    done = toy.bootstrap()
    assert done.status == 2
    message = "stage train has not run; run dh_aibootstrap_train"
    assert done.errors == [f"dh_aibootstrap_refresh: error: {message}"]
    assert toy.result()["Message"] == message
    assert not toy.path("debian/aibootstrap").exists()


@pytest.mark.parametrize("step", STEPS)
def test_empty_override_skips_a_step(package: Make, step: str) -> None:
    toy = package(rules=RULES["with"] + f"override_{step}:\n")
    done = toy.bootstrap()
    left = [name for name in STEPS if name != step]
    if step == "dh_aibootstrap_fetch":
        message = "dataset data is not fetched; run dh_aibootstrap_fetch again"
        assert done.errors == [f"dh_aibootstrap_train: error: {message}"]
        assert toy.result()["Status"] == "failed"
    elif step == "dh_aibootstrap_train":
        message = "stage train has not run; run dh_aibootstrap_train"
        assert done.errors == [f"dh_aibootstrap_refresh: error: {message}"]
        assert toy.result()["Status"] == "failed"
    else:
        assert done.status == 0
        assert not toy.path("debian/.debhelper/aibootstrap/result").exists()
        assert steps(done.stdout) == left
        # dh and make are content; `aibootstrap run` is not.
        assert toy.aibootstrap("run").status == 1
    assert not toy.path("debian/aibootstrap").exists()


def test_dataset_changed_between_the_steps(package: Make) -> None:
    hook = (
        "execute_after_dh_aibootstrap_fetch:\n"
        "\techo 7 >> debian/.debhelper/aibootstrap/datasets/data/data.txt\n"
    )
    toy = package(rules=RULES["with"] + hook)
    done = toy.bootstrap()
    assert done.status == 2
    assert done.errors == [
        "dh_aibootstrap_train: error: dataset data changed after it was fetched; run"
        " dh_aibootstrap_fetch again"
    ]
    assert not toy.path("debian/aibootstrap").exists()


@pytest.mark.parametrize("field", ["Build-Depends-Indep", "Build-Depends-Arch"])
def test_add_on_outside_build_depends_is_refused_by_debhelper(
    package: Make, field: str
) -> None:
    toy = package(
        rules="#!/usr/bin/make -f\n%:\n\tdh $@\n\nbootstrap:\n\tdh $@\n",
        more_source_fields=f"{field}: dh-sequence-aibootstrap\n",
    )
    done = toy.bootstrap()
    assert done.status == 2
    assert "add_command is not supported for conditional dh sequence add-ons" in (
        done.stderr
    )
    assert not toy.path("debian/aibootstrap").exists()
    done = toy.aibootstrap("run")
    assert done.status != 0
    assert not toy.path("debian/aibootstrap").exists()


def test_without_the_add_on_the_target_is_unknown(package: Make) -> None:
    toy = package(rules="#!/usr/bin/make -f\n%:\n\tdh $@\n\nbootstrap:\n\tdh $@\n")
    done = toy.bootstrap()
    assert done.status == 2
    assert "dh: error: Unknown sequence bootstrap " in done.stderr
    assert not toy.path("debian/aibootstrap").exists()


def test_without_a_manifest(package: Make) -> None:
    toy = package(manifest=None)
    message = "debian/aibootstrap.yaml: not found; write one with 'aibootstrap init'"
    done = toy.bootstrap()
    assert (done.status, done.errors) == (
        2,
        [f"dh_aibootstrap_fetch: error: {message}"],
    )
    assert toy.result()["Exit-Status"] == "2"
    # A normal build does without.
    toy.build().check()
