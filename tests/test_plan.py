# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what decides the weights decides the keys, and nothing else does."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Callable

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dh_aibootstrap.manifest import Manifest, parse  # noqa: E402
from dh_aibootstrap.plan import (  # noqa: E402
    Recipe,
    State,
    Step,
    make_plan,
    make_recipe,
)
from dh_aibootstrap.stamp import Stamp, WeightPin  # noqa: E402

TEXT = (ROOT / "tests/manifests/good.yaml").read_text()
PATHS = {"own": "ab" * 32}


def manifest_of(text: str) -> Manifest:
    """Return the manifest that a text declares."""
    manifest, problems = parse(text.encode(), "m")
    assert manifest is not None and problems == []
    return manifest


def recipe_of(text: str = TEXT, profile: str = "full") -> Recipe:
    """Return the recipe of a manifest's text."""
    return make_recipe(manifest_of(text), profile, PATHS)


def test_keys_are_the_same_everywhere() -> None:
    """Figures of KEY_FORMAT 1: where one changes, every package is trained again."""
    recipe = recipe_of()
    assert recipe.profile == "full"
    assert recipe.parameters == {"hidden": 128, "epochs": 40}
    assert recipe.datasets == {"words": "0123456789abcdef" * 4, "own": "ab" * 32}
    assert recipe.keys == {
        "train": "5964aa96b3c53283c304d2cd2d919a0cd7f6c43f6555fa2aa889fbba064fb8f1",
        "judge": "030653100f053968146377139801be5b51b3372194be91a7e67f93d7932defb6",
    }
    assert (
        recipe.sha256
        == "c28e8c7f4a79e668adaabb8251abb1281b601c66b6945d2aa12d50fa467d9e50"
    )


def test_seed_is_the_start_of_the_key() -> None:
    """63 bits of it, so that nobody can pick one; by hand it is the same for all."""
    recipe = recipe_of()
    for name, key in recipe.keys.items():
        assert recipe.seeds[name] == int(key, 16) >> 193
        assert 0 <= recipe.seeds[name] < 1 << 63
    by_hand = recipe_of(TEXT.replace("seed: derived", "seed: 5"))
    assert by_hand.seeds == {"train": 5, "judge": 5}
    assert by_hand.keys != recipe.keys


def test_profile_is_a_recipe_of_its_own() -> None:
    """Other parameters, other keys; those not named stay."""
    reduced = recipe_of(profile="reduced")
    assert reduced.profile == "reduced"
    assert reduced.parameters == {"hidden": 128, "epochs": 2}
    full = recipe_of()
    assert reduced.keys["train"] != full.keys["train"]
    assert reduced.keys["judge"] != full.keys["judge"]
    assert reduced.sha256 != full.sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format: 1", "# a comment\nformat: 1"),
        ("retrain: release", "retrain: never"),
        ("licence: GPL-3+\n    lineage: a", "licence: MIT\n    lineage: a"),
        ("lineage: a word list of 1998", "lineage: found"),
        ("memory: 2G", "memory: 4G"),
        ("disk: 1G, ", ""),
        ("time: 40m", "time: 80m"),
        ("0.0125", "0.02"),
        ("determinism: bitwise", "determinism: numeric"),
        ("epochs: 2\n", "epochs: 3\n"),
        ("version: 1.0-1", "version: 1.0-2"),
        ("    launcher: direct\n", ""),
    ],
)
def test_what_does_not_decide_the_weights(old: str, new: str) -> None:
    """Comments, terms, limits and criteria may change without a retrain."""
    assert TEXT.count(old) == 1
    assert recipe_of(TEXT.replace(old, new)) == recipe_of()


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("words.train", "words.train2", "train judge"),
        ('"{own}", ', "", "train judge"),
        ('WIDTH: "{hidden}"', 'WIDTH: "9"', "train judge"),
        ("WIDTH:", "DEPTH:", "train judge"),
        ("cpus: 2", "cpus: 3", "train judge"),
        ("[model.txt]\n", "[model.txt, log]\n", "train judge"),
        ("hidden: 128", "hidden: 129", "train judge"),
        ("hidden: 128", "hidden: 128.0", "train judge"),
        ("hidden: 128", 'hidden: "128"', "train judge"),
        ("sha256: 0", "sha256: 1", "train judge"),
        ("needs: [own, train]", "needs: [own, train, words]", "judge"),
        ("words.judge", "words.judge2", "judge"),
        ("metrics: metrics", "metrics: metrix", "judge"),
        ("upstream/model.txt", "upstream/model2.txt", ""),
        ("  model.txt:\n", "  model2.txt:\n", ""),
    ],
)
def test_what_decides_the_weights(old: str, new: str, changed: str) -> None:
    """A change shows in the key of its stage, of those behind it, and of the whole."""
    assert TEXT.count(old) == 1
    one, two = recipe_of(), recipe_of(TEXT.replace(old, new))
    different = [name for name in one.keys if one.keys[name] != two.keys[name]]
    assert different == changed.split()
    assert one.sha256 != two.sha256


def test_dataset_in_the_source_decides_too() -> None:
    """Its tree's digest stands for a path."""
    manifest = manifest_of(TEXT)
    one = make_recipe(manifest, "full", {"own": "ab" * 32})
    two = make_recipe(manifest, "full", {"own": "cd" * 32})
    assert one.keys["train"] != two.keys["train"]
    assert one.keys["judge"] != two.keys["judge"]


