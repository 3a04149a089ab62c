# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many independent signers made the same weights: k of n, file by file. Pure.

A record counts where it is signed, is of the full recipe of the stamp that is asked
about, and was not made by continuous integration, which runs for nobody in particular.
A signer counts once, however many records there are of him, and not at all where his
records contradict one another. What does not count is shown with the reason, and a
training that failed or came to other weights beside those that agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Sequence

from .plan import FULL
from .record import Record
from .stamp import Stamp
from .words import short

FORMAT = 1
AGREED, NOT_MET, INCONCLUSIVE = "agreed", "not met", "inconclusive"
STATUS = {AGREED: 0, NOT_MET: 4, INCONCLUSIVE: 5}

AGREES, DIFFERS, FAILED = "agrees", "differs", "failed"
NOT_COUNTED = "not counted"

LIMITS = (
    "that signers are different people, or worked apart: each key counts as one",
    "that a signer did train: a record says what its signer says",
    "that nobody failed unseen: only the records that were given are counted",
    "that the data and the programs are good: what is in them is made again each time",
)


@dataclass(frozen=True)
class Subject:
    """What is asked about: one version of a source, and the stamp of its weights."""

    version: str
    stamp: Stamp
    sha256: str  # of the stamp's bytes

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each weights file, by name."""
        return {pin.name: pin.sha256 for pin in self.stamp.weights}


@dataclass(frozen=True)
class Paper:
    """A file that was given as a record, and what its signature was found to be."""

    name: str
    sha256: str
    signer: str = ""  # fingerprint; '' where it could not be checked
    made: int = 0
    record: Record | None = None  # what was signed
    refused: str = ""  # why nothing of it is believed


@dataclass(frozen=True)
class Counted:
    """A paper, and how it counts."""

    paper: Paper
    state: str
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileCount:
    """Which signers made the weights file of the stamp, and which made others."""

    name: str
    sha256: str
    signers: tuple[str, ...]
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Tally:
    """The count, and what came of it."""

    subject: Subject
    needed: int
    papers: tuple[Counted, ...]
    files: tuple[FileCount, ...]

    @property
    def heard(self) -> int:
        """How many signers count: those that agree, differ or failed."""
        return sum(paper.state != NOT_COUNTED for paper in self.papers)

    @property
    def outcome(self) -> str:
        """Agreed, not met, or inconclusive where too few signers were heard."""
        enough = all(len(count.signers) >= self.needed for count in self.files)
        rivals = [each for count in self.files for each in count.others.values()]
        if enough and not any(len(each) >= self.needed for each in rivals):
            return AGREED
        return NOT_MET if self.heard >= self.needed else INCONCLUSIVE


def tally(subject: Subject, papers: Iterable[Paper], needed: int) -> Tally:
    """Count the papers. Their order does not matter."""
    ordered = sorted(papers, key=lambda p: (p.signer, -p.made, p.sha256, p.name))
    by_signer: dict[str, list[Paper]] = {}
    counted = []
    for paper in ordered:
        reason = _why_not(subject, paper)
        if reason:
            counted.append(Counted(paper, NOT_COUNTED, reason))
        else:
            by_signer.setdefault(paper.signer, []).append(paper)
    for of_one in by_signer.values():
        counted += _one_signer(subject, of_one)
    ballots = [each.paper for each in counted if each.state in (AGREES, DIFFERS)]
    files = tuple(
        _count(name, digest, ballots)
        for name, digest in sorted(subject.digests.items())
    )
    counted.sort(key=lambda c: (_ORDER.index(c.state), ordered.index(c.paper)))
    return Tally(subject, needed, tuple(counted), files)


_ORDER = (AGREES, DIFFERS, FAILED, NOT_COUNTED)


def _why_not(subject: Subject, paper: Paper) -> str:
    """Return why a paper does not count, whatever else there is of its signer."""
    record, stamp = paper.record, subject.stamp
    if record is None:
        return paper.refused
    for what, found, wanted in (
        ("source", record.source, stamp.source),
        ("version", record.version, subject.version),
    ):
        if found != wanted:
            return f"it is of {what} {found}, not {wanted}"
    if record.profile != FULL:
        return f"it is of profile {record.profile}, not the full recipe"
    if record.manifest != stamp.manifest:
        return f"it is of another manifest ({short(record.manifest)})"
    if record.recipe != stamp.recipe:
        return f"it is of another recipe ({short(record.recipe)})"
    if record.by_ci:
        return "it was made by continuous integration"
    if record.accepted:
        return _other_stamp(subject, record)
    return ""


def _other_stamp(subject: Subject, record: Record) -> str:
    """Return what is odd where stamp and weights are not both the same, or both not.

    The stamp holds the digests of the weights, and how the criteria were met.
    """
    same_weights = _digests(record) == subject.digests
    same_stamp = record.stamp == subject.sha256
    if same_weights and not same_stamp:
        return f"it has these weights and another stamp ({short(record.stamp)})"
    if same_stamp and not same_weights:
        return "it has this stamp and weights that are not those of the stamp"
    return ""


def _digests(record: Record) -> dict[str, str]:
    return {pin.name: pin.sha256 for pin in record.weights}


def _one_signer(subject: Subject, papers: Sequence[Paper]) -> list[Counted]:
    """Return how the papers of one signer count, of which the newest comes first."""
    newest, *older = papers
    stories = {_story(paper) for paper in papers}
    if len(stories) > 1:
        reason = "records of this signer contradict one another; none counts"
        return [Counted(paper, NOT_COUNTED, reason) for paper in papers]
    known = [newest.sha256]
    result = [_judged(subject, newest)]
    for paper in older:
        again = "the same file again" if paper.sha256 in known else "an older record"
        known.append(paper.sha256)
        result.append(Counted(paper, NOT_COUNTED, f"{again} of a signer who counts"))
    return result


def _story(paper: Paper) -> tuple[bool, str, tuple[tuple[str, str], ...]]:
    assert paper.record is not None
    record = paper.record
    return record.accepted, record.stamp, tuple(sorted(_digests(record).items()))


def _judged(subject: Subject, paper: Paper) -> Counted:
    assert paper.record is not None
    record = paper.record
    notes = list(record.taints)
    reused = [stage.name for stage in record.stages if stage.reused]
    if reused:
        notes.append(f"reused from an earlier run: {', '.join(reused)}")
    if not record.accepted:
        unmet = [line for line in record.acceptance if ": not met" in line]
        return Counted(paper, FAILED, "; ".join(unmet), tuple(notes))
    agrees = _digests(record) == subject.digests
    return Counted(paper, AGREES if agrees else DIFFERS, "", tuple(notes))


def _count(name: str, digest: str, ballots: Sequence[Paper]) -> FileCount:
    makers: dict[str, list[str]] = {}
    for paper in ballots:
        assert paper.record is not None
        made = _digests(paper.record).get(name)
        if made is not None:
            makers.setdefault(made, []).append(paper.signer)
    same = tuple(sorted(makers.pop(digest, [])))
    others = {key: tuple(sorted(makers[key])) for key in sorted(makers)}
    return FileCount(name, digest, same, others)


def to_lines(count: Tally) -> list[str]:
    """Return the count as people read it."""
    subject = count.subject
    source = subject.stamp.source
    lines = [f"{source} {subject.version}, stamp {short(subject.sha256)}"]
    for each in count.files:
        lines.append(
            f"{each.name}: {len(each.signers)} of {count.heard} signers made it"
            f" (sha256 {each.sha256})"
        )
        for digest, signers in each.others.items():
            lines.append(f"  {len(signers)} made another (sha256 {digest})")
    lines.append("records:")
    for paper in count.papers:
        lines += _paper_lines(paper)
    lines.append("does not prove:")
    lines += [f"  {line}" for line in LIMITS]
    lines.append(f"tally: {count.outcome}; {count.needed} signers are asked for")
    return lines


def _paper_lines(counted: Counted) -> list[str]:
    paper = counted.paper
    where = f", on {paper.record.architecture}" if paper.record else ""
    reason = f": {counted.reason}" if counted.reason else ""
    lines = [f"  {paper.name}: {counted.state}{reason}"]
    if paper.signer:
        lines.append(f"    signed by {paper.signer}{where}")
    return lines + [f"    {note}" for note in counted.notes]


def to_json(count: Tally) -> bytes:
    """Return the count as programs read it, the same bytes wherever the files lie."""
    subject = count.subject
    value = {
        "format": FORMAT,
        "source": subject.stamp.source,
        "version": subject.version,
        "stamp": subject.sha256,
        "outcome": count.outcome,
        "status": STATUS[count.outcome],
        "needed": count.needed,
        "signers": count.heard,
        "files": [
            {
                "name": each.name,
                "sha256": each.sha256,
                "signers": list(each.signers),
                "others": {key: list(keys) for key, keys in each.others.items()},
            }
            for each in count.files
        ],
        "records": [_paper_value(paper) for paper in count.papers],
        "not-proven": list(LIMITS),
    }
    return json.dumps(value, indent=1).encode("ascii") + b"\n"


def _paper_value(counted: Counted) -> dict[str, Any]:
    paper = counted.paper
    return {
        "file": paper.name.rpartition("/")[2],
        "sha256": paper.sha256,
        "signer": paper.signer,
        "signed": paper.made,
        "architecture": paper.record.architecture if paper.record else "",
        "state": counted.state,
        "reason": counted.reason,
        "notes": list(counted.notes),
    }
