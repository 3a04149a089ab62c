# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of `dh bootstrap` over one source tree: fetch, train, refresh.

Each step reads the manifest anew, so that it works by itself, and leaves a result
file: make turns every exit status into 2, and dh exits 0 where it did nothing.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import IO, Callable, Mapping

from . import fetch as fetching
from . import manifest as manifests
from . import paragraph, record, refresh
from . import stamp as stamps
from . import train as training
from .accept import Judgement, judge
from .digest import sha256_bytes, sha256_value, write_atomically
from .errors import Error, NotAcceptedError, UsageError
from .layout import MANIFEST, WEIGHTS, Layout
from .manifest import Manifest
from .manifest.notes import suggest
from .package import (
    Source,
    build_closure,
    host_architecture,
    read_source,
)
from .plan import FULL, Recipe, State, Step, make_plan, make_recipe
from .refresh import Made
from .stamp import Stamp, WeightPin

DONE, SKIPPED, FAILED = "done", "skipped", "failed"

# Set where a machine runs this for nobody in particular: GitLab and most others set the
# first two, debci and autopkgtest(1) the last.
CI_VARIABLES = ("CI", "GITLAB_CI", "AUTOPKGTEST_TMP")


@dataclass(frozen=True)
class Run:
    """One run over a source tree: what it works on, and how it was asked to."""

    layout: Layout
    manifest: Manifest
    recipe: Recipe
    environment: Mapping[str, str]

    @property
    def fresh(self) -> bool:
        """Whether nothing that was finished before may be reused."""
        return bool(self.environment.get("AIBOOTSTRAP_FRESH"))


def open_run(layout: Layout, environment: Mapping[str, str]) -> Run:
    """Read the manifest and return the run that it and the environment ask for.

    Raises ManifestError, or UsageError for a profile that the manifest lacks.
    """
    manifest = manifests.load(layout.root)
    profile = environment.get("AIBOOTSTRAP_PROFILE") or FULL
    if profile != FULL and profile not in manifest.profiles:
        known = [FULL, *manifest.profiles]
        raise UsageError(
            f"{MANIFEST}: profiles: no profile '{profile}'; {suggest(profile, known)}"
        )
    digests = fetching.path_digests(manifest, layout)
    return Run(layout, manifest, make_recipe(manifest, profile, digests), environment)


def plan(run: Run) -> tuple[Step, ...]:
    """Return the steps that a run would take now, each with its reason."""
    manifest, layout = run.manifest, run.layout
    state = State(
        fetched=frozenset(
            dataset.name
            for dataset in manifest.datasets
            if fetching.at_hand(dataset, layout)
        ),
        finished=frozenset(run.recipe.keys[name] for name in _finished(run)),
        weights=refresh.digests_in_place(layout),
    )
    return make_plan(manifest, run.recipe, stamps.load(layout.stamp), state)


def fetch_step(run: Run, tell: Callable[[str], None]) -> None:
    """Bring the datasets that stages need which are still to run."""
    finished = _finished(run)
    waiting = [stage for stage in run.manifest.stages if stage.name not in finished]
    for dataset in run.manifest.datasets:
        line = f"dataset {dataset.name}: {dataset.licence}, from {dataset.lineage}"
        if any(dataset.name in stage.needs for stage in waiting):
            tell(line)
            fetching.fetch(run.manifest, dataset, run.layout, run.environment)
        else:
            tell(f"{line}; not fetched, no stage that reads it is to run")


def _finished(run: Run) -> list[str]:
    """Return the stages that this run reuses."""
    if run.fresh:
        return []
    shelf = training.shelf_of(run.layout, host_architecture())
    keys = run.recipe.keys
    return [name for name, key in keys.items() if shelf.report(key) is not None]


def train_step(
    run: Run, tell: Callable[[str], None], copy_to: IO[bytes] | None
) -> None:
    """Run the stages; note which of them were reused, for the record."""
    note = run.layout.scratch / "reused"
    note.parent.mkdir(parents=True, exist_ok=True)
    reused = training.train(
        run.manifest,
        run.recipe,
        run.layout,
        host_architecture(),
        {**run.environment, "SOURCE_DATE_EPOCH": _epoch(run)},
        run.fresh,
        tell,
        copy_to,
    )
    write_atomically(note, "\n".join(reused).encode("ascii"))


def _epoch(run: Run) -> str:
    given = run.environment.get("SOURCE_DATE_EPOCH")
    return given or read_source(run.layout.root).epoch


def refresh_step(run: Run, tell: Callable[[str], None]) -> None:
    """Judge what was made; where it is accepted, put it in place; write the record.

    Raises NotAcceptedError where a criterion is not met; debian/aibootstrap is then
    as before. So it is after a run of another profile than the full one.
    """
    architecture = host_architecture()
    layout, manifest, recipe = run.layout, run.manifest, run.recipe
    source = read_source(layout.root)
    reports = training.reports(manifest, recipe, layout, architecture)
    metrics = _all_metrics(reports)
    judgements = judge(manifest.accept, metrics)
    accepted = all(judgement.met for judgement in judgements)
    made = _made(run, reports, architecture)
    stamp = refresh.make_stamp(manifest, recipe, source.name, made, judgements)
    refreshed = "kept"
    if accepted and recipe.profile == FULL:
        changed = refresh.put_in_place(layout, made, stamp)
        refreshed = "changed" if changed else "unchanged"
    outcome = Outcome(metrics, judgements, accepted, refreshed, made, stamp)
    _write_record(run, source, architecture, reports, outcome)
    for folder in ("datasets", "work"):
        # In the way of dpkg-source otherwise, which takes no unlisted binary files.
        shutil.rmtree(layout.scratch / folder, ignore_errors=True)
    if not accepted:
        failed = "\n".join(f"accept: {j}" for j in judgements if not j.met)
        raise NotAcceptedError(f"{failed}\n{WEIGHTS} is left as it was")
    tell(_last_line(outcome, recipe))


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    metrics: Mapping[str, float]
    judgements: tuple[Judgement, ...]
    accepted: bool
    refreshed: str
    made: tuple[Made, ...]
    stamp: Stamp