def test_order_of_needs_and_outputs_does_not_decide() -> None:
    """A stage finds both by name."""
    text = TEXT.replace("outputs: [model.txt]", "outputs: [model.txt, log]")
    other = text.replace("[model.txt, log]", "[log, model.txt]")
    other = other.replace("needs: [words, own]", "needs: [own, words]")
    assert recipe_of(other) == recipe_of(text)


def plan_of(
    text: str = TEXT,
    stamp: Callable[[Recipe], Stamp | None] = lambda recipe: None,
    fetched: str = "",
    finished: str = "",
    weights: dict[str, str] | None = None,
) -> dict[str, str]:
    """Return the reason of each step, by its verb and name; check keys and order."""
    manifest = manifest_of(text)
    recipe = make_recipe(manifest, "full", PATHS)
    state = State(
        fetched=frozenset(fetched.split()),
        finished=frozenset(recipe.keys[name] for name in finished.split()),
        weights=weights or {},
    )
    steps = make_plan(manifest, recipe, stamp(recipe), state)
    assert steps == (
        Step("fetch", "words", recipe.datasets["words"], steps[0].reason),
        Step("fetch", "own", recipe.datasets["own"], steps[1].reason),
        Step("train", "train", recipe.keys["train"], steps[2].reason),
        Step("train", "judge", recipe.keys["judge"], steps[3].reason),
        Step("refresh", "weights", recipe.sha256, steps[4].reason),
    )
    return {f"{step.verb} {step.name}": step.reason for step in steps}


def good_stamp(recipe: Recipe) -> Stamp:
    """Return a stamp of this recipe."""
    return Stamp(
        source="words",
        manifest="",
        recipe=recipe.sha256,
        determinism="",
        parameters=(),
        datasets=(),
        licences=(),
        lineage=(),
        stages=(),
        weights=(WeightPin("model.txt", "ef" * 32, 5),),
        replaces=(),
        acceptance=("train.error <= 0.0125: met (0.0119)",),
        static_built_using="",
    )


def other_stamp(recipe: Recipe) -> Stamp:
    """Return a stamp of another recipe."""
    return dataclasses.replace(good_stamp(recipe), recipe="0" * 64)


NOTHING = {
    "fetch words": "",
    "fetch own": "",
    "train train": "",
    "train judge": "",
    "refresh weights": "",
}
EVERYTHING = {
    "fetch words": "not at hand",
    "fetch own": "not at hand",
    "train train": "not made yet",
    "train judge": "not made yet",
    "refresh weights": "there is no stamp yet",
}


def test_plan_of_a_source_that_was_never_trained() -> None:
    """Everything runs."""
    assert plan_of() == EVERYTHING


def test_plan_of_what_is_in_place() -> None:
    """Nothing runs, even where the cache is empty."""
    assert plan_of(stamp=good_stamp, weights={"model.txt": "ef" * 32}) == NOTHING


def test_plan_with_the_datasets_at_hand() -> None:
    """What was fetched is not fetched again."""
    wanted = {**EVERYTHING, "fetch words": "", "fetch own": ""}
    assert plan_of(fetched="words own") == wanted


def test_plan_where_one_stage_has_finished() -> None:
    """Only the datasets of stages that run are fetched."""
    wanted = {**EVERYTHING, "train train": "", "fetch words": ""}
    assert plan_of(finished="train") == wanted


def test_plan_where_all_stages_have_finished() -> None:
    """The refresh alone is left, and says why."""
    wanted = {**NOTHING, "refresh weights": "there is no stamp yet"}
    assert plan_of(finished="train judge") == wanted


def test_plan_after_a_change_of_the_recipe() -> None:
    """The reason names both digests."""
    recipe = recipe_of()
    found = plan_of(stamp=other_stamp, weights={"model.txt": "ef" * 32})
    assert found == {
        **EVERYTHING,
        "refresh weights": "the recipe changed since the stamp (000000000000 ->"
        f" {recipe.sha256[:12]})",
    }


def test_plan_after_a_change_of_the_criteria() -> None:
    """The weights are judged anew; no stage that has finished runs for it."""

    def judged_by_others(recipe: Recipe) -> Stamp:
        acceptance = ("train.error <= 0.5: met (0.25)",)
        return dataclasses.replace(good_stamp(recipe), acceptance=acceptance)

    found = plan_of(
        stamp=judged_by_others,
        weights={"model.txt": "ef" * 32},
        finished="train judge",
    )
    reason = "the criteria changed since the stamp"
    assert found == {**NOTHING, "refresh weights": reason}


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({}, "model.txt is missing"),
        ({"other": "ef" * 32}, "model.txt is missing"),
        ({"model.txt": "00" * 32}, "model.txt is not the stamp's"),
    ],
)
def test_plan_where_the_weights_are_not_the_stamps(
    weights: dict[str, str], reason: str
) -> None:
    """Lost and changed files are made again."""
    wanted = {**EVERYTHING, "refresh weights": reason}
    assert plan_of(stamp=good_stamp, weights=weights) == wanted


def test_plan_that_is_never_to_run() -> None:
    """'retrain: never' asks for nothing, whatever is missing."""
    text = TEXT.replace("retrain: release", "retrain: never")
    assert plan_of(text) == NOTHING
