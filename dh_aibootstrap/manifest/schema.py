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
from ..layout import is_inside, is_name
from .links import check_links, in_running_order
from .model import (
    Criterion,
    Dataset,
    Home,
    Manifest,
    PathHome,
    Resources,
    Scalar,
    SourcePackageHome,
    Stage,
    Weights,
)
from .notes import Check, Found, Notes, either, kind
from .reader import Node, read

TOP = (
    "format retrain seed datasets parameters profiles stages weights accept determinism"
).split()
HOMES = {"source-package": "version sha256", "path": ""}
LATER_HOMES = ("binary-package", "component", "url", "git-annex", "git-lfs")
STAGE = "command needs outputs metrics environment resources launcher".split()

_NAME = "names are lower-case letters, digits, '-' and '_', with a letter first"
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CRITERION = re.compile(r"([A-Za-z0-9_.-]+)\s*(<=|>=|==|<|>)\s*(\S+)")


def parse(data: bytes, file: str) -> tuple[Manifest | None, list[Problem]]:
    """Return what the bytes of a manifest declare, and every problem found in them.

    With problems, the manifest is what could be made of the rest: good enough to
    look for more of them, and for nothing else. It is None where nothing could be.
    """
    root, problems = read(data, file)
    notes = Notes(file, problems, {})
    if root is None:
        if not problems:
            notes.problem(1, "", "the file is empty; 'aibootstrap init' writes one")
        return None, problems
    top = notes.section(root, TOP, "format stages weights determinism")
    manifest = _manifest(top, notes, sha256_bytes(data))
    check_links(manifest, notes)
    return manifest if problems else in_running_order(manifest), problems


def _manifest(top: Found, notes: Notes, sha256: str) -> Manifest:
    if "format" in top and notes.text(top["format"]) not in ("", "1"):
        notes.at(top["format"], f"found {kind(top['format'])}; this version reads 1")
    parameters = _parameters(top.get("parameters"), notes)
    return Manifest(
        retrain=_retrain(top.get("retrain"), notes),
        determinism=_word(top, "determinism", "bitwise numeric statistical", notes),
        seed=_seed(top.get("seed"), notes),
        datasets=tuple(
            _dataset(name, node, notes)
            for name, node in _named(top.get("datasets"), notes).items()
        ),
        parameters=parameters,
        profiles=_profiles(top.get("profiles"), parameters, notes),
        stages=tuple(
            _stage(name, node, notes)
            for name, node in _named(top.get("stages"), notes).items()
        ),
        weights=tuple(_weights(top.get("weights"), notes)),
        accept=tuple(_accept(top.get("accept"), notes)),
        sha256=sha256,
        lines=notes.lines,
    )


def _word(found: Found, key: str, words: str, notes: Notes, default: str = "") -> str:
    return notes.choice(found[key], words.split()) if key in found else default


def _retrain(node: Node | None, notes: Notes) -> str:
    if node is None:
        return "release"
    word = notes.choice(node, ("never", "release", "build"))
    if word == "build":
        notes.at(node, "'build' is not supported yet; write never or release")
    return word


def _seed(node: Node | None, notes: Notes) -> int | None:
    if node is None or node.value == "derived":
        return None
    value = node.scalar() if isinstance(node.value, str) else None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
        return value
    notes.at(node, f"found {kind(node)}; write derived or a number from 0 to 2^63-1")
    return None


def _named(node: Node | None, notes: Notes) -> Found:
    """Return the entries of a mapping whose keys are names of our own."""
    if node is None:
        return {}
    entries = notes.mapping(node, "a mapping of names")
    for name, entry in entries.items():
        if not is_name(name):
            notes.problem(entry.line, node.where, f"'{name}' is no name: {_NAME}")
        elif name == "out":
            text = "'out' is taken: {out} is the folder of a stage's outputs"
            notes.problem(entry.line, node.where, text)
    return entries


def _parameters(node: Node | None, notes: Notes) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    for name, entry in _named(node, notes).items():
        if not isinstance(entry.value, str):
            notes.at(
                entry, f"found {kind(entry)}; write a number, a text or true/false"
            )
        else:
            values[name] = entry.scalar()
    return values


