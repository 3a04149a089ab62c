# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a manifest: command, needs, what they leave and what they may use."""

from __future__ import annotations

import re
from typing import Mapping

from .faults import fault_of_output
from .model import Resources, Stage
from .notes import Found, Notes, kind
from .reader import Node

KEYS = "command needs outputs metrics environment resources launcher".split()

# The surroundings of a stage are the same for everybody; these are not for choosing.
RESERVED_VARIABLES = {
    "HOME": "",
    "LC_ALL": "",
    "MKL_NUM_THREADS": "write 'resources: {cpus: ...}'",
    "OMP_NUM_THREADS": "write 'resources: {cpus: ...}'",
    "OPENBLAS_NUM_THREADS": "write 'resources: {cpus: ...}'",
    "PATH": "",
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONHASHSEED": "",
    "SOURCE_DATE_EPOCH": "",
    "TMPDIR": "",
    "TZ": "",
}

_COMMAND = "a list: the program and its arguments, as in [python3, -m, train]"
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST_CPUS = 1 << 16
_MOST_BYTES = 1 << 60
_MOST_TIME = 3650 * 86400  # seconds


def read_stage(name: str, node: Node, notes: Notes) -> Stage:
    """Return what a node says of a stage; note what is wrong with it."""
    found = notes.section(node, KEYS, {"command": f"write {_COMMAND}"})
    stage = Stage(
        name=name,
        command=_command(found, notes),
        needs=_list(found, "needs", "a list of datasets and stages", notes),
        outputs=_outputs(found, notes),
        metrics=_metrics(found, notes),
        environment=_environment(found.get("environment"), notes),
        resources=_resources(found.get("resources"), notes),
        launcher=_launcher(found.get("launcher"), notes),
    )
    slip = isinstance(node.value, dict) and len(found) < len(node.value)
    if isinstance(node.value, dict) and not stage.outputs and not stage.metrics:
        if not slip and not notes.has(f"{node.where}.outputs"):
            if not notes.has(f"{node.where}.metrics"):
                text = "it leaves nothing; list files as 'outputs', or name 'metrics'"
                notes.at(node, text)
    return stage


def _list(found: Found, key: str, wanted: str, notes: Notes) -> tuple[str, ...]:
    return notes.texts(found[key], wanted) if key in found else ()


def _command(found: Found, notes: Notes) -> tuple[str, ...]:
    if "command" not in found:
        return ()
    node = found["command"]
    items = notes.items(node, _COMMAND)
    if node.value == []:
        notes.at(node, f"found an empty list; write {_COMMAND}")
    words = [notes.text(item) for item in items[:1]]
    return (*words, *(notes.maybe_empty(item) for item in items[1:]))


def _outputs(found: Found, notes: Notes) -> tuple[str, ...]:
    if "outputs" not in found:
        return ()
    names: list[str] = []
    for item in notes.items(found["outputs"], "a list of files below {out}"):
        name = notes.text(item, fault_of_output, "a file below {out}")
        if name and name in names:
            notes.at(item, f"'{name}' stands in the list twice; leave one out")
        names.append(name if fault_of_output(name) is None else "")
    return tuple(names)


def _metrics(found: Found, notes: Notes) -> str | None:
    if "metrics" not in found:
        return None
    return notes.text(found["metrics"], fault_of_output, "a file below {out}")


def _environment(node: Node | None, notes: Notes) -> tuple[tuple[str, str], ...]:
    if node is None:
        return ()
    pairs = []
    for name, entry in notes.mapping(node, "a mapping of variables").items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            text = f"'{name}' is no name of a variable; write letters, digits and '_'"
            notes.problem(entry.line, node.where, text)
        elif name in RESERVED_VARIABLES or name.startswith("AIBOOTSTRAP_"):
            mend = RESERVED_VARIABLES.get(name) or "leave it out"
            text = f"'{name}' is set by aibootstrap itself; {mend}"
            notes.problem(entry.line, node.where, text)
        pairs.append((name, notes.maybe_empty(entry)))
    return tuple(sorted(pairs))


def _launcher(node: Node | None, notes: Notes) -> str:
    if node is None:
        return "direct"
    if node.value in ("torchrun", "srun"):
        notes.at(node, f"'{node.value}' is not supported yet; write direct")
        return str(node.value)
    return notes.choice(node, ("direct",))


def _resources(node: Node | None, notes: Notes) -> Resources:
    if node is None:
        return Resources()
    keys = ("cpus", "memory", "disk", "time")
    found = notes.section(node, keys, {})
    count, size, time = "a number, as in 2", "a size, as in 2G", "a time, as in 40m"
    return Resources(
        cpus=_quantity(found.get("cpus"), {"": 1}, _MOST_CPUS, count, notes),
        memory=_quantity(found.get("memory"), _SIZES, _MOST_BYTES, size, notes),
        disk=_quantity(found.get("disk"), _SIZES, _MOST_BYTES, size, notes),
        time=_quantity(found.get("time"), _TIMES, _MOST_TIME, time, notes),
    )


def _quantity(
    node: Node | None,
    units: Mapping[str, int],
    most: int,
    wanted: str,
    notes: Notes,
) -> int | None:
    if node is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,18})([A-Za-z]?)", str(node.value))
    if match and match[2] in units and int(match[1]) * units[match[2]] <= most:
        return int(match[1]) * units[match[2]]
    named = [unit for unit in units if unit]
    text = f"found {kind(node)}; write {wanted}"
    if match and match[2] in units:
        text = f"found {kind(node)}, which is too much; write {wanted}"
    elif named:
        text += " (" + " ".join(named) + ")"
    notes.at(node, text)
    return None
