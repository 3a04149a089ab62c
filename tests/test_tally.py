# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""k of n: which signed records count, and who tries to be counted that must not."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from support.packages import Package, snapshot
from support.signers import Signers, throw_away_signers
from support.tree import Done, Tree

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap import record as records  # noqa: E402
from dh_aibootstrap import stamp as stamps  # noqa: E402
from dh_aibootstrap import tally  # noqa: E402
from dh_aibootstrap.digest import sha256_bytes  # noqa: E402
from dh_aibootstrap.record import Record  # noqa: E402
from dh_aibootstrap.stamp import WeightPin  # noqa: E402
from dh_aibootstrap.tally import Paper, Subject, Tally  # noqa: E402
from test_record import RECORD  # noqa: E402
from test_stamp import STAMP  # noqa: E402

SUBJECT = Subject("1.0-1", STAMP, sha256_bytes(stamps.to_bytes(STAMP)))
GOOD = dataclasses.replace(
    RECORD,
    version="1.0-1",
    manifest=STAMP.manifest,
    recipe=STAMP.recipe,
    stamp=SUBJECT.sha256,
    accepted=True,
    weights=STAMP.weights,
    taints=(),
    stages=RECORD.stages[:1],
)
WITH_OTHER_MODEL = (WeightPin("model.txt", "00" * 32, 5), STAMP.weights[1])
OTHER_WEIGHTS = dataclasses.replace(GOOD, stamp="00" * 32, weights=WITH_OTHER_MODEL)
FAILURE = dataclasses.replace(
    GOOD,
    accepted=False,
    stamp="01" * 32,
    acceptance=("e <= 0.1: not met (0.5)", "f > 0: met (1.0)"),
)


def paper(signer: str, record: Record = GOOD, made: int = 1, number: int = 0) -> Paper:
    """Return a paper whose signature was good."""
    name = f"{signer}/{number}.bootstrapinfo"
    digest = sha256_bytes(f"{name} {record!r}".encode())
    return Paper(name, digest, signer, made, record)


def states(count: Tally) -> list[tuple[str, str, str]]:
    """Return signer, state and reason of each paper."""
    return [(each.paper.signer, each.state, each.reason) for each in count.papers]


def test_two_of_two() -> None:
    """Agreed: each file of the stamp was made by both."""
    count = tally.tally(SUBJECT, [paper("B"), paper("A")], 2)
    assert count.outcome == "agreed"
    assert states(count) == [("A", "agrees", ""), ("B", "agrees", "")]
    assert [(each.name, each.signers) for each in count.files] == [
        ("model.txt", ("A", "B")),
        ("other.txt", ("A", "B")),
    ]


@pytest.mark.parametrize(
    ("papers", "needed", "outcome", "heard"),
    [
        ([], 1, "inconclusive", 0),
        ([paper("A")], 1, "agreed", 1),
        ([paper("A")], 2, "inconclusive", 1),
        ([paper("A"), paper("B"), paper("C")], 3, "agreed", 3),
        ([paper("A"), paper("B"), paper("C", OTHER_WEIGHTS)], 2, "agreed", 3),
        ([paper("A"), paper("B"), paper("C", FAILURE)], 2, "agreed", 3),
        ([paper("A"), paper("B", OTHER_WEIGHTS)], 2, "not met", 2),
        ([paper("A"), paper("B", FAILURE)], 2, "not met", 2),
        ([paper("A", FAILURE), paper("B", FAILURE)], 2, "not met", 2),
        ([paper("A", OTHER_WEIGHTS), paper("B", OTHER_WEIGHTS)], 2, "not met", 2),
        (
            [paper("A"), paper("B")]
            + [paper("C", OTHER_WEIGHTS), paper("D", OTHER_WEIGHTS)],
            2,
            "not met",
            4,
        ),
    ],
)
def test_outcome(papers: list[Paper], needed: int, outcome: str, heard: int) -> None:
    """Too few signers are inconclusive; as many for other weights are no agreement."""
    count = tally.tally(SUBJECT, papers, needed)
    assert (count.outcome, count.heard) == (outcome, heard)
    assert tally.STATUS[outcome] == {"agreed": 0, "not met": 4}.get(outcome, 5)


