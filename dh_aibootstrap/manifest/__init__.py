# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""debian/aibootstrap.yaml -> Manifest: strict, and with all of its problems at once."""

from __future__ import annotations

from pathlib import Path

from ..errors import ManifestError, UsageError
from ..layout import MANIFEST
from .files import check_files
from .model import (
    Criterion,
    Dataset,
    Manifest,
    PathHome,
    Resources,
    SourcePackageHome,
    Stage,
    Weights,
)
from .schema import parse

__all__ = [
    "Criterion",
    "Dataset",
    "Manifest",
    "PathHome",
    "Resources",
    "SourcePackageHome",
    "Stage",
    "Weights",
    "load",
    "parse",
]

# A manifest is a page or two; the limit keeps a wrong file from filling the memory.
SIZE_LIMIT = 1 << 20  # bytes


def load(root: Path) -> Manifest:
    """Return the manifest of the source tree at `root`.

    Raises ManifestError with every problem of the file, those included that only a
    look at the tree shows (a `path` that does not exist), and UsageError where
    there is no manifest.
    """
    path = root / MANIFEST
    try:
        with open(path, "rb") as stream:
            data = stream.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise UsageError(
            f"{MANIFEST}: not found; write one with 'aibootstrap init'"
        ) from None
    except OSError as error:
        raise UsageError(f"{MANIFEST}: {error.strerror}") from None
    if len(data) > SIZE_LIMIT:
        raise UsageError(
            f"{MANIFEST}: larger than {SIZE_LIMIT} bytes, so not written by hand; data"
            " and programs lie beside it"
        )
    manifest, problems = parse(data, str(MANIFEST))
    if manifest is not None:
        problems += check_files(manifest, root, str(MANIFEST))
    if problems or manifest is None:
        raise ManifestError(problems)
    return manifest
