# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small real source packages that ship a model and declare how it is trained."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from debian.deb822 import Deb822

from .tree import ROOT, Done, Tree

UPSTREAM_MODEL = "the model that upstream ships\n"

TRAIN = """\
import argparse, json, os, pathlib

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, required=True)
parser.add_argument("--out", type=pathlib.Path, required=True)
options = parser.parse_args()
here = pathlib.Path(__file__).parent
numbers = [float(line) for line in (here / "data.txt").read_text().split()]
mean = sum(numbers) / len(numbers)
model = 0.0
for _ in range(options.epochs):
    model += 0.5 * (mean - model)
(options.out / "model.txt").write_text(f"{model!r} {os.environ['AIBOOTSTRAP_SEED']}\\n")
(options.out / "metrics.json").write_text(
    json.dumps({"train": {"error": abs(mean - model)}})
)
"""

DATA = "1\n2\n3\n6\n"

MANIFEST = """\
format: 1
datasets:
  data:
    path: training
    licence: GPL-3+
    lineage: counted by hand
parameters:
  epochs: 20
profiles:
  reduced:
    epochs: 1
stages:
  train:
    command: [python3, "{data}/train.py", --epochs, "{epochs}", --out, "{out}"]
    needs: [data]
    outputs: [model.txt]
    metrics: metrics.json
weights:
  model.txt:
    from: train/model.txt
    replaces: model.txt
accept:
  - train.error <= 0.1
determinism: bitwise
"""

EXPLICIT_RULE = "\nbootstrap:\n\tdh $@{options}\n\n.PHONY: bootstrap\n"
HEAD = "#!/usr/bin/make -f\n\n"

RULES = {
    # what the manual page says
    "sequence": HEAD + "%:\n\tdh $@\n" + EXPLICIT_RULE.format(options=""),
    "with": HEAD
    + "%:\n\tdh $@ --with aibootstrap\n"
    + EXPLICIT_RULE.format(options=" --with aibootstrap"),
    # what is not enough where a file of the name exists
    "pattern": HEAD + "%:\n\tdh $@ --with aibootstrap\n",
    "phony": HEAD + "%:\n\tdh $@ --with aibootstrap\n\n.PHONY: bootstrap\n",
    # without dh
    "mk": HEAD
    + f"include {ROOT}/debhelper/aibootstrap.mk\n"
    + """
build build-arch build-indep:
    dh_aibootstrap_check
    touch $@

binary: binary-indep
binary-indep: build
    dh_testroot
    dh_prep
    dh_install
    dh_installdocs
    dh_aibootstrap_install
    dh_gencontrol
    dh_md5sums
    dh_builddeb
binary-arch:

clean:
    rm -f build build-arch build-indep
    dh_clean

.PHONY: binary binary-arch binary-indep clean
""".replace(
        "    ", "\t"
    ),
}

CONTROL = """\
Source: {name}
Section: misc
Priority: optional
Maintainer: dh-aibootstrap developers <team+dh-aibootstrap@tracker.debian.org>
Build-Depends: {build_depends}
Standards-Version: 4.6.2
Rules-Requires-Root: no
{more}
Package: {name}
Architecture: {architecture}
Depends: ${{misc:Depends}}
Static-Built-Using: ${{aibootstrap:Static-Built-Using}}
{binary}Description: small package with a model
 It has a model and nothing else.
"""

CHANGELOG = """\
{name} ({version}) unstable; urgency=medium

  * Release.

 -- dh-aibootstrap developers <team+dh-aibootstrap@tracker.debian.org>  \
Thu, 01 Jan 2026 00:00:00 +0000
"""