def test_files_are_counted_one_by_one() -> None:
    """One file that others made otherwise is one file that is not agreed."""
    count = tally.tally(SUBJECT, [paper("A"), paper("B", OTHER_WEIGHTS)], 2)
    assert [(each.signers, each.others) for each in count.files] == [
        (("A",), {"00" * 32: ("B",)}),
        (("A", "B"), {}),
    ]
    assert states(count) == [("A", "agrees", ""), ("B", "differs", "")]


def test_record_that_lacks_a_file_agrees_on_the_others() -> None:
    """What a record does not name, its signer did not make."""
    less = dataclasses.replace(GOOD, stamp="02" * 32, weights=STAMP.weights[:1])
    count = tally.tally(SUBJECT, [paper("A"), paper("B", less)], 2)
    assert [each.signers for each in count.files] == [("A", "B"), ("A",)]
    assert count.outcome == "not met"


CI = (f"{records.CI_TAINT}: CI, GITLAB_CI set",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": "swords"}, "it is of source swords, not words"),
        ({"version": "0.9-1"}, "it is of version 0.9-1, not 1.0-1"),
        ({"profile": "small"}, "it is of profile small, not the full recipe"),
        ({"manifest": "ab" * 32}, "it is of another manifest (abababababab)"),
        ({"recipe": "ab" * 32}, "it is of another recipe (abababababab)"),
        ({"taints": CI}, "it was made by continuous integration"),
        ({"taints": ("a", *CI)}, "it was made by continuous integration"),
        (
            {"stamp": "ab" * 32},
            "it has these weights and another stamp (abababababab)",
        ),
        (
            {"weights": WITH_OTHER_MODEL},
            "it has this stamp and weights that are not those of the stamp",
        ),
    ],
)
def test_record_that_does_not_count(change: dict[str, Any], reason: str) -> None:
    """It is shown, with the reason, and is one signer less."""
    odd = paper("B", dataclasses.replace(GOOD, **change))
    count = tally.tally(SUBJECT, [paper("A"), odd], 2)
    assert states(count) == [("A", "agrees", ""), ("B", "not counted", reason)]
    assert (count.outcome, count.heard) == ("inconclusive", 1)
    assert f"  {odd.name}: not counted: {reason}" in tally.to_lines(count)


def test_signer_counts_once() -> None:
    """The newest record of a signer, whichever comes first; the same file again not."""
    copy = dataclasses.replace(paper("A", made=2), name="copy")
    other_machine = dataclasses.replace(GOOD, architecture="arm64", metrics=())
    papers = [paper("A", made=2), copy, paper("A", other_machine, 1, 1)]
    count = tally.tally(SUBJECT, papers, 2)
    assert states(count) == [
        ("A", "agrees", ""),
        ("A", "not counted", "the same file again of a signer who counts"),
        ("A", "not counted", "an older record of a signer who counts"),
    ]
    assert (count.outcome, count.heard) == ("inconclusive", 1)
    assert count.files[0].signers == ("A",)


@pytest.mark.parametrize("other", [OTHER_WEIGHTS, FAILURE])
@pytest.mark.parametrize("made", [0, 1, 2])
def test_signer_whose_records_contradict(other: Record, made: int) -> None:
    """None of them counts, not even the newest: a failure is not papered over."""
    papers = [paper("A", other, made, 1), paper("A"), paper("B")]
    count = tally.tally(SUBJECT, papers, 2)
    reason = "records of this signer contradict one another; none counts"
    assert states(count) == [
        ("B", "agrees", ""),
        ("A", "not counted", reason),
        ("A", "not counted", reason),
    ]
    assert (count.outcome, count.heard) == ("inconclusive", 1)


def test_records_of_something_else_are_no_contradiction() -> None:
    """A signer may have failed with a reduced profile, or another version."""
    small = dataclasses.replace(FAILURE, profile="small")
    old = dataclasses.replace(FAILURE, version="0.9-1")
    papers = [paper("A", small, 3, 1), paper("A", old, 4, 2), paper("A"), paper("B")]
    assert tally.tally(SUBJECT, papers, 2).outcome == "agreed"


