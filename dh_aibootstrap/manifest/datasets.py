# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The datasets of a manifest: exactly one home for each, its terms and its lineage."""

from __future__ import annotations

from .faults import fault_of_package, fault_of_path, fault_of_sha256, fault_of_version
from .model import Dataset, Home, PathHome, SourcePackageHome
from .notes import Found, Notes, either
from .reader import Node

HOMES = ("source-package", "path")
LATER_HOMES = ("binary-package", "component", "url", "git-annex", "git-lfs")
KEYS = (*HOMES, "version", "sha256", "licence", "lineage")

_NEEDED = {
    "licence": "write under what terms the data stands, as in 'licence: GPL-3+'",
    "lineage": "write what the data was made from, as in 'lineage: self-play'",
}
_NEEDED_OF_PACKAGE = {
    "version": "write the version of the source package, as in 'version: 1.0-1'",
    "sha256": "write what sha256sum prints for its .dsc",
}


def read_dataset(name: str, node: Node, notes: Notes) -> Dataset:
    """Return what a node says of a dataset; note what is wrong with it."""
    entries = node.value if isinstance(node.value, dict) else {}
    homes = [key for key in entries if key in HOMES + LATER_HOMES]
    needed = dict(_NEEDED)
    if homes == ["source-package"]:
        needed.update(_NEEDED_OF_PACKAGE)
    later = [key for key in homes if key in LATER_HOMES]
    found = notes.section(node, (*KEYS, *later), needed)
    if isinstance(node.value, dict):
        _check_homes(node, homes, found, notes)
    return Dataset(
        name=name,
        home=_home(homes, found, notes),
        licence=_line(found, "licence", notes),
        lineage=_line(found, "lineage", notes),
    )


def _check_homes(node: Node, homes: list[str], found: Found, notes: Notes) -> None:
    if not homes:
        # A slip of the pen in the home's key is noted as an unknown key.
        if len(found) == len(node.value):
            notes.at(node, f"no home; write {either(HOMES)}")
    elif len(homes) > 1:
        named = " and ".join(f"'{home}'" for home in homes)
        notes.at(node, f"{len(homes)} homes, {named}; keep exactly one")
    elif homes[0] in LATER_HOMES:
        text = f"home '{homes[0]}' is not supported yet; write {either(HOMES)}"
        notes.at(found[homes[0]], text)
    elif homes[0] == "path":
        for key in _NEEDED_OF_PACKAGE:
            if key in found:
                notes.at(found[key], f"'{key}' does not go with 'path'; leave it out")


def _home(homes: list[str], found: Found, notes: Notes) -> Home:
    """Return the home; where it is not exactly one, a path to nowhere."""
    if homes == ["path"]:
        return PathHome(notes.text(found["path"], fault_of_path, "a path"))
    if homes != ["source-package"]:
        return PathHome("")
    return SourcePackageHome(
        package=notes.text(found["source-package"], fault_of_package),
        version=_optional(found, "version", notes),
        sha256=_optional(found, "sha256", notes),
    )


def _optional(found: Found, key: str, notes: Notes) -> str:
    checks = {"version": fault_of_version, "sha256": fault_of_sha256}
    return notes.text(found[key], checks[key]) if key in found else ""


def _line(found: Found, key: str, notes: Notes) -> str:
    """Return a text for people as one line: the stamp has one for each dataset."""
    if key not in found:
        return ""
    text = " ".join(notes.text(found[key]).split())
    if not text and found[key].value:
        notes.at(found[key], "found only blanks; write a text")
    return text
