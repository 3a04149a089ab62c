# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights made anew from scratch, in a copy of a source and with a cache of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Callable, Mapping

from . import drive, paragraph, pipeline
from . import train as training
from .errors import Error, MissingError, NotAcceptedError
from .layout import Layout
from .package import host_architecture, read_source
from .programs import run_or_fail
from .record import file_name


@dataclass(frozen=True)
class Retrained:
    """The weights that a run made, by name, and its record."""

    files: Mapping[str, Path]
    record: Path

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the record."""
        return paragraph.read(self.record.read_bytes())


def apply_patches(root: Path) -> None:
    """Make a tree what it is while it is built: its patches applied, once and for all.

    dpkg-source would take them back in the end where it applied them itself.
    """
    run_or_fail(["dpkg-source", "--before-build", "."], root)
    (root / ".pc/.dpkg-source-unapply").unlink(missing_ok=True)


def retrain(
    root: Path, cache: Path, show: bool, tell: Callable[[str], None]
) -> Retrained:
    """Run what `aibootstrap run --fresh` runs in `root`, whose cache is then `cache`.

    Also weights that are not accepted are returned. Raises MissingError where an input
    or a build dependency is not to be had, Error where the training fails.
    """
    source = read_source(root)
    layout = Layout(root, cache / "aibootstrap")
    options = {
        "XDG_CACHE_HOME": str(cache),
        "AIBOOTSTRAP_PROFILE": "",
        "AIBOOTSTRAP_FRESH": "1",
        # Whatever the caller has set, the run is that of this changelog.
        "SOURCE_DATE_EPOCH": source.epoch,
        "DH_VERBOSE": "1" if show else "",
    }
    supplied = os.environ.get("AIBOOTSTRAP_DATASETS")
    if supplied:
        options["AIBOOTSTRAP_DATASETS"] = os.path.abspath(supplied)
    environment = {**os.environ, **options}
    drive.check_dependencies(layout, source.name, tell)
    _fetch_inputs(layout, environment)
    result = drive.bootstrap(layout, source.name, options, tell)
    if result.get("Status") != pipeline.DONE:
        status = int(result.get("Exit-Status") or 1)
        if status != NotAcceptedError.status:
            lines = paragraph.split(result.get("Message", ""))
            failure = Error("\n".join(lines) or "failed, with no reason given")
            failure.status = status
            raise failure
    run = pipeline.open_run(layout, environment)
    architecture = host_architecture()
    reports = training.reports(run.manifest, run.recipe, layout, architecture)
    shelf = training.shelf_of(layout, architecture)
    by_stage = {report.stage: report for report in reports}
    files = {
        weights.name: training.output_path(
            by_stage[weights.stage], weights.output, shelf
        )
        for weights in run.manifest.weights
    }
    name = file_name(source.name, source.version, architecture)
    return Retrained(files, root.parent / name)


def _fetch_inputs(layout: Layout, environment: Mapping[str, str]) -> None:
    """Bring the datasets into the cache before anything is trained.

    So an input that is gone, or is another one now, is told from a training that fails.
    """
    run = pipeline.open_run(layout, environment)
    try:
        pipeline.fetch_step(run, lambda line: None)
    except Error as error:
        raise MissingError(str(error)) from None


def take_away(path: Path) -> IO[bytes]:
    """Return the content of a file of our copy, which is then there no longer.

    A trainer must not find the weights that it is to make, and copy them.
    """
    kept = tempfile.TemporaryFile()
    with open(path, "rb") as stream:
        shutil.copyfileobj(stream, kept)
    path.unlink()
    kept.seek(0)
    return kept


def count_differing(left: IO[bytes], other: Path) -> int:
    """Return in how many bytes two files differ; what one has more counts as well."""
    differing = 0
    with open(other, "rb") as right:
        while True:
            ours, theirs = left.read(1 << 16), right.read(1 << 16)
            if not ours and not theirs:
                return differing
            if ours != theirs:
                differing += sum(a != b for a, b in zip(ours, theirs))
                differing += abs(len(ours) - len(theirs))
