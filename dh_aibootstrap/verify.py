# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stamp against its source, and new weights against those shipped. Pure.

    identical      the retraining made the same bytes
    different      it made others, and the manifest claims bitwise determinism
    inconclusive   it made others, and the manifest claims less than that
    unverifiable   nothing was compared

A fault is a claim of the stamp that does not hold, whatever the weights are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping, Sequence

from .layout import MANIFEST, STAMP, WEIGHTS
from .manifest.model import Manifest
from .plan import FULL, Recipe
from .record import Record
from .refresh import make_stamp
from .stamp import Stamp, WeightPin
from .words import shown

IDENTICAL, DIFFERENT = "identical", "different"
INCONCLUSIVE, UNVERIFIABLE = "inconclusive", "unverifiable"
BITWISE = "bitwise"

# Exit statuses of the command, by verdict.
STATUS = {IDENTICAL: 0, INCONCLUSIVE: 5, UNVERIFIABLE: 75, DIFFERENT: 4}
FAULT_STATUS = 4

LIMITS = {
    IDENTICAL: (
        "that the data and the programs are good: the weights follow from them, and a"
        " backdoor in either is made again",
        "that the programs train: one that finds the shipped weights elsewhere on this"
        " machine can copy them",
        "anything of the parts of the package that are not its weights",
    ),
    DIFFERENT: (
        "that somebody meddled: a training that is not bit-exact on this machine, or"
        " with these packages, ends here too",
    ),
    INCONCLUSIVE: (
        "that the shipped weights were made as the stamp says, nor that they were not:"
        " nothing is calibrated, so no distance between two runs has a meaning",
    ),
    UNVERIFIABLE: ("anything: no new weights were compared with those shipped",),
}


@dataclass(frozen=True)
class Found:
    """A weights file as it lies in a tree; `problem` says why it is no regular file."""

    sha256: str
    size: int
    problem: str = ""


@dataclass(frozen=True)
class Findings:
    """Claims that do not hold, and what a person should know beside the verdict."""

    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(self.faults + other.faults, self.notes + other.notes)


@dataclass(frozen=True)
class Comparison:
    """The verdict on one file."""

    name: str
    verdict: str
    why: str
    shipped: WeightPin | None
    retrained: WeightPin | None
    differing: int | None  # bytes; None where they were not compared

    @property
    def line(self) -> str:
        """The verdict for a person."""
        return f"{self.name}: {self.verdict}: {self.why}"


def compare_stamp(
    stamp: Stamp,
    manifest: Manifest,
    recipe: Recipe,
    reduced: Mapping[str, Recipe],
    source: str,
) -> Findings:
    """Hold what a stamp claims against the source it lies in.

    `reduced` has the recipes of the manifest's profiles. Where one claim follows from
    another that does not hold, only the first is named.
    """
    wanted = make_stamp(manifest, recipe, source, (), ())
    faults = _unlike("Source", [stamp.source], [wanted.source])
    decisive = _dataset_faults(stamp.datasets, wanted.datasets)
    decisive += _unlike("Parameters", stamp.parameters, wanted.parameters)
    decisive = decisive or _unlike("Stages", stamp.stages, wanted.stages)
    profiles = [name for name, other in reduced.items() if other.sha256 == stamp.recipe]
    if profiles and stamp.recipe != recipe.sha256:
        faults.append(
            f"{STAMP}: Recipe-Sha256 is that of the profile '{profiles[0]}': a reduced"
            " run shown as a full one"
        )
    else:
        faults += decisive or _unlike("Recipe-Sha256", [stamp.recipe], [wanted.recipe])
    for name, said, gives in (
        ("Determinism", [stamp.determinism], [wanted.determinism]),
        ("Licences", stamp.licences, wanted.licences),
        ("Lineage", stamp.lineage, wanted.lineage),
        ("Replaces", stamp.replaces, wanted.replaces),
        ("Static-Built-Using", [stamp.static_built_using], [wanted.static_built_using]),
    ):
        faults += _unlike(name, said, gives)
    faults += _criteria_faults(stamp, manifest)
    return Findings(tuple(faults), _notes(stamp, manifest, bool(faults)))


def _dataset_faults(said: Sequence[str], gives: Sequence[str]) -> list[str]:
    """Return the faults of the datasets: those that are other ones, and the rest."""
    claims = {line.split(" ")[0]: line for line in said}
    faults = []
    for line in gives:
        name, digest, home = line.split(" ", 2)
        words = claims.get(name, "").split(" ", 2)
        if len(words) == 3 and words[1] != digest and words[2] == home:
            faults.append(
                f"dataset {name} ({home}) is not that of {STAMP}: its sha256 is"
                f" {digest}, the stamp says {shown(words[1], 200)}"
            )
    return faults or _unlike("Datasets", said, gives)


def _unlike(name: str, said: Sequence[str], gives: Sequence[str]) -> list[str]:
    """Return the fault of a field whose lines are not those that the source gives."""
    if tuple(said) == tuple(gives):
        return []
    ours = [line for line in said if line not in gives] or list(said)
    theirs = [line for line in gives if line not in said] or list(gives)
    left, right = (
        " and ".join(shown(line, 200) for line in lines) or "nothing"
        for lines in (ours, theirs)
    )
    return [f"{STAMP}: {name} says {left}, this source gives {right}"]


def _criteria_faults(stamp: Stamp, manifest: Manifest) -> list[str]:
    faults = []
    registered = tuple(criterion.text for criterion in manifest.accept)
    if stamp.criteria != registered:
        said = ", ".join(stamp.criteria) or "none"
        now = ", ".join(registered) or "none"
        faults.append(
            f"{MANIFEST}: accept: the criteria are {shown(now, 200)}, the stamp was"
            f" made under {shown(said, 200)}: they changed after the run"
        )
    for line in stamp.acceptance:
        if not line.partition(":")[2].startswith(" met ("):
            faults.append(f"{STAMP}: Acceptance says {shown(line, 200)}")
    return faults