def _profiles(
    node: Node | None, parameters: dict[str, Scalar], notes: Notes
) -> dict[str, dict[str, Scalar]]:
    profiles: dict[str, dict[str, Scalar]] = {}
    for name, entry in _named(node, notes).items():
        if name == "full":
            notes.at(
                entry, "'full' is the recipe itself; give the profile another name"
            )
        notes.section(entry, tuple(parameters))
        if isinstance(entry.value, dict):
            known = {key: at for key, at in entry.value.items() if key in parameters}
            profiles[name] = _parameters(Node(entry.line, entry.where, known), notes)
    return profiles


def _dataset(name: str, node: Node, notes: Notes) -> Dataset:
    extra = " ".join(HOMES.values()).split() + ["licence", "lineage"]
    known = [*HOMES, *LATER_HOMES, *extra]
    found = notes.section(node, known, "licence lineage")
    return Dataset(
        name=name,
        home=_home(node, found, notes),
        licence=notes.text(found["licence"]) if "licence" in found else "",
        lineage=notes.text(found["lineage"]) if "lineage" in found else "",
    )


def _home(node: Node, found: Found, notes: Notes) -> Home:
    nowhere = PathHome("")
    homes = [key for key in found if key in HOMES or key in LATER_HOMES]
    if not homes:
        notes.at(node, f"no home; write {either(list(HOMES))}")
        return nowhere
    if len(homes) > 1:
        named = " and ".join(f"'{home}'" for home in homes)
        notes.at(node, f"{len(homes)} homes, {named}; keep exactly one")
        return nowhere
    home = homes[0]
    if home in LATER_HOMES:
        text = f"home '{home}' is not supported yet; write {either(list(HOMES))}"
        notes.at(found[home], text)
        return nowhere
    for key in HOMES[home].split():
        if key not in found:
            notes.at(node, f"key '{key}' is missing; '{home}' needs it")
    for other in HOMES:
        for key in HOMES[other].split():
            if key in found and key not in HOMES[home].split():
                notes.at(found[key], f"'{key}' does not go with '{home}'; leave it out")
    if home == "path":
        return PathHome(notes.text(found["path"], _fault_of_path))
    return SourcePackageHome(
        package=notes.text(found["source-package"], _fault_of_package),
        version=_optional(found, "version", notes, _fault_of_version),
        sha256=_optional(found, "sha256", notes, _fault_of_sha256),
    )


def _optional(found: Found, key: str, notes: Notes, check: Check) -> str:
    return notes.text(found[key], check) if key in found else ""


def _fault_of_path(path: str) -> str | None:
    if path.startswith("/"):
        return f"'{path}' is an absolute path; write it from the top of the source"
    if ".." in path.split("/"):
        return f"'{path}' leads out of the source; leave '..' out"
    if not is_inside(path):
        return f"'{path}' is not a clean path; write it as a/b/c"
    return None


def _fault_of_package(name: str) -> str | None:
    # Policy 5.6.1
    if re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
        return None
    return f"'{name}' is no source package name (Policy 5.6.1)"


def _fault_of_version(version: str) -> str | None:
    # Policy 5.6.12
    if re.fullmatch(r"([0-9]+:)?[0-9][A-Za-z0-9.+~:-]*", version):
        return None
    return f"'{version}' is no Debian version (Policy 5.6.12)"


def _fault_of_sha256(digest: str) -> str | None:
    if re.fullmatch(r"[0-9a-f]{64}", digest):
        return None
    return f"found '{digest}'; write the 64 hexadecimal digits that sha256sum prints"


def _stage(name: str, node: Node, notes: Notes) -> Stage:
    found = notes.section(node, STAGE, "command")
    if isinstance(node.value, dict) and not {"outputs", "metrics"} & set(found):
        notes.at(node, "key 'outputs' is missing; a stage leaves outputs or metrics")
    return Stage(
        name=name,
        command=_command(found, notes),
        needs=_list(found, "needs", "a list of datasets and stages", notes),
        outputs=_outputs(found, notes),
        metrics=_metrics(found, notes),
        environment=_environment(found.get("environment"), notes),
        resources=_resources(found.get("resources"), notes),
        launcher=_launcher(found.get("launcher"), notes),
    )


def _list(found: Found, key: str, wanted: str, notes: Notes) -> tuple[str, ...]:
    return notes.texts(found[key], wanted) if key in found else ()


def _command(found: Found, notes: Notes) -> tuple[str, ...]:
    wanted = "a list: the program and its arguments, as in [python3, -m, train]"
    command = _list(found, "command", wanted, notes)
    if "command" in found and found["command"].value == []:
        notes.at(found["command"], f"found nothing; write {wanted}")
    return command


