# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""`aibootstrap init`: a manifest to begin with, and the nightly job for Salsa CI."""

from __future__ import annotations

import sys
from pathlib import Path

from .digest import write_atomically
from .errors import Error
from .layout import MANIFEST, Layout

SALSA = Path("debian/salsa-ci-aibootstrap.yml")
SALSA_TEMPLATE = "salsa-ci-aibootstrap.yml"

SKELETON = """\
# How the weights of this package are made; see aibootstrap(1).
format: 1
retrain: release
datasets:
  data:
    path: training              # a file or folder of this source; or:
    # source-package: foo-data  # a Debian source package, with
    # version: 1.0-1
    # sha256: ...               # of its .dsc
    licence: FIXME
    lineage: FIXME              # what the data was made from
parameters:
  epochs: 10
profiles:
  reduced:
    epochs: 1
stages:
  train:
    command: [python3, "{data}/train.py", --epochs, "{epochs}", --out, "{out}"]
    needs: [data]
    outputs: [model.txt, metrics.json]
    metrics: metrics.json
    resources: {cpus: 1, time: 30m}
weights:
  model.txt:
    from: train/model.txt
    # replaces: path/of/the/file/that/upstream/ships
accept:
  - train.error <= 0.1
determinism: numeric            # bitwise, numeric or statistical
"""

NEXT = """\
Next:
  debian/control: Build-Depends: dh-sequence-aibootstrap, and what only the training
                  needs as 'python3-numpy <pkg.{source}.aibootstrap>'
  debian/rules:   bootstrap:
                  <tab>dh $@
                  .PHONY: bootstrap
  then:           aibootstrap status; aibootstrap run"""

SALSA_NEXT = """\
Next:
  debian/salsa-ci.yml, beside the recipe of Salsa CI:
    include:
      - https://salsa.debian.org/salsa-ci-team/pipeline/raw/master/recipes/debian.yml
      - local: debian/salsa-ci-aibootstrap.yml
  on Salsa:   a pipeline schedule with the variable AIBOOTSTRAP_NIGHTLY set to 1
  in git:     debian/aibootstrap; the job is red where a retrain changes it"""


def write_manifest(layout: Layout, source: str) -> str:
    """Write a manifest to begin with; return what to do next.

    Raises Error where there is one already.
    """
    _write_new(layout.manifest, MANIFEST, SKELETON)
    return f"{MANIFEST} written.\n" + NEXT.format(source=source)


def write_salsa_job(layout: Layout) -> str:
    """Write the job for Salsa CI; return what to do next.

    Raises Error where there is one already.
    """
    _write_new(layout.root / SALSA, SALSA, _shared(SALSA_TEMPLATE).read_text("utf-8"))
    return f"{SALSA} written.\n" + SALSA_NEXT


def _write_new(path: Path, name: Path, text: str) -> None:
    if path.exists():
        raise Error(f"{name} exists; it is left as it is")
    write_atomically(path, text.encode("utf-8"))


def _shared(name: str) -> Path:
    """Return a file of /usr/share/dh-aibootstrap, or of the tree this runs from."""
    tree = Path(__file__).resolve().parent.parent / "debhelper"
    for folder in (tree, Path(sys.prefix) / "share/dh-aibootstrap"):
        if (folder / name).is_file():
            return folder / name
    return Path("/usr/share/dh-aibootstrap") / name
