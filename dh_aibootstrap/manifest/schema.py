# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a manifest, format 1: a tree of nodes -> Manifest and its problems.

Pure: it looks at no file. Every rule notes its problem and goes on, so that one run
shows all of them.
"""

from __future__ import annotations

import math
import re

from ..digest import sha256_bytes
from ..errors import Problem
from ..layout import is_name
from ..words import shown
from .datasets import read_dataset
from .faults import fault_of_path, fault_of_weights_name
from .links import check_links, in_running_order
from .model import Criterion, Manifest, Scalar, Stage, Weights
from .notes import Found, Notes, kind, suggest
from .reader import Node, read
from .scalars import fault_of_value, value_of
from .stages import read_stage

TOP = (
    "format retrain seed datasets parameters profiles stages weights accept determinism"
).split()

_NEEDED = {
    "format": "write 'format: 1'",
    "stages": "write the programs that train, each under a name",
    "weights": "write the files that the training refreshes",
    "determinism": "write bitwise, numeric or statistical",
}
_NAME = "names are lower-case letters, digits, '-' and '_', with a letter first"
_CRITERION = re.compile(r"([A-Za-z0-9_.-]+)\s*(<=|>=|==|<|>)\s*(\S+)")
_BOUND = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", re.ASCII)
_CONDITION = "METRIC OPERATOR NUMBER, as in 'train.error <= 0.01'"


def parse(data: bytes, file: str) -> tuple[Manifest | None, list[Problem]]:
    """Return what the bytes of a manifest declare, and every problem found in them.

    With problems, the manifest is what could be made of the rest: good enough to
    look for more of them, and for nothing else. It is None where nothing could be.
    """
    root, problems = read(data, file)
    notes = Notes(file, problems, {})
    if root is None or (root.value == "" and root.plain):
        if not problems:
            notes.problem(1, "", "the file is empty; 'aibootstrap init' writes one")
        return None, problems
    if not isinstance(root.value, dict):
        notes.mapping(root, "a mapping of " + ", ".join(TOP))
        return None, problems
    top = notes.section(root, TOP, _NEEDED)
    manifest = _manifest(top, notes, sha256_bytes(data))
    check_links(manifest, notes)
    return manifest if problems else in_running_order(manifest), problems


def _manifest(top: Found, notes: Notes, sha256: str) -> Manifest:
    if "format" in top and notes.text(top["format"], wanted="1") not in ("", "1"):
        notes.at(top["format"], f"found {kind(top['format'])}; this version reads 1")
    determinism = ""
    if "determinism" in top:
        words = ("bitwise", "numeric", "statistical")
        determinism = notes.choice(top["determinism"], words)
    parameters = _parameters(top.get("parameters"), notes)
    return Manifest(
        retrain=_retrain(top.get("retrain"), notes),
        determinism=determinism,
        seed=_seed(top.get("seed"), notes),
        datasets=tuple(
            read_dataset(name, node, notes)
            for name, node in _named(top.get("datasets"), "datasets", notes).items()
        ),
        parameters=parameters,
        profiles=_profiles(top.get("profiles"), top.get("parameters"), notes),
        stages=tuple(_stages(top.get("stages"), notes)),
        weights=tuple(_weights(top.get("weights"), notes)),
        accept=tuple(_accept(top.get("accept"), notes)),
        sha256=sha256,
        lines=notes.lines,
    )


def _retrain(node: Node | None, notes: Notes) -> str:
    if node is None:
        return "release"
    if node.value == "build":
        notes.at(node, "'build' is not supported yet; write never or release")
        return "build"
    return notes.choice(node, ("never", "release"))


def _seed(node: Node | None, notes: Notes) -> int | None:
    if node is None or node.value == "derived":
        return None
    if isinstance(node.value, str) and fault_of_value(node) is None:
        value = value_of(node)
        if type(value) is int and value >= 0:
            return value
    quotes = "" if node.plain or not isinstance(node.value, str) else " in quotes"
    wanted = "derived or a plain number from 0 to 2^63-1"
    notes.at(node, f"found {kind(node)}{quotes}; write {wanted}")
    return None


def _named(node: Node | None, of: str, notes: Notes) -> Found:
    """Return the entries of a mapping whose keys are names of our own."""
    if node is None:
        return {}
    entries = notes.mapping(node, f"a mapping of names to {of}")
    for name, entry in entries.items():
        if not is_name(name):
            notes.problem(entry.line, node.where, f"{shown(name)} is no name; {_NAME}")
        elif name == "out":
            text = "'out' is taken, for {out} is the folder of a stage's outputs; take"
            notes.problem(entry.line, node.where, text + " another name")
    return entries


def _parameters(node: Node | None, notes: Notes) -> dict[str, Scalar]:
    return _values(_named(node, "values", notes), notes)


def _values(entries: Found, notes: Notes) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    for name, entry in entries.items():
        if not isinstance(entry.value, str):
            wanted = "a number, a text, true or false"
            notes.at(entry, f"found {kind(entry)}; write {wanted}")
        elif fault := fault_of_value(entry):
            notes.at(entry, fault)
        else:
            values[name] = value_of(entry)
    return values


def _profiles(
    node: Node | None, parameters: Node | None, notes: Notes
) -> dict[str, dict[str, Scalar]]:
    declared = parameters.value if parameters is not None else {}
    known = list(declared) if isinstance(declared, dict) else []
    profiles: dict[str, dict[str, Scalar]] = {}
    for name, entry in _named(node, "parameters with other values", notes).items():
        if name == "full":
            text = "'full' is the recipe itself; give the profile another name"
            notes.at(entry, text)
        changed = notes.mapping(entry, "a mapping of parameters to other values")
        for key, at in changed.items():
            if key not in known:
                text = f"{shown(key)} is no parameter; {suggest(key, known)}"
                notes.problem(at.line, entry.where, text)
        mine = {key: at for key, at in changed.items() if key in known}
        profiles[name] = _values(mine, notes)
    return profiles


def _stages(node: Node | None, notes: Notes) -> list[Stage]:
    entries = _named(node, "the programs that train", notes)
    if node is not None and node.value == {}:
        notes.at(node, "no stages; write the programs that train, each under a name")
    return [read_stage(name, entry, notes) for name, entry in entries.items()]


def _weights(node: Node | None, notes: Notes) -> list[Weights]:
    if node is None:
        return []
    entries = notes.mapping(node, "a mapping of file names")
    if node.value == {}:
        notes.at(node, "no weights; write the files that the training refreshes")
    return [_weight(name, entry, notes) for name, entry in entries.items()]


def _weight(name: str, node: Node, notes: Notes) -> Weights:
    fault = fault_of_weights_name(name)
    if fault:
        notes.at(node, fault)
    found = notes.section(node, ("from", "replaces"), {"from": "write STAGE/OUTPUT"})
    source = notes.text(found["from"], wanted="STAGE/OUTPUT") if "from" in found else ""
    stage, slash, output = source.partition("/")
    if source and not (stage and output):
        notes.at(found["from"], f"found {shown(source)}; write STAGE/OUTPUT")
        output = ""
    replaces = None
    if "replaces" in found:
        replaces = notes.text(found["replaces"], fault_of_path, "a path")
    return Weights(name, stage, output, replaces)


def _accept(node: Node | None, notes: Notes) -> list[Criterion]:
    if node is None:
        return []
    criteria = []
    for item in notes.items(node, "a list of conditions, as in 'train.error <= 0.01'"):
        text = notes.text(item, wanted=_CONDITION)
        criterion = _criterion(text)
        if criterion is not None:
            criteria.append(criterion)
        elif text:
            said = f"found {shown(text)}; write {_CONDITION}"
            notes.at(item, said + "; the operators are <= < >= > ==")
    return criteria


def _criterion(text: str) -> Criterion | None:
    match = _CRITERION.fullmatch(text.strip())
    if (
        not match
        or not _BOUND.fullmatch(match[3])
        or not math.isfinite(float(match[3]))
    ):
        return None
    bound = float(match[3])
    return Criterion(match[1], match[2], bound, f"{match[1]} {match[2]} {match[3]}")
