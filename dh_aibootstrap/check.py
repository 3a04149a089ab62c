# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights in the tree against their stamp: what every normal build asks.

Cheap on purpose: two small files are read and the weights are hashed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import manifest as manifests
from . import stamp as stamps
from .digest import sha256_file
from .errors import Error
from .fetch import path_digests
from .layout import MANIFEST, STAMP, WEIGHTS, Layout
from .manifest import Manifest
from .plan import FULL, make_recipe, why_outdated
from .stamp import Stamp

MEND = "make both anew with 'debian/rules bootstrap'"


@dataclass(frozen=True)
class Overlay:
    """A weights file that stands in for a file of the source while it is built."""

    weights: Path
    replaces: Path


@dataclass(frozen=True)
class Checked:
    """What a check found: the overlays to lay, and warnings for a person."""

    overlays: tuple[Overlay, ...]
    warnings: tuple[str, ...]


def check(layout: Layout) -> Checked:
    """Return the overlays of this source. Raises Error where a file is not the stamp's.

    A source that was never bootstrapped builds as it is, with a warning.
    """
    manifest = manifests.load(layout.root)
    stamp = stamps.load(layout.stamp)
    if stamp is None:
        return _without_stamp(manifest, layout)
    faults = _faults(manifest, stamp, layout)
    if faults:
        raise Error("\n".join(faults))
    overlays = tuple(
        Overlay(WEIGHTS / weights.name, Path(weights.replaces))
        for weights in manifest.weights
        if weights.replaces is not None
    )
    return Checked(overlays, _warnings(manifest, stamp, layout))


def _without_stamp(manifest: Manifest, layout: Layout) -> Checked:
    for weights in manifest.weights:
        if (layout.weights / weights.name).exists():
            raise Error(
                f"{WEIGHTS / weights.name} has no stamp: {STAMP} is not there; {MEND}"
            )
    warning = f"{STAMP} is not there: the weights of upstream are built in as they are"
    return Checked((), (warning,))


def _faults(manifest: Manifest, stamp: Stamp, layout: Layout) -> list[str]:
    faults = []
    pinned = {pin.name: pin.sha256 for pin in stamp.weights}
    for weights in manifest.weights:
        path = WEIGHTS / weights.name
        if weights.name not in pinned:
            faults.append(f"{path} is in {MANIFEST} but not in {STAMP}; {MEND}")
            continue
        found = layout.root / path
        if found.is_symlink():
            faults.append(f"{path} is a symbolic link, not the file of {STAMP}; {MEND}")
        elif not found.is_file():
            faults.append(f"{path} is missing, and {STAMP} names it; {MEND}")
        elif (digest := sha256_file(found)) != pinned[weights.name]:
            faults.append(
                f"{path} is not the file of {STAMP}: its sha256 is {digest}, the stamp"
                f" says {pinned[weights.name]}; {MEND}"
            )
    return faults


def _warnings(manifest: Manifest, stamp: Stamp, layout: Layout) -> tuple[str, ...]:
    if manifest.sha256 == stamp.manifest:
        return ()
    recipe = make_recipe(manifest, FULL, path_digests(manifest, layout))
    outdated = why_outdated(manifest, recipe, stamp)
    return (f"{MANIFEST}: {outdated}; {MEND}",) if outdated else ()