def test_failures_are_shown_beside_successes() -> None:
    """With the criteria that were not met; taints and reuse are shown too."""
    tainted = dataclasses.replace(
        GOOD,
        taints=("network was reachable in train",),
        stages=(dataclasses.replace(RECORD.stages[0], reused=True),),
    )
    papers = [paper("A"), paper("B", tainted), paper("C", FAILURE)]
    lines = tally.to_lines(tally.tally(SUBJECT, papers, 2))
    assert lines == [
        f"words 1.0-1, stamp {SUBJECT.sha256[:12]}",
        f"model.txt: 2 of 3 signers made it (sha256 {'9a' * 32})",
        f"other.txt: 2 of 3 signers made it (sha256 {'bc' * 32})",
        "records:",
        "  A/0.bootstrapinfo: agrees",
        "    signed by A, on amd64",
        "  B/0.bootstrapinfo: agrees",
        "    signed by B, on amd64",
        "    network was reachable in train",
        "    reused from an earlier run: train",
        "  C/0.bootstrapinfo: failed: e <= 0.1: not met (0.5)",
        "    signed by C, on amd64",
        "does not prove:",
        *(f"  {line}" for line in tally.LIMITS),
        "tally: agreed; 2 signers are asked for",
    ]


def test_order_does_not_matter() -> None:
    """The same papers in any order give the same bytes."""
    papers = [paper("A"), paper("B", OTHER_WEIGHTS), paper("C", FAILURE)]
    papers += [paper("D", made=number, number=number) for number in range(3)]
    papers += [paper("E"), paper("E", FAILURE, 2, 1)]
    papers += [Paper("x/bad", "ff" * 32, refused="bad: it is not signed")]
    chance = random.Random(5)
    found = set()
    for _ in range(50):
        chance.shuffle(papers)
        found.add(tally.to_json(tally.tally(SUBJECT, papers, 2)))
    assert len(found) == 1


# With real records, keys and programs.


@pytest.fixture(scope="module")
def signers() -> Iterator[Signers]:
    """Three whose keys are in the keyring, and one whose key is not."""
    for signers in throw_away_signers():
        for name in ("anna", "berta", "carla", "stranger"):
            signers.add(name)
        yield signers


@pytest.fixture
def toy(package: Callable[..., Package], signers: Signers) -> Package:
    """A package that was bootstrapped; `keys.gpg` beside it has three keys."""
    toy = package()
    toy.bootstrap().check()
    signers.keyring(toy.root.parent / "keys.gpg", "anna", "berta", "carla")
    return toy


def own(toy: Package) -> bytes:
    """Return the record that the run left."""
    (path,) = toy.root.parent.glob("*.bootstrapinfo")
    return path.read_bytes()


def put(toy: Package, name: str, data: bytes) -> Path:
    """Write a file beside the source and return its path."""
    path = toy.root.parent / name
    path.write_bytes(data)
    return path


def count(toy: Package, *words: str | Path) -> Done:
    """Run `aibootstrap tally`; nothing on disk may change but the result of --json."""
    before = snapshot(toy.root.parent)
    command = ["aibootstrap", "tally", "--keyring", "../keys.gpg", *words]
    done = toy.run(*command)
    after = snapshot(toy.root.parent)
    after.pop("result.json", None)
    assert {name: entry for name, entry in before.items() if name != "result.json"} == (
        after
    )
    return done


def test_records_of_two_people(toy: Package, signers: Signers, tree: Tree) -> None:
    """A real run, signed by two: agreed, also where there is no network at all."""
    anna = put(toy, "anna", signers.sign(own(toy), "anna"))
    berta = put(toy, "berta", signers.sign(own(toy), "berta"))
    done = count(toy, anna, berta).check()
    (digest,) = re.findall(r"^ ([0-9a-f]{64}) ", toy.stamp()["Weights"], re.M)
    lines = done.stdout.splitlines()
    assert lines[1] == f"model.txt: 2 of 2 signers made it (sha256 {digest})"
    assert lines[-1] == "tally: agreed; 2 signers are asked for"
    assert done.stderr == ""
    command = ["aibootstrap", "tally", "--keyring", "../keys.gpg", anna, berta]
    alone = toy.run("unshare", "--net", "--", *command).check()
    assert alone.stdout == done.stdout