def _notes(stamp: Stamp, manifest: Manifest, faulty: bool) -> tuple[str, ...]:
    notes = []
    if stamp.manifest != manifest.sha256:
        what = "since the stamp" if faulty else "in nothing that decides the result"
        notes.append(
            f"{MANIFEST} changed {what}: its sha256 is {manifest.sha256}, the stamp"
            f" says {stamp.manifest}"
        )
    if manifest.seed is not None:
        notes.append("the seed is fixed by hand: it may be one picked among many")
    if not manifest.accept:
        notes.append("no criterion is registered: weights of any quality pass")
    for name in stamp.others:
        notes.append(f"{STAMP}: the field '{name}' is not known here, nor checked")
    return tuple(notes)


def compare_files(
    stamp: Stamp, manifest: Manifest, found: Mapping[str, Found]
) -> Findings:
    """Hold the weights of a tree against the digests that its stamp claims."""
    faults = []
    names = [pin.name for pin in stamp.weights]
    declared = [weights.name for weights in manifest.weights]
    for name in declared:
        if name not in names:
            faults.append(f"{WEIGHTS / name} is in {MANIFEST} but not in {STAMP}")
    for pin in stamp.weights:
        path = WEIGHTS / pin.name
        if pin.name not in declared:
            faults.append(f"{path} is in {STAMP} but not in {MANIFEST}")
            continue
        file = found[pin.name]
        if file.problem:
            faults.append(f"{path} {file.problem}")
        elif (file.sha256, file.size) != (pin.sha256, pin.size):
            faults.append(
                f"{path} is not the file of {STAMP}: {file.size} bytes of sha256"
                f" {file.sha256}, the stamp says {pin.size} of {pin.sha256}"
            )
    return Findings(tuple(faults))


def compare_acceptance(stamp: Stamp, lines: Iterable[str]) -> Findings:
    """Hold what the criteria came to against what they came to in the retraining."""
    measured = tuple(lines)
    failed = tuple(
        f"accept: {line}, for the retrained weights"
        for line in measured
        if not line.partition(":")[2].startswith(" met (")
    )
    if failed or measured == stamp.acceptance:
        return Findings(failed)
    found = tuple(
        f"{STAMP}: Acceptance says {shown(said, 200)}, the retraining measured"
        f" {shown(now, 200)}"
        for said, now in zip(stamp.acceptance, measured)
        if said != now
    )
    # Bitwise claims that the stamp comes out again as it is.
    bitwise = stamp.determinism == BITWISE
    return Findings(found, ()) if bitwise else Findings((), found)


def compare_record(
    stamp: Stamp, stamp_sha256: str, record: Record, name: str
) -> Findings:
    """Hold a record of another run, whose signature was checked, against a stamp."""
    faults = [
        f"{name}: {field} is {shown(said, 200)}, wanted is {shown(wanted, 200)}"
        for field, said, wanted in (
            ("Source", record.source, stamp.source),
            ("Profile", record.profile, FULL),
            ("Accepted", "yes" if record.accepted else "no", "yes"),
            ("Manifest-Sha256", record.manifest, stamp.manifest),
            ("Recipe-Sha256", record.recipe, stamp.recipe),
            ("Stamp-Sha256", record.stamp, stamp_sha256),
        )
        if said != wanted
    ]
    if sorted(map(str, record.weights)) != sorted(map(str, stamp.weights)):
        faults.append(f"{name}: Weights are not those of {STAMP}: that run made others")
    return Findings(tuple(faults), tuple(f"{name}: {text}" for text in record.taints))


def compare_weights(
    shipped: WeightPin, retrained: WeightPin, differing: int, determinism: str
) -> Comparison:
    """Return the verdict on one file that was made anew."""
    if shipped.sha256 == retrained.sha256:
        verdict, why = IDENTICAL, f"the same {shipped.size} bytes were made again"
    else:
        why = f"{differing} of {max(shipped.size, retrained.size)} bytes differ"
        verdict = DIFFERENT if determinism == BITWISE else INCONCLUSIVE
        if verdict == INCONCLUSIVE:
            why += (
                f"; the manifest claims no more than {determinism} determinism, and"
                " no calibration says how far two honest runs lie apart"
            )
    return Comparison(shipped.name, verdict, why, shipped, retrained, differing)


def not_compared(stamp: Stamp, found: Mapping[str, Found]) -> tuple[Comparison, ...]:
    """Return the verdicts where a fault made a retraining needless."""
    comparisons = []
    for pin in stamp.weights:
        file = found.get(pin.name, Found("", 0, "is missing"))
        shipped, verdict, why = None, UNVERIFIABLE, "a claim of its stamp does not hold"
        if not file.problem:
            shipped = WeightPin(pin.name, file.sha256, file.size)
            if shipped != pin:
                verdict, why = DIFFERENT, "it is not the file of its stamp"
        comparisons.append(Comparison(pin.name, verdict, why, shipped, None, None))
    return tuple(comparisons)


def overall(comparisons: Iterable[Comparison]) -> str:
    """Return the verdict on all files: the worst of theirs."""
    order = (DIFFERENT, UNVERIFIABLE, INCONCLUSIVE, IDENTICAL)
    verdicts = {comparison.verdict for comparison in comparisons}
    return next((v for v in order if v in verdicts), UNVERIFIABLE)


def exit_status(verdict: str, findings: Findings) -> int:
    """Return the exit status of a verdict; a claim that does not hold is never 0."""
    return FAULT_STATUS if findings.faults else STATUS[verdict]
