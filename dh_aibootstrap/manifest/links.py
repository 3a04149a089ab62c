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
    for stage in manifest.stages:
        _check_needs(stage, manifest, notes)
        _check_placeholders(stage, manifest, notes)
    _check_weights(manifest, notes)
    _check_replaced(manifest, notes)
    _check_metrics(manifest, notes)
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


def _names(manifest: Manifest) -> list[str]:
    """Return the names that a stage can need."""
    names = [dataset.name for dataset in manifest.datasets]
    return names + [stage.name for stage in manifest.stages]


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
            text = f"the name is taken by {seen[name]}, and {{{name}}} can mean only"
            notes.problem(manifest.line(where), where, text + " one; take another name")
        seen.setdefault(name, where)


def _check_needs(stage: Stage, manifest: Manifest, notes: Notes) -> None:
    names = _names(manifest)
    for number, need in enumerate(stage.needs):
        where = f"stages.{stage.name}.needs[{number}]"
        text = ""
        if need in stage.needs[:number]:
            text = f"'{need}' stands in the list twice; leave one out"
        elif need in manifest.parameters and need not in names:
            text = f"'{need}' is a parameter; every stage has those, leave it out"
        elif need and need not in names:
            text = f"'{need}' is no dataset and no stage; {suggest(need, names)}"
        if text:
            notes.problem(manifest.line(where), where, text)


def _check_placeholders(stage: Stage, manifest: Manifest, notes: Notes) -> None:
    below = f"stages.{stage.name}"
    places = [
        (f"{below}.command[{number}]", word)
        for number, word in enumerate(stage.command)
    ]
    places += [
        (f"{below}.environment.{name}", text) for name, text in stage.environment
    ]
    known = ["out", *stage.needs, *manifest.parameters]
    for where, text in places:
        for name in dict.fromkeys(PLACEHOLDER.findall(text)):
            if name not in known:
                mend = _mend_placeholder(name, known, stage, manifest, notes)
                if mend:
                    problem = f"unknown placeholder '{{{name}}}'; {mend}"
                    notes.problem(manifest.line(where), where, problem)


def _mend_placeholder(
    name: str, known: list[str], stage: Stage, manifest: Manifest, notes: Notes
) -> str:
    """Return what to write, '' where another problem, once mended, mends this."""
    if notes.has(f"stages.{stage.name}.needs") or f"parameters.{name}" in notes.lines:
        return ""
    if name == stage.name:
        return "a stage finds its own outputs in {out}"
    if name in _names(manifest):
        return f"add {name} to this stage's needs"
    return suggest(name, sorted(known))


def _check_weights(manifest: Manifest, notes: Notes) -> None:
    outputs = {stage.name: stage.outputs for stage in manifest.stages}
    for weights in manifest.weights:
        where = f"weights.{weights.name}.from"
        if not weights.output:
            continue  # noted with the shape already
        if weights.stage not in outputs:
            text = f"'{weights.stage}' is no stage; "
            text += suggest(weights.stage, list(outputs))
        elif _are_unknown(weights.stage, outputs[weights.stage], notes):
            continue
        elif not outputs[weights.stage]:
            text = f"stage '{weights.stage}' has no outputs; list"
            text += f" '{weights.output}' there"
        elif weights.output not in outputs[weights.stage]:
            text = f"'{weights.output}' is no output of stage '{weights.stage}'; "
            text += suggest(weights.output, outputs[weights.stage])
        else:
            continue
        notes.problem(manifest.line(where), where, text)


def _are_unknown(stage: str, outputs: tuple[str, ...], notes: Notes) -> bool:
    """Tell whether the outputs of a stage show only when a problem is mended."""
    return notes.has(f"stages.{stage}.outputs") and ("" in outputs or not outputs)


def _check_replaced(manifest: Manifest, notes: Notes) -> None:
    seen: dict[str, str] = {}
    for weights in manifest.weights:
        path, where = weights.replaces, f"weights.{weights.name}.replaces"
        if path in seen:
            text = f"'{path}' is replaced by {seen[path]} already; one file can stand"
            notes.problem(manifest.line(where), where, text + " in for it")
        elif path:
            seen[path] = weights.name


def _check_metrics(manifest: Manifest, notes: Notes) -> None:
    """A criterion that no stage can meet is better known before hours of training."""
    if not manifest.accept or any(stage.metrics for stage in manifest.stages):
        return
    if not notes.has("stages"):
        text = "no stage reports metrics; name the file of one as its 'metrics'"
        notes.problem(manifest.line("accept"), "accept", text)


def _check_cycles(manifest: Manifest, notes: Notes) -> None:
    needs = {stage.name: set(stage.needs) for stage in manifest.stages}
    left = _without_ready(needs)
    while left:
        cycle = _walk_cycle(next(iter(left)), left)
        where = f"stages.{cycle[0]}.needs"
        text = "the stages need each other in a circle: " + " -> ".join(cycle)
        notes.problem(manifest.line(where), where, text + "; take one need out")
        left = _without_ready({n: left[n] for n in left if n not in cycle})


def _without_ready(needs: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the stages that never get to run, for they wait for each other."""
    left = dict(needs)
    while ready := [name for name in left if not left[name] & set(left)]:
        for name in ready:
            del left[name]
    return left


def _walk_cycle(start: str, needs: dict[str, set[str]]) -> list[str]:
    path = [start]
    while True:
        following = next(need for need in sorted(needs[path[-1]]) if need in needs)
        if following in path:
            return path[path.index(following) :] + [following]
        path.append(following)