def test_result_for_programs(toy: Package, signers: Signers, tmp_path: Path) -> None:
    """The same bytes wherever the records lie, and in whatever order they come."""
    data = own(toy)
    anna = put(toy, "anna.bootstrapinfo", signers.sign(data, "anna"))
    berta = put(toy, "berta.bootstrapinfo", signers.sign(data, "berta"))
    result = toy.root.parent / "result.json"
    count(toy, "--json", result, anna, berta).check()
    first = result.read_bytes()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = [path.rename(elsewhere / path.name) for path in (berta, anna)]
    count(toy, "--json", result, *moved).check()
    assert result.read_bytes() == first
    value = json.loads(first)
    assert (value["outcome"], value["status"], value["signers"]) == ("agreed", 0, 2)
    assert value["stamp"] == sha256_bytes((toy.root / stamps.STAMP).read_bytes())
    both = sorted(signers.fingerprints[name] for name in ("anna", "berta"))
    assert value["files"][0]["signers"] == both
    assert [entry["state"] for entry in value["records"]] == ["agrees", "agrees"]
    assert value["not-proven"] == list(tally.LIMITS)


def resigned(change: tuple[bytes, bytes]) -> Callable[[bytes, Signers], bytes]:
    """Return what changes a record and has berta sign the change."""

    def make(data: bytes, signers: Signers) -> bytes:
        assert data.count(change[0]) >= 1
        return signers.sign(data.replace(*change), "berta")

    return make


ATTACKS: dict[str, tuple[Callable[[bytes, Signers], bytes], str]] = {
    "the wrong key": (
        lambda data, signers: signers.sign(data, "stranger"),
        "berta: is signed by a key that is in none of the keyrings ({stranger})",
    ),
    "not signed": (
        lambda data, signers: data,
        "berta: is not signed; its maker can, with 'aibootstrap sign'",
    ),
    "edited after it was signed": (
        lambda data, signers: signers.sign(
            data.replace(b"Profile: full", b"Profile: reduced"), "berta"
        ).replace(b"Profile: reduced", b"Profile: full"),
        "berta: was changed after it was signed",
    ),
    "two signatures": (
        lambda data, signers: signers.sign(data, "berta", "carla"),
        "berta: has more than one signature; take the file as its signer made it",
    ),
    "a signed record behind an unsigned one": (
        lambda data, signers: data + signers.sign(data, "berta"),
        "berta: line 1: text before the signed message; take the file as its signer"
        " made it",
    ),
    "a field that stands there twice": (
        resigned((b"Accepted: yes\n", b"Accepted: yes\naccepted: no\n")),
        "berta: line 11: field 'accepted' stands there twice; take the record as the"
        " run left it",
    ),
    "two paragraphs": (
        resigned((b"Profile: full\n", b"Profile: full\n\n")),
        "berta: line 6: a blank line; there is one paragraph; take the record as the"
        " run left it",
    ),
    "a later format": (
        resigned((b"Format: 1\n", b"Format: 2\n")),
        "berta: Format 2; this version reads 1, a newer dh-aibootstrap may read it;"
        " take the record as the run left it",
    ),
    "a control character": (
        resigned((b"Machine: ", b"Machine: \x1b[2K")),
        "berta: line {machine}: control character U+001B; take the record as the run"
        " left it",
    ),
    "another version, replayed": (
        resigned((b"Version: 1.0\n", b"Version: 0.9\n")),
        "it is of version 0.9, not 1.0",
    ),
    "a reduced profile": (
        resigned((b"Profile: full\n", b"Profile: reduced\n")),
        "it is of profile reduced, not the full recipe",
    ),
    "the same signer twice": (
        lambda data, signers: signers.sign(data, "anna"),
        "{again} of a signer who counts",
    ),
}


def test_second_record_that_does_not_count(toy: Package, signers: Signers) -> None:
    """One honest record and one that must not make it two: inconclusive."""
    data = own(toy)
    anna = put(toy, "anna", signers.sign(data, "anna"))
    stranger = signers.fingerprints["stranger"][-16:]
    machine = data.split(b"Machine:")[0].count(b"\n") + 1
    for attack, (make, reason) in ATTACKS.items():
        berta = put(toy, "berta", make(data, signers))
        done = count(toy, anna, berta)
        again = "the same file again"
        if anna.read_bytes() != berta.read_bytes():  # signed in another second
            again = "an older record"
        lines = done.stdout.splitlines()
        (line,) = (line for line in lines if ": not counted: " in line)
        told = reason.format(machine=machine, stranger=stranger, again=again)
        assert line.split(": not counted: ")[1] == told, attack
        assert "model.txt: 1 of 1 signers made it" in lines[1], attack
        assert lines[-1] == "tally: inconclusive; 2 signers are asked for", attack
        assert (done.status, done.stderr) == (5, ""), attack


