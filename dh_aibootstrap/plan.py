# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifest + Stamp + what is on disk -> Plan: the steps, their keys and why they run.

Pure: nothing here opens a file. A stage's key is a digest over all that decides its
result: its command, its environment, the parameters, the seed, the digests of its
datasets and the keys of the stages before it. So the whole plan is known before the
first step, and equal keys mean the same work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from .digest import sha256_value
from .manifest.model import (
    Dataset,
    Manifest,
    PathHome,
    Scalar,
    SourcePackageHome,
    Stage,
)
from .stamp import Stamp
from .words import short

KEY_FORMAT = 1
FULL = "full"


@dataclass(frozen=True)
class Recipe:
    """What decides the weights, with the digests of its parts."""

    profile: str
    parameters: Mapping[str, Scalar]
    datasets: Mapping[str, str]  # name -> digest that identifies the content
    keys: Mapping[str, str]  # stage -> key
    seeds: Mapping[str, int]  # stage -> seed, 0 <= seed < 2^63
    sha256: str


@dataclass(frozen=True)
class State:
    """What is on disk before a run."""

    fetched: frozenset[str]  # names of the datasets at hand, verified
    finished: frozenset[str]  # keys of the stages in the cache
    weights: Mapping[str, str]  # digests of the files in debian/aibootstrap


@dataclass(frozen=True)
class Step:
    """One step; `reason` says why it must run and is '' where it need not."""

    verb: str  # fetch, train or refresh
    name: str
    key: str
    reason: str


def make_recipe(
    manifest: Manifest, profile: str, path_digests: Mapping[str, str]
) -> Recipe:
    """Return the recipe of `manifest` under a profile it declares, or 'full'.

    `path_digests` has the digest of each dataset that lies in the source itself.
    """
    parameters = dict(manifest.parameters)
    if profile != FULL:
        parameters.update(manifest.profiles[profile])
    datasets = {
        dataset.name: _identity(dataset, path_digests) for dataset in manifest.datasets
    }
    digests = dict(datasets)
    keys: dict[str, str] = {}
    for stage in manifest.stages:
        keys[stage.name] = digests[stage.name] = sha256_value(
            _stage_value(stage, parameters, manifest.seed, digests)
        )
    weights = [[w.name, w.stage, w.output, w.replaces] for w in manifest.weights]
    return Recipe(
        profile=profile,
        parameters=parameters,
        datasets=datasets,
        keys=keys,
        seeds={name: _seed(manifest.seed, key) for name, key in keys.items()},
        sha256=sha256_value({"keys": keys, "weights": weights}),
    )


def _identity(dataset: Dataset, path_digests: Mapping[str, str]) -> str:
    if isinstance(dataset.home, SourcePackageHome):
        return dataset.home.sha256
    assert isinstance(dataset.home, PathHome)
    return path_digests[dataset.name]


def _stage_value(
    stage: Stage,
    parameters: Mapping[str, Scalar],
    seed: int | None,
    digests: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "format": KEY_FORMAT,
        "command": stage.command,
        "environment": stage.environment,
        "needs": {need: digests[need] for need in stage.needs},
        "outputs": sorted(stage.outputs),
        "metrics": stage.metrics,
        "parameters": dict(parameters),
        "seed": seed,
        "cpus": stage.resources.cpus,
        "launcher": stage.launcher,
    }


def _seed(fixed: int | None, key: str) -> int:
    """A derived seed is the first 63 bits of the stage's key: nobody can pick it."""
    return int(key[:16], 16) >> 1 if fixed is None else fixed


def make_plan(
    manifest: Manifest, recipe: Recipe, stamp: Stamp | None, state: State
) -> tuple[Step, ...]:
    """Return the steps in the order in which they run, each with its reason."""
    stale = _why_stale(manifest, recipe, stamp, state)
    steps: list[Step] = []
    for stage in manifest.stages:
        key = recipe.keys[stage.name]
        reason = "" if not stale or key in state.finished else "not made yet"
        steps.append(Step("train", stage.name, key, reason))
    running = {step.name for step in steps if step.reason}
    fetches: list[Step] = []
    for dataset in manifest.datasets:
        used = any(
            dataset.name in stage.needs and stage.name in running
            for stage in manifest.stages
        )
        reason = "not at hand" if used and dataset.name not in state.fetched else ""
        digest = recipe.datasets[dataset.name]
        fetches.append(Step("fetch", dataset.name, digest, reason))
    refresh = Step("refresh", "weights", recipe.sha256, stale)
    return (*fetches, *steps, refresh)


def why_outdated(manifest: Manifest, recipe: Recipe, stamp: Stamp) -> str:
    """Return why the stamp is not that of this manifest, '' where it is.

    Changed criteria leave the stages as they are; they are judged by anew.
    """
    if stamp.recipe != recipe.sha256:
        change = f"{short(stamp.recipe)} -> {short(recipe.sha256)}"
        return f"the recipe changed since the stamp ({change})"
    if stamp.criteria != tuple(criterion.text for criterion in manifest.accept):
        return "the criteria changed since the stamp"
    return ""


def _why_stale(
    manifest: Manifest, recipe: Recipe, stamp: Stamp | None, state: State
) -> str:
    if manifest.retrain == "never":
        return ""
    if stamp is None:
        return "there is no stamp yet"
    outdated = why_outdated(manifest, recipe, stamp)
    if outdated:
        return outdated
    for pin in stamp.weights:
        found = state.weights.get(pin.name)
        if found is None:
            return f"{pin.name} is missing"
        if found != pin.sha256:
            return f"{pin.name} is not the stamp's"
    return ""