def _last_line(outcome: Outcome, recipe: Recipe) -> str:
    if outcome.refreshed == "kept":
        return (
            f"profile {recipe.profile}: judged and recorded, {WEIGHTS} left as it was"
        )
    if outcome.refreshed == "unchanged":
        return f"{WEIGHTS} holds these weights and this stamp already"
    names = ", ".join(item.pin.name for item in outcome.made)
    return f"{WEIGHTS}: {names} and the stamp refreshed"


def _all_metrics(reports: tuple[training.Report, ...]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for report in reports:
        for name, value in report.metrics.items():
            if name in metrics:
                raise Error(f"two stages report the metric '{name}'")
            metrics[name] = value
    return metrics


def _made(
    run: Run, reports: tuple[training.Report, ...], architecture: str
) -> tuple[Made, ...]:
    shelf = training.shelf_of(run.layout, architecture)
    by_stage = {report.stage: report for report in reports}
    made = []
    for weights in run.manifest.weights:
        report = by_stage[weights.stage]
        output = next(o for o in report.outputs if o.name == weights.output)
        pin = WeightPin(weights.name, output.sha256, output.size)
        made.append(Made(pin, training.output_path(report, output.name, shelf)))
    return tuple(made)


def _write_record(
    run: Run,
    source: Source,
    architecture: str,
    reports: tuple[training.Report, ...],
    outcome: Outcome,
) -> None:
    layout, recipe = run.layout, run.recipe
    reused = _reused(layout)
    hardware = {
        name: text for report in reports for name, text in report.hardware.items()
    }
    data = record.to_bytes(
        record.Record(
            source=source.name,
            version=source.version,
            architecture=architecture,
            profile=recipe.profile,
            manifest=run.manifest.sha256,
            recipe=recipe.sha256,
            criteria=sha256_value([item.text for item in run.manifest.accept]),
            stamp=sha256_bytes(stamps.to_bytes(outcome.stamp)),
            accepted=outcome.accepted,
            refreshed=outcome.refreshed,
            acceptance=tuple(map(str, outcome.judgements)),
            metrics=tuple(sorted(outcome.metrics.items())),
            weights=tuple(item.pin for item in outcome.made),
            outputs=tuple(
                f"{output.sha256} {output.size} {report.stage}/{output.name}"
                for report in reports
                for output in report.outputs
            ),
            stages=tuple(_stage_run(report, reused) for report in reports),
            taints=_taints(run, reports),
            hardware=tuple(sorted(hardware.items())),
            machine=record.this_machine(),
            packages=build_closure(
                layout.root, run.environment.get("DEB_BUILD_PROFILES", "")
            ),
        )
    )
    name = record.file_name(source.name, source.version, architecture)
    write_atomically(layout.root.parent / name, data)


def _stage_run(report: training.Report, reused: list[str]) -> record.StageRun:
    return record.StageRun(
        name=report.stage,
        key=report.key,
        reused=report.stage in reused,
        attempts=report.attempts,
        seconds=report.seconds,
        peak=report.peak,
        isolated=report.isolated,
        threads=report.threads,
        checkpoints=report.checkpoints,
        blas=report.blas,
    )


def _reused(layout: Layout) -> list[str]:
    try:
        return (layout.scratch / "reused").read_text("ascii").split()
    except OSError:
        return []


def _taints(run: Run, reports: tuple[training.Report, ...]) -> tuple[str, ...]:
    """Return what makes this run prove less than it could."""
    taints = []
    if run.recipe.profile != FULL:
        taints.append(f"profile {run.recipe.profile}: not the full recipe")
    if run.manifest.seed is not None:
        taints.append("seed fixed by hand, not derived from the recipe")
    if not run.manifest.accept:
        taints.append("no acceptance criterion is registered")
    open_stages = [report.stage for report in reports if not report.isolated]
    if open_stages:
        taints.append("network was reachable in " + ", ".join(open_stages))
    found = [name for name in CI_VARIABLES if run.environment.get(name)]
    if found:
        taints.append(f"{record.CI_TAINT}: {', '.join(found)} set")
    return tuple(taints)


def clear_result(layout: Layout) -> None:
    """Forget the result of an earlier run."""
    layout.result.unlink(missing_ok=True)


def write_result(layout: Layout, status: str, exit_status: int, message: str) -> None:
    """Write how a step ended, for programs: make does not pass it on."""
    lines = [paragraph.visible(line) for line in message.splitlines()]
    fields = {
        "Status": status,
        "Exit-Status": str(exit_status),
        "Run": os.environ.get("AIBOOTSTRAP_RUN", ""),
        "Message": "\n ".join(line if line.strip() else "." for line in lines),
    }
    if layout.stamp.is_file() and status == DONE:
        fields["Stamp-Sha256"] = sha256_bytes(layout.stamp.read_bytes())
    layout.result.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(layout.result, paragraph.write(fields))


def read_result(layout: Layout) -> dict[str, str]:
    """Return the fields of the result file, none where there is no such file."""
    try:
        return paragraph.read(layout.result.read_bytes())
    except (OSError, ValueError):
        return {}
