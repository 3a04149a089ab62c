# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verdict in words for people and in JSON for programs. Pure.

The object `result` of the JSON holds no time, host or path: it is the same wherever
the retraining ends the same. All else is in `environment`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Mapping

from . import paragraph
from .stamp import Stamp, WeightPin
from .verify import (
    LIMITS,
    UNVERIFIABLE,
    Comparison,
    Findings,
    exit_status,
    overall,
)
from .words import short

FORMAT = 1
UNSIGNED = "who made the source: no signature was checked"


@dataclass(frozen=True)
class Outcome:
    """What a verification came to; `record` has the fields of the retraining's own."""

    kind: str
    origin: str
    signed: bool  # whether the source came through a chain of trust
    source: str
    version: str
    stamp: Stamp
    stamp_sha256: str
    comparisons: tuple[Comparison, ...]
    findings: Findings
    record: Mapping[str, str] = field(default_factory=dict)
    signer: str = ""  # of the record that was given: its key's fingerprint

    @property
    def verdict(self) -> str:
        """The verdict on all files."""
        return overall(self.comparisons)

    @property
    def status(self) -> int:
        """The exit status."""
        return exit_status(self.verdict, self.findings)

    @property
    def limits(self) -> tuple[str, ...]:
        """What this verdict does not prove."""
        return LIMITS[self.verdict] + (() if self.signed else (UNSIGNED,))


def to_lines(outcome: Outcome) -> list[str]:
    """Return the verdict as people read it."""
    lines = [f"{outcome.source} {outcome.version}, {outcome.kind}"]
    for comparison in outcome.comparisons:
        lines.append(comparison.line)
        lines += _pins(comparison)
    lines += [f"note: {note}" for note in outcome.findings.notes]
    lines.append("rests on:")
    lines += [f"  {line}" for line in _grounds(outcome)]
    lines.append("does not prove:")
    lines += [f"  {line}" for line in outcome.limits]
    count = len(outcome.findings.faults)
    refuted = f"; claims that do not hold: {count}" if count else ""
    return [*lines, f"verdict: {outcome.verdict}{refuted}"]


def _pins(comparison: Comparison) -> list[str]:
    lines = []
    for name, pin in (
        ("shipped", comparison.shipped),
        ("retrained", comparison.retrained),
    ):
        if pin is not None:
            lines.append(f"  {name:<9} sha256 {pin.sha256}, {pin.size} bytes")
    return lines


def _grounds(outcome: Outcome) -> list[str]:
    stamp = outcome.stamp
    lines = [
        outcome.origin,
        f"stamp of sha256 {outcome.stamp_sha256}, recipe {short(stamp.recipe)}",
    ]
    lines += [f"dataset {line}" for line in stamp.datasets]
    record = outcome.record
    if not record:
        return [*lines, "nothing was trained"]
    packages = paragraph.split(record.get("Installed-Build-Depends", ""))
    lines.append(
        f"a training from scratch, here, on {record['Architecture']} with"
        f" {len(packages)} packages (--json lists them with their versions)"
    )
    lines += [f"  {line}" for line in paragraph.split(record.get("Taints", ""))]
    if outcome.signer:
        lines.append(f"a record of the same digests, signed by {outcome.signer}")
    return lines


def to_json(outcome: Outcome) -> bytes:
    """Return the verdict as programs read it."""
    stamp, findings = outcome.stamp, outcome.findings
    result: dict[str, Any] = {
        "source": outcome.source,
        "version": outcome.version,
        "target": outcome.kind,
        "verdict": outcome.verdict,
        "status": outcome.status,
        "stamp": outcome.stamp_sha256,
        "manifest": stamp.manifest,
        "recipe": stamp.recipe,
        "determinism": stamp.determinism,
        "datasets": list(stamp.datasets),
        "criteria": list(stamp.criteria),
        "signer": outcome.signer or None,
        "files": [_file(comparison) for comparison in outcome.comparisons],
        "faults": list(findings.faults),
        "notes": list(findings.notes),
        "not-proven": list(outcome.limits),
    }
    record = {
        name: paragraph.split(text.replace(",\n", "\n")) if "\n" in text else text
        for name, text in outcome.record.items()
    }
    return _dump(result, {"origin": outcome.origin, "record": record})


def _file(comparison: Comparison) -> dict[str, Any]:
    return {
        "name": comparison.name,
        "verdict": comparison.verdict,
        "why": comparison.why,
        "shipped": _pin(comparison.shipped),
        "retrained": _pin(comparison.retrained),
        "differing-bytes": comparison.differing,
    }


def _pin(pin: WeightPin | None) -> dict[str, Any] | None:
    return None if pin is None else {"sha256": pin.sha256, "size": pin.size}


def failure_to_json(status: int, message: str) -> bytes:
    """Return the result of a verification that came to no comparison, for programs."""
    result = {
        "verdict": UNVERIFIABLE,
        "status": status,
        "files": [],
        "not-proven": list(LIMITS[UNVERIFIABLE]),
    }
    return _dump(result, {"message": message.splitlines()})


def _dump(result: dict[str, Any], environment: dict[str, Any]) -> bytes:
    value = {"format": FORMAT, "result": result, "environment": environment}
    return json.dumps(value, indent=1).encode("ascii") + b"\n"
