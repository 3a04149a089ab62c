# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be verified -> a private copy of its source tree, and its own stamp.

A source tree is copied, a .dsc unpacked; the source of a .deb or of an installed
package is fetched through apt, in exactly the version that the package names.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Mapping

from . import deb
from .deb import Entry
from .digest import sha256_file
from .errors import Error, MissingError, RefutedError, UsageError
from .exchange import settle_exchange
from .fetch import apt
from .layout import MANIFEST, SCRATCH, STAMP, WEIGHTS
from .paragraph import SIZE_LIMIT
from .programs import last_words, run, run_or_fail
from .stamp import Stamp
from .verify import Findings, Found
from .words import shown

TREE, DSC, DEB, INSTALLED = "source tree", ".dsc", ".deb", "installed package"

DOC_STAMP = re.compile(r"usr/share/doc/[^/]+/aibootstrap-provenance")
# Debian Policy 5.6.7 and 5.6.12; an option of apt-get is neither.
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+~:-]*")
# Version control is not the source, and may be larger than it.
_NOT_COPIED = (".git", ".hg", ".svn", ".bzr", "_darcs")


@dataclass(frozen=True)
class Binary:
    """A binary package: what it is built from, its stamp, and the files it carries."""

    name: str
    source: str
    version: str  # of the source
    stamp: bytes
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Target:
    """A source tree of our own to verify, where it came from, and the binary if any."""

    kind: str
    root: Path
    origin: str
    binary: Binary | None = None


def open_target(word: str, scratch: Path, tell: Callable[[str], None]) -> Target:
    """Find what `word` names and make a copy of its source below `scratch`.

    A folder or file of this name comes before an installed package. Raises UsageError
    where it is none of them, MissingError where its stamp or source is not to be had.
    """
    path, root = Path(word), scratch / "source" / "tree"
    root.parent.mkdir(mode=0o700)
    if path.is_dir():
        _copy_tree(path, root)
        origin = "the source tree as it lies there; nobody signed it"
        target = Target(TREE, root, origin)
    elif path.is_file() and path.suffix == ".dsc":
        _unpack(path, root)
        origin = (
            f"{path.name} of sha256 {sha256_file(path)} and the files that it lists by"
            " digest; its signature was not checked"
        )
        target = Target(DSC, root, origin)
    elif path.is_file() and path.suffix == ".deb":
        target = _with_source(DEB, _read_deb(path), scratch, root, tell)
    elif _NAME.fullmatch(word.partition(":")[0]) and not path.exists():
        target = _with_source(INSTALLED, _read_installed(word), scratch, root, tell)
    else:
        raise UsageError(
            f"{word}: neither a source tree, a .dsc, a .deb nor an installed package"
        )
    for name in ("debian/changelog", str(MANIFEST)):
        if not (root / name).is_file():
            raise UsageError(
                f"{word}: {name} is not in the source; nothing in it says how weights"
                " are made"
            )
    settle_exchange(root / WEIGHTS)
    return target


def _copy_tree(path: Path, root: Path) -> None:
    scratch = path.resolve() / SCRATCH

    def left_out(folder: str, names: list[str]) -> list[str]:
        if Path(folder) == path:
            return [name for name in names if name in _NOT_COPIED]
        return [name for name in names if Path(folder).resolve() / name == scratch]

    try:
        shutil.copytree(path, root, symlinks=True, ignore=left_out)
    except shutil.Error as error:
        source, _, reason = error.args[0][0]
        raise Error(f"{source}: cannot be copied: {reason}") from None


def _unpack(dsc: Path, root: Path) -> None:
    """Unpack a source package whose files have the digests that its .dsc lists."""
    options = ["--require-strong-checksums", "--no-copy", "-x"]
    done = run(["dpkg-source", *options, str(dsc.resolve()), str(root)])
    if not done.ok:
        said = last_words(done.errors).replace(f"{dsc.resolve().parent}/", "")
        raise MissingError(f"{dsc.name}: its source cannot be had{said}")


def _with_source(
    kind: str, binary: Binary, scratch: Path, root: Path, tell: Callable[[str], None]
) -> Target:
    label = f"{binary.source} {binary.version}"
    tell(f"{binary.name} is built from {label}; fetching that through apt")
    folder = scratch / "apt"
    # apt fetches as a user of its own, who must be able to enter.
    folder.mkdir(mode=0o755)
    try:
        located = apt.locate(binary.source, binary.version, folder / "state")
        apt.download(located, binary.source, binary.version, folder)
    except Error as error:
        raise MissingError(f"{label}: {error}".replace(f"{scratch}/", "")) from None
    upstream = binary.version.split(":", 1)[-1]
    dsc = folder / f"{binary.source}_{upstream}.dsc"
    _unpack(dsc, root)
    origin = f"{dsc.name} of sha256 {sha256_file(dsc)}, through apt's chain of trust"
    return Target(kind, root, origin, binary)


def _read_deb(path: Path) -> Binary:
    fields = deb.read_fields(path)
    contents = deb.read_contents(path, DOC_STAMP)
    name, version = fields.get("Package", ""), fields.get("Version", "")
    match = re.fullmatch(r"(\S+)(?: \((\S+)\))?", fields.get("Source", "") or name)
    source, built_from = (match[1], match[2] or version) if match else ("", "")
    return _binary(name, source, built_from, contents.kept, contents.entries, path.name)