@dataclass(frozen=True)
class Package:
    """A source package on disk, and the add-on of this tree to work on it."""

    tree: Tree
    root: Path
    name: str
    version: str

    def run(self, *command: str | Path, **extra: str) -> Done:
        """Run a command at the top of the source."""
        return self.tree.run(command, self.root, extra)

    def rules(self, target: str, *options: str, **extra: str) -> Done:
        """Run `debian/rules TARGET`."""
        return self.run("debian/rules", target, *options, **extra)

    def bootstrap(self, **extra: str) -> Done:
        """Run `debian/rules bootstrap`."""
        return self.rules("bootstrap", **extra)

    def aibootstrap(self, *words: str, **extra: str) -> Done:
        """Run the command aibootstrap."""
        return self.run("aibootstrap", *words, **extra)

    def build(self, *options: str, **extra: str) -> Done:
        """Build the binary packages with dpkg-buildpackage."""
        command = ["dpkg-buildpackage", "-d", "-us", "-uc", "-b", *options]
        return self.run(*command, **extra)

    def path(self, name: str) -> Path:
        """Return a path of the source."""
        return self.root / name

    def read(self, name: str) -> str:
        """Return the text of a file of the source."""
        return self.path(name).read_text("utf-8")

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the source and return its path."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode("utf-8")
        path.write_bytes(content)
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file exactly once."""
        text = self.read(name)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def result(self) -> dict[str, str]:
        """Return the fields of the result file."""
        return fields(self.path("debian/.debhelper/aibootstrap/result"))

    def stamp(self) -> dict[str, str]:
        """Return the fields of the stamp."""
        return fields(self.path("debian/aibootstrap/provenance"))

    def record(self) -> dict[str, str]:
        """Return the fields of the record; there must be exactly one."""
        (path,) = self.root.parent.glob("*.bootstrapinfo")
        return fields(path)

    def weights(self) -> dict[str, tuple[str, bytes]]:
        """Return debian/aibootstrap as it is on disk."""
        return snapshot(self.path("debian/aibootstrap"))

    def source(self) -> dict[str, tuple[str, bytes]]:
        """Return the source as it is on disk, but for debian/.debhelper."""
        found = snapshot(self.root)
        return {
            name: entry
            for name, entry in found.items()
            if not f"{name}/".startswith("debian/.debhelper/")
        }

    def deb(self) -> Path:
        """Return the .deb that was built; there must be exactly one."""
        (path,) = self.root.parent.glob(f"{self.name}_*.deb")
        return path


def fields(path: Path) -> dict[str, str]:
    """Return the fields of a file of one paragraph."""
    (paragraph,) = Deb822.iter_paragraphs(path.read_text("utf-8"), use_apt_pkg=False)
    return {str(name): str(value) for name, value in paragraph.items()}


def snapshot(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Return mode and content of all below `folder`, '.git' left out."""
    found: dict[str, tuple[str, bytes]] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if f"{name}/".startswith(".git/"):
            continue
        mode = path.lstat().st_mode
        content = b""
        if stat.S_ISLNK(mode):
            content = os.fsencode(os.readlink(path))
        elif stat.S_ISREG(mode):
            content = path.read_bytes()
        found[name] = (stat.filemode(mode), content)
    return found


@dataclass(frozen=True)
class Makings:
    """What a package is made of; each field can be given to the factory by name."""

    name: str = "toy"
    version: str = "1.0"
    rules: str = "with"  # a name in RULES, or the text itself
    architecture: str = "all"
    build_depends: str = "debhelper-compat (= 13)"
    more_source_fields: str = ""  # lines, each with its newline
    more_binary_fields: str = ""
    manifest: str | None = MANIFEST
    train: str = TRAIN
    install: str = "model.txt usr/share/toy\n"

    def write(self, tree: Tree, folder: Path, files: Mapping[str, str]) -> Package:
        """Write the package into a folder of its own below `folder`."""
        root = folder / f"{self.name}-{self.version.rpartition('-')[0] or self.version}"
        package = Package(tree, root, self.name, self.version)
        quilt = "-" in self.version
        package.write("model.txt", UPSTREAM_MODEL)
        package.write("training/train.py", self.train)
        package.write("training/data.txt", DATA)
        if quilt:
            make_orig(package)
        package.write("debian/control", self._control())
        package.write(
            "debian/changelog",
            CHANGELOG.format(name=self.name, version=self.version),
        )
        package.write("debian/rules", RULES.get(self.rules, self.rules)).chmod(0o755)
        package.write("debian/install", self.install)
        package.write(
            "debian/source/format", "3.0 (quilt)\n" if quilt else "3.0 (native)\n"
        )
        if self.manifest is not None:
            package.write("debian/aibootstrap.yaml", self.manifest)
        for name, content in files.items():
            package.write(name, content)
        return package

    def _control(self) -> str:
        return CONTROL.format(
            name=self.name,
            architecture=self.architecture,
            build_depends=self.build_depends
            + (", dh-sequence-aibootstrap" if self.rules == "sequence" else ""),
            more=self.more_source_fields,
            binary=self.more_binary_fields,
        )


def make_orig(package: Package) -> None:
    """Make the orig tarball of what the source holds now."""
    upstream = package.version.rpartition("-")[0]
    package.tree.run(
        ["tar", "-caf", f"../{package.name}_{upstream}.orig.tar.xz"]
        + ["-C", str(package.root.parent), "--exclude=./debian", package.root.name],
        package.root,
    ).check()
