# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""`aibootstrap verify`: retrain from scratch, compare with what is shipped, judge."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from .. import manifest as manifests
from .. import paragraph
from .. import record as records
from .. import signature
from .. import stamp as stamps
from .. import verdict, verify
from ..digest import sha256_bytes, sha256_file, write_atomically
from ..errors import Error, RefutedError, SkippedError, UsageError
from ..fetch import path_digests
from ..layout import MANIFEST, STAMP, WEIGHTS, Layout
from ..manifest import Manifest
from ..package import Source, read_source
from ..plan import FULL, make_recipe
from ..retrain import (
    Retrained,
    apply_patches,
    count_differing,
    retrain,
    take_away,
)
from ..stamp import Stamp, WeightPin
from ..target import (
    DSC,
    TREE,
    Target,
    compare_binary,
    find_weights,
    open_target,
    read_stamp,
)
from ..verdict import Outcome
from ..verify import Findings, Found
from . import Commands


def add(commands: Commands) -> None:
    """Add the parser of `aibootstrap verify`."""
    parser = commands.add_parser(
        "verify",
        help="retrain from scratch and compare with the weights that are shipped",
    )
    parser.add_argument(
        "target",
        nargs="?",
        default=".",
        metavar="TARGET",
        help="a source tree (default: the current folder), a .dsc, a .deb or the name"
        " of an installed package",
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="compare a signed record as well"
    )
    parser.add_argument(
        "--keyring",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a keyring with keys that may have signed the record",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="keep the retrained weights and the record of the retraining there",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what the stages print"
    )
    parser.set_defaults(function=_verify)


def _verify(options: argparse.Namespace) -> int:
    if bool(options.record) != bool(options.keyring):
        raise UsageError("--record and --keyring go together; give both or none")
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="aibootstrap-verify-", ignore_cleanup_errors=True
    ) as folder:
        # apt's own user must come through it; what lies in it is shut or public.
        os.chmod(folder, 0o711)
        scratch = Path(folder).resolve()
        try:
            outcome = _outcome(options, scratch)
        except KeyboardInterrupt:
            raise Error("interrupted; nothing of this verification is kept") from None
        except Error as error:
            message = str(error).replace(f"{scratch}/", "")
            error.args = (message,)
            _write(options.json, verdict.failure_to_json(error.status, message))
            raise
    print("\n".join(verdict.to_lines(outcome)), flush=True)
    _write(options.json, verdict.to_json(outcome))
    if outcome.findings.faults:
        raise RefutedError("\n".join(outcome.findings.faults))
    return outcome.status


def _write(path: Path | None, data: bytes) -> None:
    if path is not None:
        write_atomically(path, data)


def _tell(line: str) -> None:
    print(f"aibootstrap: {line}", flush=True)


@dataclass(frozen=True)
class _Claim:
    """A target with its stamp, both read."""

    target: Target
    source: Source
    manifest: Manifest
    stamp: Stamp
    data: bytes  # of the stamp
    found: Mapping[str, Found]


def _outcome(options: argparse.Namespace, scratch: Path) -> Outcome:
    target = open_target(options.target, scratch, _tell)
    claim = _read_claim(target)
    findings = _findings(claim)
    signer = ""
    if options.record:
        signer, compared = _compare_record(options.record, options.keyring, claim)
        findings += compared
    if findings.faults:
        comparisons = verify.not_compared(claim.stamp, claim.found)
        return _make(claim, comparisons, findings, {}, signer)
    stamp = claim.stamp
    with contextlib.ExitStack() as stack:
        shipped = {
            pin.name: stack.enter_context(take_away(target.root / WEIGHTS / pin.name))
            for pin in stamp.weights
        }
        made = retrain(target.root, scratch / "cache", options.verbose, _tell)
        _keep(options.keep, made)
        comparisons = tuple(
            verify.compare_weights(
                pin,
                WeightPin(pin.name, sha256_file(path), path.stat().st_size),
                count_differing(shipped[pin.name], path),
                stamp.determinism,
            )
            for pin, path in ((pin, made.files[pin.name]) for pin in stamp.weights)
        )
    record = made.fields
    measured = paragraph.split(record.get("Acceptance", ""))
    findings += verify.compare_acceptance(stamp, measured)
    return _make(claim, comparisons, findings, record, signer)


def _read_claim(target: Target) -> _Claim:
    data = read_stamp(target.root)
    try:
        stamp = stamps.from_bytes(data)
    except ValueError as error:
        raise RefutedError(f"{STAMP}: {error}; this is no stamp") from None
    apply_patches(target.root)
    manifest = manifests.load(target.root)
    if manifest.retrain == "never":
        raise SkippedError(f"{MANIFEST} says 'retrain: never'; nothing is trained")
    source = read_source(target.root)
    found = find_weights(target.root, stamp)
    return _Claim(target, source, manifest, stamp, data, found)


def _findings(claim: _Claim) -> Findings:
    manifest, stamp = claim.manifest, claim.stamp
    layout = Layout(claim.target.root, claim.target.root)
    digests = path_digests(manifest, layout)
    reduced = {name: make_recipe(manifest, name, digests) for name in manifest.profiles}
    recipe = make_recipe(manifest, FULL, digests)
    findings = verify.compare_files(stamp, manifest, claim.found)
    findings += verify.compare_stamp(
        stamp, manifest, recipe, reduced, claim.source.name
    )
    if claim.target.binary is not None:
        findings += compare_binary(claim.target.binary, claim.data, stamp)
    return findings


def _compare_record(
    path: Path, keyrings: Sequence[Path], claim: _Claim
) -> tuple[str, Findings]:
    """Return who signed a record, '' where nobody whose key is there, and findings."""
    try:
        signed = signature.check(path, keyrings)
    except signature.RefusedError as error:
        return "", Findings((str(error),))
    record = records.parse(signed.text, path.name)
    digest = sha256_bytes(claim.data)
    findings = verify.compare_record(claim.stamp, digest, record, path.name)
    return signed.fingerprint, findings


def _make(
    claim: _Claim,
    comparisons: tuple[verify.Comparison, ...],
    findings: Findings,
    record: Mapping[str, str],
    signer: str,
) -> Outcome:
    return Outcome(
        kind=claim.target.kind,
        origin=claim.target.origin,
        signed=claim.target.kind not in (TREE, DSC),
        source=claim.source.name,
        version=claim.source.version,
        stamp=claim.stamp,
        stamp_sha256=sha256_bytes(claim.data),
        comparisons=comparisons,
        findings=findings,
        record=record,
        signer=signer,
    )


def _keep(folder: Path | None, made: Retrained) -> None:
    if folder is None:
        return
    for name, path in made.files.items():
        shutil.copyfile(path, folder / name)
    shutil.copyfile(made.record, folder / made.record.name)
