# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The training: every stage of the recipe in its order, reused where it has run."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Callable, Mapping

from ..errors import Error
from ..fetch import open_fetched
from ..layout import Layout
from ..manifest.model import Manifest
from ..plan import Recipe
from .shelf import Output, Report, Shelf
from .stage import Bench, run_stage

__all__ = ["Output", "Report", "Shelf", "bench_of", "reports", "shelf_of", "train"]


def shelf_of(layout: Layout, architecture: str) -> Shelf:
    """Return the shelf of stages that were finished on this architecture."""
    return Shelf(layout.cache / "stages" / architecture)


def bench_of(layout: Layout, architecture: str, stage: str, key: str) -> Bench:
    """Return where the stage with this key works."""
    return Bench(
        shelf=shelf_of(layout, architecture),
        work=layout.work(stage),
        checkpoints=layout.cache / "checkpoints" / architecture / key,
        log=layout.cache / "logs" / f"{key}.log",
    )


def train(
    manifest: Manifest,
    recipe: Recipe,
    layout: Layout,
    architecture: str,
    outside: Mapping[str, str],
    fresh: bool,
    tell: Callable[[str], None],
    copy_to: IO[bytes] | None = None,
) -> tuple[str, ...]:
    """Run what has not run, and return the names of the stages that were reused.

    With `fresh` nothing finished or half finished is reused. `tell` is called with a
    line for a person at the start and the end of each stage.
    """
    shelf = shelf_of(layout, architecture)
    reused: list[str] = []
    for stage in manifest.stages:
        key = recipe.keys[stage.name]
        bench = bench_of(layout, architecture, stage.name, key)
        if fresh:
            shelf.drop(key)
            bench.clear()
        report = shelf.report(key)
        if report is None:
            inputs = _inputs(manifest, stage.needs, recipe, layout, shelf)
            tell(f"{stage.name}: running")
            report = run_stage(manifest, stage, recipe, inputs, bench, outside, copy_to)
            tell(f"{stage.name}: done in {report.seconds:.0f} s")
        else:
            tell(f"{stage.name}: finished before with the same inputs, reused")
            reused.append(stage.name)
    return tuple(reused)


def _inputs(
    manifest: Manifest,
    needs: tuple[str, ...],
    recipe: Recipe,
    layout: Layout,
    shelf: Shelf,
) -> dict[str, str]:
    folders: dict[str, str] = {}
    for dataset in manifest.datasets:
        if dataset.name in needs:
            folders[dataset.name] = open_fetched(dataset, layout)
    for name in needs:
        if name in recipe.keys:
            folders[name] = str(shelf.outputs(recipe.keys[name]))
    return folders


def reports(
    manifest: Manifest, recipe: Recipe, layout: Layout, architecture: str
) -> tuple[Report, ...]:
    """Return the reports of all stages. Raises Error where one has not finished."""
    shelf = shelf_of(layout, architecture)
    found = []
    for stage in manifest.stages:
        report = shelf.report(recipe.keys[stage.name])
        if report is None:
            raise Error(f"stage {stage.name} has not run; run dh_aibootstrap_train")
        found.append(report)
    return tuple(found)


def output_path(report: Report, name: str, shelf: Shelf) -> Path:
    """Return where an output of a finished stage lies."""
    return shelf.outputs(report.key) / name
