# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of a manifest say of each other: names, needs, placeholders."""

from __future__ import annotations

import dataclasses
import re

from .model import Manifest, Stage
from .notes import Notes, suggest

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def check_links(manifest: Manifest, notes: Notes) -> None:
    """Note every name that leads nowhere, or to two things."""
    _check_names(manifest, notes)
    datasets = [dataset.name for dataset in manifest.datasets]
    stages = [stage.name for stage in manifest.stages]
    for stage in manifest.stages:
        where = f"stages.{stage.name}.needs"
        for need in stage.needs:
            if need not in datasets + stages:
                text = f"'{need}' is no dataset and no stage; "
                text += suggest(need, datasets + stages)
                notes.problem(manifest.line(where), where, text)
        _check_placeholders(stage, manifest, notes)
    _check_weights(manifest, notes)
    _check_cycles(manifest, notes)


def in_running_order(manifest: Manifest) -> Manifest:
    """Return the manifest with each stage behind those it needs, else as written."""
    done: list[Stage] = []
    waiting = list(manifest.stages)
    while waiting:
        names = {stage.name for stage in waiting}
        ready = next(stage for stage in waiting if not names & set(stage.needs))
        waiting.remove(ready)
        done.append(ready)
    return dataclasses.replace(manifest, stages=tuple(done))


def _check_names(manifest: Manifest, notes: Notes) -> None:
    """Datasets, stages and parameters share the placeholders, so also the names."""
    seen: dict[str, str] = {}
    places = [
        (f"datasets.{dataset.name}", dataset.name) for dataset in manifest.datasets
    ]
    places += [(f"parameters.{name}", name) for name in manifest.parameters]
    places += [(f"stages.{stage.name}", stage.name) for stage in manifest.stages]
    for where, name in places:
        if name in seen:
            text = f"the name is taken by {seen[name]}; {{{name}}} can mean one thing"
            notes.problem(manifest.line(where), where, text)
        seen.setdefault(name, where)


def _check_placeholders(stage: Stage, manifest: Manifest, notes: Notes) -> None:
    known = {"out", *stage.needs, *manifest.parameters}
    for key, texts in (
        ("command", stage.command),
        ("environment", [value for _, value in stage.environment]),
    ):
        where = f"stages.{stage.name}.{key}"
        for name in PLACEHOLDER.findall(" ".join(texts)):
            if name not in known:
                text = f"unknown placeholder '{{{name}}}'; "
                text += _mend_placeholder(name, known, manifest)
                notes.problem(manifest.line(where), where, text)


def _mend_placeholder(name: str, known: set[str], manifest: Manifest) -> str:
    names = [dataset.name for dataset in manifest.datasets]
    names += [stage.name for stage in manifest.stages]
    if name in names:
        return f"add {name} to this stage's needs"
    return suggest(name, sorted(known))


def _check_weights(manifest: Manifest, notes: Notes) -> None:
    outputs = {stage.name: stage.outputs for stage in manifest.stages}
    for weights in manifest.weights:
        where = f"weights.{weights.name}.from"
        line = manifest.line(where)
        if not weights.output:
            continue  # noted with the shape already
        if weights.stage not in outputs:
            text = f"'{weights.stage}' is no stage; "
            notes.problem(line, where, text + suggest(weights.stage, list(outputs)))
        elif _is_faulty(weights.stage, notes):
            continue  # its outputs are not known before the stage is mended
        elif weights.output not in outputs[weights.stage]:
            known = outputs[weights.stage]
            text = f"'{weights.output}' is no output of stage '{weights.stage}'; "
            notes.problem(line, where, text + suggest(weights.output, known))
    replaced = [w.replaces for w in manifest.weights if w.replaces is not None]
    for path in sorted({path for path in replaced if replaced.count(path) > 1}):
        text = f"'{path}' is replaced twice; one file can replace it"
        notes.problem(manifest.line("weights"), "weights", text)


def _is_faulty(stage: str, notes: Notes) -> bool:
    return any(problem.where == f"stages.{stage}" for problem in notes.problems)


def _check_cycles(manifest: Manifest, notes: Notes) -> None:
    needs = {stage.name: set(stage.needs) for stage in manifest.stages}
    left = dict(needs)
    while ready := [name for name in left if not left[name] & set(left)]:
        for name in ready:
            del left[name]
    while left:
        cycle = _walk_cycle(next(iter(left)), left)
        where = f"stages.{cycle[0]}.needs"
        text = "the stages need each other in a circle: " + " -> ".join(cycle)
        notes.problem(manifest.line(where), where, text)
        left = {name: left[name] for name in left if name not in cycle}
        while blocked := [name for name in left if not left[name] & set(left)]:
            for name in blocked:
                del left[name]


def _walk_cycle(start: str, needs: dict[str, set[str]]) -> list[str]:
    path = [start]
    while True:
        following = next(need for need in sorted(needs[path[-1]]) if need in needs)
        if following in path:
            return path[path.index(following) :] + [following]
        path.append(following)