def _read_installed(word: str) -> Binary:
    form = "${db:Status-Status}\t${Package}\t${source:Package}\t${source:Version}\n"
    done = run(["dpkg-query", "-W", "-f", form, word])
    lines = [line.split("\t")[1:] for line in done.output.splitlines()]
    found = [
        fields
        for line, fields in zip(done.output.splitlines(), lines)
        if line.startswith("installed\t")
    ]
    if not found:
        raise UsageError(
            f"{word}: neither a source tree, a .dsc, a .deb nor an installed package"
        )
    if len(found) > 1:
        raise UsageError(
            f"{word}: installed for several architectures; name one, as in {word}:amd64"
        )
    name, source, version = found[0]
    listed = run_or_fail(["dpkg-query", "-L", word]).splitlines()
    entries, stamps = [], {}
    for line in listed:
        path = Path(line)
        inside = line.removeprefix("/")
        if path.is_symlink():
            entries.append(Entry(inside, "", 0, os.readlink(path)))
        elif path.is_file():
            entries.append(Entry(inside, sha256_file(path), path.stat().st_size))
            if DOC_STAMP.fullmatch(inside):
                stamps[inside] = _read_small(path)
        elif DOC_STAMP.fullmatch(inside) and not path.exists():
            raise MissingError(
                f"{line}: not there, though the package has it; dpkg may be told to"
                " leave documentation out (path-exclude in dpkg.cfg)"
            )
    return _binary(name, source, version, stamps, tuple(entries), name)


def _read_small(path: Path) -> bytes:
    with open(path, "rb") as stream:
        data = stream.read(SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise Error(f"{path}: larger than {SIZE_LIMIT} bytes")
    return data


def _binary(
    name: str,
    source: str,
    version: str,
    stamps: Mapping[str, bytes],
    entries: tuple[Entry, ...],
    label: str,
) -> Binary:
    if not (_NAME.fullmatch(source) and _VERSION.fullmatch(version)):
        raise Error(
            f"{label}: it says to be built from {shown(source)} {shown(version)}, which"
            " no source package is called"
        )
    if len(stamps) > 1:
        raise RefutedError(
            f"{label}: two stamps: {' and '.join(map(shown, sorted(stamps)))}"
        )
    path = f"usr/share/doc/{name}/aibootstrap-provenance"
    if path not in stamps:
        raise MissingError(
            f"{label}: no stamp: /{path} is no file of it, so nothing says what its"
            " weights were made from"
        )
    return Binary(name, source, version, stamps[path], entries)


def find_weights(root: Path, stamp: Stamp) -> dict[str, Found]:
    """Return each weights file of a tree that its stamp names, as it lies there."""
    return {pin.name: _found(root, WEIGHTS / pin.name) for pin in stamp.weights}


def _found(root: Path, name: Path) -> Found:
    problem = link_in(root, name)
    path = root / name
    if not problem and not path.is_file():
        problem = "is no regular file" if path.exists() else "is missing"
    if problem:
        return Found("", 0, problem)
    return Found(sha256_file(path), path.stat().st_size)


def link_in(root: Path, name: Path) -> str:
    """Say in words that a path of a tree is, or leads through, a symbolic link."""
    if (root / name).is_symlink():
        return "is a symbolic link"
    for parent in list(name.parents)[:-1]:
        if (root / parent).is_symlink():
            return f"leads through {parent}, a symbolic link"
    return ""


def read_stamp(root: Path) -> bytes:
    """Return the stamp of a tree. Raises MissingError where there is none."""
    problem = link_in(root, STAMP)
    if problem:
        raise RefutedError(f"{STAMP} {problem}: not the stamp of this source")
    if not (root / STAMP).is_file():
        raise MissingError(
            f"{STAMP}: not there, so nothing says what the weights were made from; make"
            " both with 'debian/rules bootstrap'"
        )
    return _read_small(root / STAMP)


def compare_binary(binary: Binary, source_stamp: bytes, stamp: Stamp) -> Findings:
    """Hold a binary package against the stamp of its source.

    Where weights are installed the stamp does not say: they are found by content, and
    a file of their name with other content is taken for them too.
    """
    faults, notes = [], []
    if binary.stamp != source_stamp:
        faults.append(
            f"two stamps: that of {binary.name} is not that of its source"
            f" {binary.source} {binary.version}"
        )
    names: dict[str, set[str]] = {pin.name: {pin.name} for pin in stamp.weights}
    for line in stamp.replaces:
        weights, _, replaced = line.partition(" ")
        names.setdefault(Path(weights).name, set()).add(Path(replaced).name)
    for pin in stamp.weights:
        same = [
            e for e in binary.entries if (e.sha256, e.size) == (pin.sha256, pin.size)
        ]
        like = [e for e in binary.entries if Path(e.path).name in names[pin.name]]
        if same:
            where = ", ".join(f"/{entry.path}" for entry in same)
            notes.append(f"{pin.name} is {where} of {binary.name}")
        for entry in like if not same else ():
            what = f"its sha256 is {entry.sha256}"
            if not entry.sha256:
                what = f"a link to {shown(entry.link)}" if entry.link else "no file"
            faults.append(
                f"{shown('/' + entry.path)} of {binary.name} has the name of weights"
                f" and is not the file of the stamp: {what}, the stamp says"
                f" {pin.sha256}"
            )
        if not same and not like:
            notes.append(
                f"{pin.name} is no file of {binary.name} as it is: compiled into"
                " another, or in another package of the source"
            )
    return Findings(tuple(faults), tuple(notes))
