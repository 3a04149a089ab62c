# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with one text of a manifest: '...; what to write', or None."""

from __future__ import annotations

import posixpath
import re

from ..layout import is_inside
from ..words import shown
from .model import WHOLE_SOURCE


def fault_of_path(path: str) -> str | None:
    """Return what keeps `path` from naming the source or something below its top."""
    if path == WHOLE_SOURCE:
        return None
    return _fault_of_path(path, "the source")


def fault_of_output(path: str) -> str | None:
    """Return what keeps `path` from naming a file below {out}."""
    return _fault_of_path(path, "{out}")


def _fault_of_path(path: str, top: str) -> str | None:
    if "\n" in path or "\t" in path or path != path.strip():
        return f"{shown(path)} has a blank at its ends, or a tab or line break"
    if path.startswith("/"):
        return f"{shown(path)} is an absolute path; write it from the top of {top}"
    if ".." in path.split("/"):
        return f"{shown(path)} leads out of {top}; leave '..' out"
    if not is_inside(path):
        clean = posixpath.normpath(path)
        mend = f"write {shown(clean)}" if is_inside(clean) else "name a file or folder"
        return f"{shown(path)} is not a clean path; {mend}"
    return None


def fault_of_package(name: str) -> str | None:
    """Return what keeps `name` from naming a source package (Policy 5.6.1)."""
    if re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
        return None
    return (
        f"{shown(name)} is no source package; their names are lower-case letters,"
        " digits, '+', '-' and '.'"
    )


def fault_of_version(version: str) -> str | None:
    """Return what keeps `version` from being a Debian version (Policy 5.6.12)."""
    if re.fullmatch(r"([0-9]+:)?[0-9][A-Za-z0-9.+~:-]*", version):
        return None
    return f"{shown(version)} is no version of a Debian package; write it as in 1.0-1"


def fault_of_sha256(digest: str) -> str | None:
    """Return what keeps `digest` from being a SHA-256 in hexadecimal."""
    if re.fullmatch(r"[0-9a-f]{64}", digest):
        return None
    said = shown(digest, 70)
    return f"found {said}; write the 64 hexadecimal digits that sha256sum prints"


def fault_of_weights_name(name: str) -> str | None:
    """Return what keeps `name` from naming a file of debian/aibootstrap."""
    if name == "provenance":
        return "'provenance' is the name of the stamp; take another"
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+~-]*", name):
        return None
    return (
        f"{shown(name)} cannot name a file of debian/aibootstrap; write letters,"
        " digits, '.', '_', '+', '-' and '~'"
    )