def _outputs(found: Found, notes: Notes) -> tuple[str, ...]:
    if "outputs" not in found:
        return ()
    node = found["outputs"]
    names = notes.texts(node, "a list of files below {out}")
    for item in node.value if isinstance(node.value, list) else []:
        notes.text(item, _fault_of_path)
    for name in sorted({name for name in names if names.count(name) > 1}):
        notes.at(node, f"'{name}' stands in the list twice")
    return names


def _metrics(found: Found, notes: Notes) -> str | None:
    if "metrics" not in found:
        return None
    return notes.text(found["metrics"], _fault_of_path)


def _environment(node: Node | None, notes: Notes) -> tuple[tuple[str, str], ...]:
    if node is None:
        return ()
    pairs = []
    for name, entry in notes.mapping(node, "a mapping of variables").items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            notes.at(entry, f"'{name}' is no name of a variable")
        elif name.startswith("AIBOOTSTRAP_"):
            notes.at(entry, "variables AIBOOTSTRAP_... are set by aibootstrap itself")
        pairs.append((name, notes.text(entry)))
    return tuple(sorted(pairs))


def _launcher(node: Node | None, notes: Notes) -> str:
    if node is None:
        return "direct"
    word = notes.choice(node, ("direct", "torchrun", "srun"))
    if word in ("torchrun", "srun"):
        notes.at(node, f"'{word}' is not supported yet; write direct")
    return word


def _resources(node: Node | None, notes: Notes) -> Resources:
    if node is None:
        return Resources()
    found = notes.section(node, ("cpus", "memory", "disk", "time"))
    return Resources(
        cpus=_quantity(found.get("cpus"), {"": 1}, "a number, as in 2", notes),
        memory=_quantity(found.get("memory"), _SIZES, "a size, as in 512M", notes),
        disk=_quantity(found.get("disk"), _SIZES, "a size, as in 2G", notes),
        time=_quantity(found.get("time"), _TIMES, "a duration, as in 40m", notes),
    )


def _quantity(
    node: Node | None, units: dict[str, int], wanted: str, notes: Notes
) -> int | None:
    if node is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,8})([A-Za-z]?)", notes.text(node))
    if match and match[2] in units:
        return int(match[1]) * units[match[2]]
    if node.value:
        notes.at(node, f"found {kind(node)}; write {wanted}")
    return None


def _weights(node: Node | None, notes: Notes) -> list[Weights]:
    if node is None:
        return []
    entries = notes.mapping(node, "a mapping of file names")
    if node.value == {}:
        notes.at(node, "no weights; name the files that the training refreshes")
    return [_weight(name, entry, notes) for name, entry in entries.items()]


def _weight(name: str, node: Node, notes: Notes) -> Weights:
    if "/" in name or not is_inside(name) or name.startswith("."):
        notes.at(
            node, f"'{name}' is no file name; it names a file of debian/aibootstrap"
        )
    if name == "provenance":
        notes.at(node, "'provenance' is the name of the stamp; take another")
    found = notes.section(node, ("from", "replaces"), "from")
    source = notes.text(found["from"]) if "from" in found else ""
    stage, slash, output = source.partition("/")
    if source and not (slash and output):
        notes.at(found["from"], f"found '{source}'; write STAGE/OUTPUT")
    replaces = None
    if "replaces" in found:
        replaces = notes.text(found["replaces"], _fault_of_path)
    return Weights(name, stage, output, replaces)


def _accept(node: Node | None, notes: Notes) -> list[Criterion]:
    if node is None:
        return []
    criteria = []
    notes.texts(node, "a list of conditions, as in 'train.error <= 0.01'")
    for item in node.value if isinstance(node.value, list) else []:
        if isinstance(item.value, str) and item.value:
            criterion = _criterion(item.value)
            if criterion is None:
                text = f"found '{item.value}'; write METRIC OPERATOR NUMBER"
                notes.at(item, text + ", as in 'train.error <= 0.01'")
            else:
                criteria.append(criterion)
    return criteria


def _criterion(text: str) -> Criterion | None:
    match = _CRITERION.fullmatch(text.strip())
    if not match:
        return None
    try:
        bound = float(match[3])
    except ValueError:
        return None
    if not math.isfinite(bound):
        return None
    return Criterion(match[1], match[2], bound, f"{match[1]} {match[2]} {match[3]}")
