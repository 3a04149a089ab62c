# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Debian says of this source and this machine: names, versions, packages."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Deb822, PkgRelation

from .errors import Error
from .programs import run_or_fail


@dataclass(frozen=True)
class Source:
    """The source package: its name, its version, and when it was last changed."""

    name: str
    version: str
    epoch: str  # SOURCE_DATE_EPOCH, seconds


def read_source(root: Path) -> Source:
    """Return what debian/changelog says. Raises Error where it says nothing."""
    shown = run_or_fail(["dpkg-parsechangelog"], root)
    fields = Deb822(shown)
    try:
        return Source(fields["Source"], fields["Version"], fields["Timestamp"])
    except KeyError as error:
        raise Error(f"debian/changelog: no {error.args[0]} in it") from None


def host_architecture() -> str:
    """Return the Debian architecture that is built for, as in amd64."""
    given = os.environ.get("DEB_HOST_ARCH")
    return given or run_or_fail(["dpkg-architecture", "-qDEB_HOST_ARCH"]).strip()


def profile_name(source: str) -> str:
    """Return the build profile that carries the training's build dependencies.

    The names pkg.SOURCE.* are free for every source package (BuildProfileSpec).
    """
    return f"pkg.{source}.aibootstrap"


@dataclass(frozen=True)
class Installed:
    """An installed package and what it depends on."""

    name: str
    version: str
    architecture: str
    essential: bool
    provides: tuple[str, ...]
    depends: tuple[tuple[str, ...], ...]  # conjunction of alternatives, by name


def build_closure(root: Path, profiles: str) -> tuple[str, ...]:
    """Return `name (= version)` of each installed package that the training can see.

    As dpkg-genbuildinfo computes Installed-Build-Depends (deb-buildinfo(5)): the
    build dependencies under these profiles, essential packages and build-essential,
    with all that these depend on in turn.
    """
    installed = _installed()
    waiting = [p.name for p in installed.values() if p.essential]
    waiting += ["build-essential", *_build_depends(root, profiles.split())]
    providers: dict[str, list[str]] = {}
    for package in installed.values():
        for name in (package.name, *package.provides):
            providers.setdefault(name, []).append(package.name)
    seen: set[str] = set()
    while waiting:
        for name in providers.get(waiting.pop(), []):
            if name not in seen:
                seen.add(name)
                depends = installed[name].depends
                waiting += [option for options in depends for option in options]
    return tuple(f"{name} (= {installed[name].version})" for name in sorted(seen))


def _installed() -> dict[str, Installed]:
    form = (
        "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${Essential}\t"
        "${Provides}\t${Pre-Depends}, ${Depends}\n"
    )
    found = {}
    for line in run_or_fail(["dpkg-query", "-W", "-f", form]).splitlines():
        status, name, version, arch, essential, provides, depends = line.split("\t")
        if status == "installed":
            found[name] = Installed(
                name=name,
                version=version,
                architecture=arch,
                essential=essential == "yes",
                provides=tuple(_names(provides)),
                depends=tuple(tuple(_names(item, "|")) for item in depends.split(",")),
            )
    return found


def _names(text: str, separator: str = ",") -> list[str]:
    """Return the package names of a relation; versions do not matter once installed."""
    words = [item.strip() for item in text.split(separator)]
    return [re.split(r"[\s:(]", word, maxsplit=1)[0] for word in words if word]


def _build_depends(root: Path, profiles: list[str]) -> list[str]:
    text = (root / "debian/control").read_text("utf-8")
    fields = next(iter(Deb822.iter_paragraphs(text, use_apt_pkg=False)))
    names = []
    for field in ("Build-Depends", "Build-Depends-Arch"):
        # python3-debian warns of the nothing behind a last comma.
        text = fields.get(field, "").strip().strip(",")
        if not text:
            continue
        for options in PkgRelation.parse_relations(text):
            for option in options:
                if _active(option.get("restrictions"), profiles):
                    names.append(str(option["name"]))
    return names


def _active(restrictions: object, profiles: list[str]) -> bool:
    """Tell whether a restriction formula holds: any list of which all terms do."""
    if not isinstance(restrictions, list) or not restrictions:
        return True
    return any(
        all(term.enabled == (term.profile in profiles) for term in terms)
        for terms in restrictions
    )
