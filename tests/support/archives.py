# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed apt archives in a folder, and an apt that knows nothing but them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping

from .tree import Tree

SUITE = "stable"

CONTROL = """\
Source: {name}
Section: science
Priority: optional
Maintainer: dh-aibootstrap developers <team+dh-aibootstrap@tracker.debian.org>
Standards-Version: 4.6.2

Package: {name}
Architecture: all
Description: data to train on
 It has data and nothing else.
"""

CHANGELOG = """\
{name} ({version}) unstable; urgency=medium

  * Release.

 -- dh-aibootstrap developers <team+dh-aibootstrap@tracker.debian.org>  \
Thu, 01 Jan 2026 00:00:00 +0000
"""


@dataclass(frozen=True)
class Key:
    """A throw-away signing key."""

    home: Path
    public: Path

    def sign(self, source: Path, target: Path) -> None:
        """Write `source` to `target` with a signature around it."""
        target.unlink(missing_ok=True)
        _gpg(self.home, "--clearsign", "--output", str(target), str(source))


def throw_away_key() -> Iterator[Key]:
    """Make a key, and remove it and its agent in the end."""
    # A short path: the agent's socket lies in it (108 bytes, unix(7)).
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    try:
        name = "Archive of the tests <archive@example.org>"
        _gpg(home, "--passphrase", "", "--quick-gen-key", name, "ed25519", "sign")
        public = home / "archive.gpg"
        _gpg(home, "--output", str(public), "--export")
        yield Key(home, public)
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
        shutil.rmtree(home, ignore_errors=True)  # the agent removes its sockets too


def _gpg(home: Path, *words: str) -> None:
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", *words]
    subprocess.run(command, check=True, capture_output=True)


@dataclass(frozen=True)
class Dataset:
    """A source package in an archive: its .dsc and the digest that pins it."""

    name: str
    version: str
    dsc: Path

    @property
    def sha256(self) -> str:
        """The digest of the .dsc."""
        return hashlib.sha256(self.dsc.read_bytes()).hexdigest()

    def manifest_entry(self, dataset: str = "data") -> str:
        """Return the lines of this dataset in a manifest."""
        return (
            f"  {dataset}:\n"
            f"    source-package: {self.name}\n"
            f'    version: "{self.version}"\n'
            f"    sha256: {self.sha256}\n"
            "    licence: GPL-3+\n"
            "    lineage: counted by hand\n"
        )


@dataclass(frozen=True)
class Archive:
    """An archive in `folder`, and the apt configuration in `apt` that knows it."""

    tree: Tree
    folder: Path
    apt: Path
    key: Key

    @property
    def environment(self) -> dict[str, str]:
        """What makes every apt command use this archive alone."""
        return {"APT_CONFIG": str(self.apt / "apt.conf")}

    def add(
        self,
        files: Mapping[str, str | bytes],
        name: str = "toy-data",
        version: str = "1.0",
    ) -> Dataset:
        """Build a native source package of these files and put it into the pool."""
        upstream = version.split(":")[-1]
        source = self.folder.parent / "made" / f"{name}-{upstream}"
        shutil.rmtree(source, ignore_errors=True)
        own: dict[str, str | bytes] = {
            "debian/control": CONTROL.format(name=name),
            "debian/changelog": CHANGELOG.format(name=name, version=version),
            "debian/source/format": "3.0 (native)\n",
            "debian/rules": "#!/usr/bin/make -f\n%:\n\ttrue\n",
        }
        for path, content in {**own, **files}.items():
            target = source / path
            target.parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            target.write_bytes(data)
        (source / "debian/rules").chmod(0o755)
        pool = self.folder / "pool"
        pool.mkdir(parents=True, exist_ok=True)
        self.tree.run(["dpkg-source", "-b", str(source)], pool).check()
        return Dataset(name, version, pool / f"{name}_{upstream}.dsc")

    def publish(self) -> None:
        """Write the indices over the pool and sign them."""
        suite = self.folder / "dists" / SUITE
        binary = suite / "main" / f"binary-{self._architecture()}"
        sources = suite / "main" / "source"
        for folder in (binary, sources):
            folder.mkdir(parents=True, exist_ok=True)
        (binary / "Packages").write_text("")
        listed = self.tree.run(["apt-ftparchive", "sources", "pool"], self.folder)
        (sources / "Sources").write_text(listed.check().stdout)
        options = [
            f"-oAPT::FTPArchive::Release::{field}={value}"
            for field, value in (
                ("Origin", "tests"),
                ("Suite", SUITE),
                ("Codename", SUITE),
                ("Components", "main"),
                ("Architectures", self._architecture()),
            )
        ]
        for name in ("Release", "InRelease"):
            (suite / name).unlink(missing_ok=True)
        command = ["apt-ftparchive", *options, "release", str(suite)]
        (suite / "Release").write_text(self.tree.run(command).check().stdout)
        self.key.sign(suite / "Release", suite / "InRelease")

    def _architecture(self) -> str:
        return self.tree.run(["dpkg", "--print-architecture"]).stdout.strip()

    def use(self, uri: str, types: str = "deb-src", style: str = "list") -> None:
        """Make apt know this archive at `uri`, as `deb-src` or as `deb` alone.

        `style` is the form of the entry: one line (list) or deb822 (sources). With
        `deb-src` its lists are brought up to date as well.
        """
        self._configure()
        parts = self.apt / "sources.list.d"
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir()
        if style == "list":
            entry = f"{types} [signed-by={self.key.public}] {uri} {SUITE} main\n"
            (parts / "archive.list").write_text(entry)
        else:
            (parts / "archive.sources").write_text(
                f"Types: {types}\nURIs: {uri}\nSuites: {SUITE}\n"
                f"Components: main\nSigned-By: {self.key.public}\n"
            )

    def update(self) -> None:
        """Bring apt's lists up to date."""
        self.tree.run(["apt-get", "update"], extra=self.environment).check()

    def _configure(self) -> None:
        for name in ("lists/partial", "cache/archives/partial", "empty", "state"):
            (self.apt / name).mkdir(parents=True, exist_ok=True)
        (self.apt / "sources.list").write_text("")
        settings = {
            # What this machine is set to, proxies and the like, is left out.
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": self.apt / "empty",
            "Dir::Etc::sourcelist": self.apt / "sources.list",
            "Dir::Etc::sourceparts": self.apt / "sources.list.d",
            "Dir::Etc::trusted": "/dev/null",
            "Dir::Etc::trustedparts": self.apt / "empty",
            "Dir::Etc::preferencesparts": self.apt / "empty",
            "Dir::State": self.apt / "state",
            "Dir::State::lists": self.apt / "lists",
            "Dir::State::status": "/var/lib/dpkg/status",
            "Dir::Cache": self.apt / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": "0",
            # As root, apt fetches as the user _apt, who may not enter pytest's folder.
            "APT::Sandbox::User": "root",
        }
        text = "".join(f'{name} "{value}";\n' for name, value in settings.items())
        (self.apt / "apt.conf").write_text(text)

    @property
    def file_uri(self) -> str:
        """The archive as a folder."""
        return f"file:{self.folder}"
