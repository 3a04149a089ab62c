# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source packages through apt's chain of trust: InRelease -> Sources -> .dsc -> files.

Most systems have no deb-src entries. Then a private apt state is made, as a plain
user can: the system's own sources with `deb-src` for `deb`, and lists of its own.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Deb822

from ..errors import Error, MissingError
from ..programs import run, run_or_fail

# What apt says where only the network, not the archive, is at fault.
_NETWORK = re.compile(
    r"Temporary failure|Could not resolve|Could not connect|Unable to connect"
    r"|Connection (failed|timed out|refused)|Network is unreachable"
    r"|Error reading from server|Connection closed prematurely"
)

# What it says where it does not trust what came.
_REFUSED = re.compile(
    r"GPG error|is not signed|signature|Hash Sum mismatch|unexpected size|is expired"
    r"|is not valid yet"
)


@dataclass(frozen=True)
class RemoteFile:
    """One file of a source package as apt announces it."""

    name: str
    uri: str
    size: int  # bytes


@dataclass(frozen=True)
class Located:
    """A source package that apt knows: its files, and the options to get them with."""

    options: tuple[str, ...]
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """The size of the download in bytes."""
        return sum(file.size for file in self.files)


def locate(package: str, version: str, scratch: Path) -> Located:
    """Return where apt has this version of a source package.

    `scratch` is a folder for a private apt state. Raises MissingError where no apt
    source has that version, or the network does not answer, and Error where apt does
    not trust a source that might have it.
    """
    located = _announced((), package, version)
    if located is None:
        options, complaint = _private_state(scratch)
        located = _announced(options, package, version)
        if located is None:
            raise _not_found(options, package, version, complaint)
    return located


def _announced(options: tuple[str, ...], package: str, version: str) -> Located | None:
    command = _source_command(options, "--print-uris", package, version)
    done = run(command)
    if not done.ok:
        return None
    pattern = re.compile(r"^'([^']+)' (\S+) ([0-9]+)(?: |$)", re.MULTILINE)
    found = pattern.findall(done.output)
    files = tuple(RemoteFile(name, uri, int(size)) for uri, name, size in found)
    return Located(options, files) if files else None


def _source_command(
    options: tuple[str, ...], mode: str, package: str, version: str
) -> list[str]:
    wanted = f"{package}={version}"
    return ["apt-get", *options, "source", "--only-source", "-qq", mode, wanted]


def _private_state(scratch: Path) -> tuple[tuple[str, ...], str]:
    """Make a private apt state with sources only; return its options and complaint."""
    parts = scratch / "sources.list.d"
    parts.mkdir(parents=True, exist_ok=True)
    (scratch / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (scratch / "cache").mkdir(exist_ok=True)
    for number, source in enumerate(_system_sources()):
        target = parts / f"{number}{source.suffix}"
        text = source.read_text(encoding="utf-8", errors="replace")
        target.write_text(_sources_only(text, source.suffix), encoding="utf-8")
    options = tuple(
        word
        for option in (
            "Dir::Etc::sourcelist=/dev/null",
            f"Dir::Etc::sourceparts={parts}",
            f"Dir::State::lists={scratch / 'lists'}",
            f"Dir::Cache={scratch / 'cache'}",
            "APT::Get::List-Cleanup=false",
            "Acquire::Languages=none",
        )
        for word in ("-o", option)
    )
    # It returns 0 without a network too, with its complaints on stderr.
    done = run(["apt-get", *options, "update"])
    return options, done.errors + done.output


def _system_sources() -> list[Path]:
    shown = run_or_fail(
        ["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f"]
        + ["PARTS", "Dir::Etc::sourceparts/d"]
    )
    names = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    paths = {key: Path(shlex.split(value)[0]) for key, value in names.items()}
    found = [paths["LIST"]] if "LIST" in paths and paths["LIST"].is_file() else []
    if "PARTS" in paths and paths["PARTS"].is_dir():
        files = sorted(paths["PARTS"].iterdir())
        found += [file for file in files if file.suffix in (".list", ".sources")]
    return found


def _sources_only(text: str, suffix: str) -> str:
    """Return an apt sources file (sources.list(5)) with deb-src for every deb."""
    if suffix != ".sources":
        return re.sub(r"^\s*deb(?=[\s\[])", "deb-src", text, flags=re.MULTILINE)
    paragraphs = []
    for paragraph in Deb822.iter_paragraphs(text, use_apt_pkg=False):
        paragraph["Types"] = "deb-src"
        paragraphs.append(str(paragraph.dump()))
    return "\n".join(paragraphs)


def _not_found(
    options: tuple[str, ...], package: str, version: str, complaint: str
) -> Error:
    listed = run(["apt-cache", *options, "showsrc", "--only-source", package])
    known = sorted(set(re.findall(r"^Version: (\S+)$", listed.output, re.MULTILINE)))
    if known:
        said = f"no apt source has version {version}; apt knows " + ", ".join(known)
        return MissingError(said)
    for line in complaint.splitlines():
        if _NETWORK.search(line):
            return MissingError(f"apt cannot reach its sources: {line.strip()}")
    for line in complaint.splitlines():
        if _REFUSED.search(line):
            return Error(f"no source that apt trusts has it: {line.strip()}")
    return MissingError("no apt source of this system has it")


def download(located: Located, package: str, version: str, folder: Path) -> None:
    """Fetch the files of a located source package into `folder`.

    apt goes on with a file that is there in part, and checks all digests. Raises
    MissingError where the network fails, Error where apt refuses what came.
    """
    command = _source_command(located.options, "--download-only", package, version)
    done = run(command, folder)
    missing = [f.name for f in located.files if not (folder / f.name).is_file()]
    if done.ok and not missing:
        return
    complaints = [
        line.strip()
        for line in (done.errors + done.output).splitlines()
        if line.startswith("E:") or line.startswith("   ")
    ]
    said = "; ".join(complaints) or "no reason given"
    if _NETWORK.search(said):
        raise MissingError(f"apt cannot fetch it: {said}")
    raise Error(f"apt refuses it: {said}")