def test_name_of_a_file_that_no_terminal_takes(toy: Package, signers: Signers) -> None:
    """It is shown without what is not text, and is no traceback."""
    odd = Path(os.fsdecode(os.fsencode(toy.root.parent) + b"/a\xff\x1b[2K"))
    odd.write_bytes(own(toy))
    done = count(toy, odd)
    name = "a\ufffd?[2K"
    reason = "is not signed; its maker can, with 'aibootstrap sign'"
    line = f"  {toy.root.parent}/{name}: not counted: {name}: {reason}"
    assert line in done.stdout.splitlines()
    assert (done.status, done.stderr) == (5, "")


@pytest.mark.parametrize("variable", ["CI", "GITLAB_CI", "AUTOPKGTEST_TMP"])
def test_continuous_integration_never_counts(
    variable: str, toy: Package, signers: Signers
) -> None:
    """A run in CI says so in its record, and no signature makes it a person's."""
    anna = put(toy, "anna", signers.sign(own(toy), "anna"))
    toy.bootstrap(**{variable: "1"}).check()
    taint = f"continuous integration: {variable} set"
    assert toy.record()["Taints"].strip() == taint
    berta = put(toy, "berta", signers.sign(own(toy), "berta"))
    done = count(toy, anna, berta)
    assert done.status == 5
    reason = "it was made by continuous integration"
    assert f"  {berta}: not counted: {reason}" in done.stdout.splitlines()


def test_failed_run_is_not_hidden(toy: Package, signers: Signers) -> None:
    """Its record counts as a failure: who failed and shows a success too is no one."""
    good = own(toy)
    failed = good.replace(b"Accepted: yes", b"Accepted: no")
    failed = failed.replace(b": met (", b": not met (")
    anna = put(toy, "anna", signers.sign(good, "anna"))
    berta = put(toy, "berta", signers.sign(failed, "berta"))
    done = count(toy, anna, berta)
    assert done.status == 4
    (line,) = (line for line in done.stdout.splitlines() if ": failed: " in line)
    assert line.startswith(f"  {berta}: failed: train.error <= 0.1: not met (")
    assert done.stdout.endswith("tally: not met; 2 signers are asked for\n")
    again = put(toy, "again", signers.sign(good, "berta"))
    done = count(toy, anna, berta, again)
    assert done.status == 5
    reason = "records of this signer contradict one another; none counts"
    for path in (berta, again):
        assert f"  {path}: not counted: {reason}" in done.stdout.splitlines()


def test_stamp_from_elsewhere(toy: Package, signers: Signers, tree: Tree) -> None:
    """The stamp of an installed package, with the version that the user names."""
    anna = put(toy, "anna", signers.sign(own(toy), "anna"))
    stamp = toy.root.parent / "stamp"
    stamp.write_bytes((toy.root / stamps.STAMP).read_bytes())
    command = ["aibootstrap", "tally", "--keyring", "keys.gpg", "--at-least=1"]
    options = ["--stamp", stamp, "--version", "1.0"]
    here = toy.root.parent
    assert tree.run([*command, *options, anna], here).status == 0
    assert tree.run([*command, *options[:3], "1.1", anna], here).status == 5
    for words, status, message in (
        ([], 2, "debian/aibootstrap/provenance: not found; run this at the top of a"),
        (options[:2], 2, "--stamp needs --version: of which version are the records?"),
        (["--stamp", anna, *options[2:]], 1, f"{anna}: line 1: no field and no part"),
        ([*options, "--keyring", "no.gpg"], 2, "no.gpg: No such file or directory;"),
        ([*options, "missing"], 1, "missing: No such file or directory"),
    ):
        done = tree.run(
            [*command, *words, *([] if "missing" in words else [anna])], here
        )
        assert (done.status, done.stdout) == (status, ""), done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"aibootstrap: error: {message}")


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_number_that_is_none(number: str, tree: Tree) -> None:
    """Nobody is not enough."""
    done = tree.run(
        ["aibootstrap", "tally", "--keyring", "k", f"--at-least={number}", "r"]
    )
    assert done.status == 2
    assert done.stderr.splitlines()[-1] == (
        "aibootstrap tally: error: argument --at-least: found"
        f" '{number}'; write a number from 1 on"
    )
