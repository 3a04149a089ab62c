# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/matrix --small, and that the matrix sees what it is there to see.

The faults are real ones: a BLAS that drops digits, a kernel that is not the one asked
for, another training, a program that fails. Digests are nowhere written down.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.matrix import rows, table
from support.matrix.command import WIDTH
from support.matrix.configurations import CONFIGURATIONS
from support.matrix.killed import Killed
from support.matrix.places import HERE, OPENBLAS, REFERENCE, ROOT, SOURCES, Place
from support.matrix.stacks import Answer, Stack
from support.matrix.table import Row

MATRIX = ROOT / "tests/matrix"
ORDINARY = Stack("ordinary", ("classes",), blas=OPENBLAS, wanted=(OPENBLAS,))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines that the small matrix prints; it succeeds, and writes them too."""
    folder = tmp_path_factory.mktemp("matrix")
    command = [str(MATRIX), "--small", "--out", str(folder / "table")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert (folder / "table").read_text() == done.stdout
    assert [path.name for path in folder.iterdir()] == ["table"]
    return done.stdout.splitlines()


def test_one_digest(small: list[str]) -> None:
    """All stacks but those that this CPU lacks give one digest per configuration."""
    found = re.fullmatch(
        r"(\d+) stacks, 1 digest per configuration(?: \((\d+) without\))?", small[-1]
    )
    assert found
    end = small.index("")
    shown = small[1:end]
    without = [line for line in shown if "not here: this CPU has no" in line]
    refused = [line for line in shown if "refused: self-test" in line]
    assert int(found[2] or 0) == len(without) + len(refused)
    assert int(found[1]) == len(shown) - len(without) - len(refused)
    for column in range(len(CONFIGURATIONS)):
        start = WIDTH + 2 + 14 * column
        cells = {line[start : start + 12].strip() for line in shown}
        digests = {c for c in cells if re.fullmatch("[0-9a-f]{12}", c)}
        assert len(digests) == 1


@pytest.mark.parametrize(
    "row",
    (
        "Debian numpy, reference BLAS",
        "Debian numpy, OpenBLAS Nehalem, 2 threads",
        "Debian torch, ATen default, 2 threads",
        "Debian, 4 workers, mixed",
        "Debian numpy, killed, then torch",
        "bookworm i386 numpy, OpenBLAS",
        "bookworm s390x numpy, OpenBLAS, emulated",
    ),
)
def test_rows(row: str, small: list[str]) -> None:
    """The small matrix has rows of every kind, all with digests."""
    (line,) = [line for line in small[: small.index("")] if line[:WIDTH].strip() == row]
    assert re.match("[0-9a-f]{12}  [0-9a-f]{12}  [0-9a-f]{12}", line[WIDTH + 2 :])


def test_ordinary_programs_differ(small: list[str]) -> None:
    """The same nets in ordinary binary32 differ from stack to stack."""
    (line,) = [line for line in small if line.startswith("ordinary: ")]
    counts = {name: int(count) for count, name in re.findall(r"(\d+) for (\w+)", line)}
    assert set(counts) == set(CONFIGURATIONS)
    assert min(counts.values()) > 4


def test_plain_is_the_same_net() -> None:
    """What the ordinary program learns is near to what the exact one learns."""
    from support.matrix import plain

    from dh_aibootstrap.exact.backend import choose
    from dh_aibootstrap.exact.trainer import Trainer

    training = CONFIGURATIONS["classes"].training()
    trainer = Trainer(choose("numpy"), training.recipe, training.data)
    start = trainer.weights()
    trainer.run()
    exact = [array for pair in trainer.weights() for array in pair]
    first = [array for pair in start for array in pair]
    learnt = plain.train("numpy", training, start)
    for before, mine, theirs in zip(first, exact, learnt, strict=True):
        assert abs(mine - theirs).max() < 0.01 * abs(mine - before).max()


def copy_of_tree(folder: Path, file: str, old: str, new: str) -> Place:
    """Return a place whose library has `new` for `old` in a file."""
    for source in SOURCES:
        target = folder / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target)
        else:
            shutil.copyfile(ROOT / source, target)
    text = (folder / file).read_text()
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new))
    return replace(HERE, tree=str(folder))


def test_a_blas_that_drops_digits_is_refused(tmp_path: Path) -> None:
    """Products in binary32 where binary64 was asked for: no digest is given."""
    place = copy_of_tree(
        tmp_path,
        "dh_aibootstrap/exact/backend/numpy_backend.py",
        "np.matmul(a, b, out=out)",
        "np.copyto(out, np.matmul(a.astype('f4'), b.astype('f4')))",
    )
    answer = replace(ORDINARY, place=place).run()
    assert (answer.exact, answer.plain, answer.failed) == ({}, {}, "")
    assert re.fullmatch(
        r"self-test with numpy: (\d+) of \1 entries of binary64 matrix products of "
        r"integers are wrong: the BLAS computes wrongly or drops digits; take another "
        r"BLAS \(see update-alternatives --list libblas.so.3\), backend or machine",
        answer.refused,
    )
    line = table.line(Row("a", answer), ("classes",), 4)
    assert line.startswith("a     refused: self-test with numpy: ")


def test_other_digests_are_seen(tmp_path: Path) -> None:
    """Another seed on one stack of three: that one is named, the status is 1."""
    place = copy_of_tree(
        tmp_path, "tests/support/matrix/configurations.py", "SEED = 7\n", "SEED = 8\n"
    )
    other = replace(ORDINARY, place=place).run()
    usual = ORDINARY.run()
    assert usual.failed == other.failed == ""
    three = [Row("a", usual), Row("b", other), Row("c", usual)]
    lines, status = table.verdict(three, ("small", "classes"))
    here, there = (a.exact["classes"][:12] for a in (usual, other))
    assert lines == [f"differs: classes: b: {there}, most have {here}"]
    assert status == 1
    assert table.verdict(three[::2], ("classes",)) == (
        ["2 stacks, 1 digest per configuration"],
        0,
    )


def test_another_kernel_is_not_counted() -> None:
    """The child says which kernel it used; one that was not asked for is no row."""
    stack = replace(ORDINARY, kernel="Nehalem", wanted=("OpenBLAS Prescott",))
    answer = stack.run()
    assert answer.absent == "Nehalem was asked for"
    assert answer.machine.endswith("OpenBLAS Nehalem")
    assert (answer.exact, answer.plain) == ({}, {})
    # As OpenBLAS falls back, for a name that it does not know.
    fallen = replace(ORDINARY, kernel="Unheard", wanted=("OpenBLAS Unheard",)).run()
    assert fallen.absent == "Unheard was asked for"


def test_the_reference_is_the_reference() -> None:
    """Each of the two BLAS is the one whose name the row has."""
    for blas in (REFERENCE, OPENBLAS):
        assert blas in replace(ORDINARY, blas=blas, wanted=(blas,)).run().machine


def test_a_kernel_that_the_cpu_lacks() -> None:
    """Kernels are not run where the CPU has not their instructions."""
    needs = frozenset(("bwx", "cix", "fpu"))
    stack = replace(ORDINARY, kernel="Alpha", needs=needs)
    assert stack.run() == Answer(absent="this CPU has no bwx, cix")


@pytest.mark.parametrize(
    "script, problem",
    (
        ("exit 3", "status 3: no message"),
        ("echo 'ValueError: bad' >&2; echo more >&2; exit 1", "ValueError: bad"),
        ("kill -ILL $$", "killed by SIGILL"),
    ),
)
def test_a_child_that_fails(script: str, problem: str) -> None:
    """A stack that breaks makes the matrix fail, with its last words."""
    place = Place("broken", ("/bin/sh", "-c", script))
    answer = replace(ORDINARY, place=place).run()
    assert answer.failed.endswith(problem)
    good = Row("good", Answer(exact={"classes": "12"}))
    lines, status = table.verdict([good, Row("bad", answer), good], ("classes",))
    assert lines == [f"failed: bad: {answer.failed}"]
    assert status == 1


def test_nothing_to_compare() -> None:
    """A matrix in which all but one were refused proves nothing, and fails."""
    refused = Row("a", Answer(refused="wrong"))
    lines, status = table.verdict(
        [refused, Row("b", Answer(exact={"small": "1"}))], ("small",)
    )
    assert lines == ["fewer than two stacks gave digests: nothing was compared"]
    assert status == 1


def test_killed_goes_on() -> None:
    """Killed twice, the training goes on from a checkpoint each time."""
    stack = replace(ORDINARY, configurations=("small",))
    answer = Killed("killed", (stack, stack, stack)).run()
    found = re.fullmatch(
        r"killed: small after step (\d+) and (\d+), gone on from (\d+)", answer.note
    )
    assert found
    first, second, begun = map(int, found.groups())
    assert 3 <= first < second
    # The kill may have come while the checkpoint of that step was written.
    assert begun % 3 == 0 or begun == 24
    assert 0 < begun <= second + 1
    assert answer.exact == stack.run().exact


def test_a_place_that_cannot_be_made(tmp_path: Path) -> None:
    """A Debian that does not exist fails its row, and leaves no half chroot."""
    (row,) = rows.ports_of(tmp_path, ("s390x",), "nosuchsuite")
    assert row.name == "nosuchsuite s390x numpy"
    assert row.run().failed.startswith("mmdebstrap ")
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing(tmp_path: Path) -> None:
    """Without its programs the command says which, and runs nothing."""
    for name in ("env", "python3"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run(
        [sys.executable, str(MATRIX), "--small", "--out", str(tmp_path / "table")],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "tests/matrix: error: no mmdebstrap here; see --help\n"
    assert not (tmp_path / "table").exists()
