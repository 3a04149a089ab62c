# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: every slip is told, whole, at its line, and all of a file at once.

tests/manifests/NAME.yaml is a manifest and NAME.problems what `load` says of it, one
problem a line; a good manifest has an empty one. A new case is two files and no code.
To see what a new NAME.yaml gives: python3 tests/test_manifest.py NAME
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dh_aibootstrap import manifest as manifests  # noqa: E402
from dh_aibootstrap.errors import (  # noqa: E402
    ManifestError,
    UsageError,
)
from dh_aibootstrap.manifest.files import check_files  # noqa: E402
from dh_aibootstrap.manifest.model import (  # noqa: E402
    Criterion,
    Dataset,
    Manifest,
    PathHome,
    Resources,
    Scalar,
    SourcePackageHome,
    Stage,
    Weights,
)
from dh_aibootstrap.manifest.stages import RESERVED_VARIABLES  # noqa: E402
from dh_aibootstrap.train import sandbox  # noqa: E402

CASES = ROOT / "tests/manifests"


def make_tree(root: Path, data: bytes) -> Path:
    """Make the source tree that the cases are the manifest of."""
    (root / "data").mkdir()
    (root / "data/list").write_text("a\nb\n")
    (root / "upstream").mkdir()
    (root / "upstream/model.txt").write_text("1\n")
    (root / "link-out").symlink_to("/etc")
    (root / "link-file").symlink_to("upstream/model.txt")
    (root / "debian").mkdir()
    (root / "debian/aibootstrap.yaml").write_bytes(data)
    return root


def problems_of(root: Path) -> str:
    """Return what a person is told of the manifest at `root`, '' where it is good."""
    try:
        manifests.load(root)
    except ManifestError as error:
        return f"{error}\n"
    return ""


@pytest.mark.parametrize("case", sorted(p.stem for p in CASES.glob("*.yaml")))
def test_problems_of_a_manifest(case: str, tmp_path: Path) -> None:
    """Each golden manifest gets its golden problems: whole messages, all of them."""
    root = make_tree(tmp_path, (CASES / f"{case}.yaml").read_bytes())
    wanted = (CASES / f"{case}.problems").read_text("utf-8")
    assert problems_of(root) == wanted


def test_golden_files_stand_in_pairs() -> None:
    """No manifest without its problems, no problems without their manifest."""
    names = sorted(path.name for path in CASES.iterdir())
    stems = {Path(name).stem for name in names}
    assert names == sorted(f"{s}{e}" for s in stems for e in (".problems", ".yaml"))
    assert len(stems) >= 60


@pytest.mark.parametrize("path", sorted(CASES.glob("*.problems")), ids=lambda p: p.stem)
def test_each_problem_is_one_line_with_its_place_and_a_mend(path: Path) -> None:
    """FILE:LINE: and what was found; what to do. The line exists in the manifest."""
    lines = path.with_suffix(".yaml").read_bytes().count(b"\n") + 1
    for text in path.read_text("utf-8").splitlines():
        file, line, rest = text.split(":", 2)
        assert file == "debian/aibootstrap.yaml"
        assert 1 <= int(line) <= lines
        assert rest.startswith(" ") and len(rest) < 250


def load_case(case: str, root: Path) -> Manifest:
    """Return the manifest of a golden file that has no problems."""
    return manifests.load(make_tree(root, (CASES / f"{case}.yaml").read_bytes()))


def test_good_manifest_means_what_it_says(tmp_path: Path) -> None:
    """Every key of the manifest arrives in its place."""
    found = load_case("good", tmp_path)
    digest = "0123456789abcdef" * 4
    assert (found.retrain, found.determinism, found.seed) == (
        "release",
        "bitwise",
        None,
    )
    assert found.datasets == (
        Dataset(
            "words",
            SourcePackageHome("words-data", "1.0-1", digest),
            "GPL-3+",
            "a word list of 1998",
        ),
        Dataset("own", PathHome("data"), "GPL-3+", "written by hand"),
    )
    assert found.parameters == {"hidden": 128, "epochs": 40}
    assert found.profiles == {"reduced": {"epochs": 2}}
    train, judge = found.stages
    assert train == Stage(
        name="train",
        command=tuple(
            "python3 -m words.train --data {words}/list {own} --epochs {epochs} --out"
            " {out}".split()
        ),
        needs=("words", "own"),
        outputs=("model.txt",),
        metrics=None,
        environment=(("WIDTH", "{hidden}"),),
        resources=Resources(cpus=2, memory=2 << 30, disk=1 << 30, time=2400),
        launcher="direct",
    )
    assert (judge.name, judge.needs) == ("judge", ("own", "train"))
    assert (judge.outputs, judge.metrics) == ((), "metrics.json")
    assert (judge.resources, judge.launcher) == (Resources(), "direct")
    assert found.weights == (
        Weights("model.txt", "train", "model.txt", "upstream/model.txt"),
    )
    assert found.accept == (
        Criterion("train.error", "<=", 0.0125, "train.error <= 0.0125"),
    )
    data = (CASES / "good.yaml").read_bytes()
    assert found.sha256 == hashlib.sha256(data).hexdigest()


def test_small_manifest_gets_the_defaults(tmp_path: Path) -> None:
    """What may be left out has the value that the manual says."""
    found = load_case("good-small", tmp_path)
    assert (found.retrain, found.seed) == ("release", None)
    assert (found.datasets, found.parameters, found.profiles) == ((), {}, {})
    assert found.accept == ()
    assert found.stages[0].resources == Resources(None, None, None, None)
    assert found.weights == (Weights("count", "count", "count", None),)


def test_scalars_are_those_of_the_core_schema(tmp_path: Path) -> None:
    """A plain 1.10 is a text where a text belongs, and 1.1 where a value does."""
    found = load_case("good-scalars", tmp_path)
    wanted: dict[str, Scalar] = {
        "hidden": 128,
        "epochs": 40,
        "zero": 0,
        "minus": -5,
        "plus": 5,
        "rate": 0.001,
        "half": 0.5,
        "whole": 1.0,
        "tenth": 1.1,
        "fast": True,
        "slow": False,
        "answer": "yes",
        "code": "012",
        "nothing": "",
        "day": "2026-01-31",
        "optimiser": "adam",
        "note": "two\nlines\n",
    }
    assert found.parameters == wanted
    types = {name: type(value) for name, value in found.parameters.items()}
    assert types == {name: type(value) for name, value in wanted.items()}
    home = found.datasets[0].home
    assert isinstance(home, SourcePackageHome) and home.version == "1.10"
    assert found.datasets[0].lineage == "a word list of 1998, corrected by hand"
    assert found.stages[0].command[5:11] == ("yes", "012", "1.10", "", "1:30", "~")
    environment = (("EMPTY", ""), ("MODE", "on"), ("WIDTH", "{hidden}"))
    assert found.stages[0].environment == environment


def test_seed_by_hand(tmp_path: Path) -> None:
    """A plain number is a seed, up to 63 bits."""
    text = (CASES / "good.yaml").read_text()
    for number, name in ((0, "zero"), ((1 << 63) - 1, "most")):
        folder = tmp_path / name
        folder.mkdir()
        data = text.replace("seed: derived", f"seed: {number}").encode()
        assert manifests.load(make_tree(folder, data)).seed == number


def test_stages_stand_in_running_order(tmp_path: Path) -> None:
    """A stage that is written before what it needs runs after it."""
    stage = "  {}:\n    command: [true]\n    needs: {}\n    outputs: [file]\n"
    order = (("d", "[b, c]"), ("c", "[a]"), ("b", "[a]"), ("a", "[]"))
    text = "format: 1\nstages:\n"
    text += "".join(stage.format(*item) for item in order)
    text += "weights: {file: {from: d/file}}\ndeterminism: numeric\n"
    found = manifests.load(make_tree(tmp_path, text.encode()))
    assert [stage.name for stage in found.stages] == ["a", "c", "b", "d"]


def test_no_manifest(tmp_path: Path) -> None:
    """Where there is none, the command that writes one is named."""
    with pytest.raises(UsageError) as caught:
        manifests.load(tmp_path)
    assert str(caught.value) == (
        "debian/aibootstrap.yaml: not found; write one with 'aibootstrap init'"
    )
    assert caught.value.status == 2


def test_manifest_that_is_a_folder(tmp_path: Path) -> None:
    """A folder of that name is no manifest."""
    (tmp_path / "debian/aibootstrap.yaml").mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        manifests.load(tmp_path)
    assert str(caught.value) == "debian/aibootstrap.yaml: Is a directory"
    assert caught.value.status == 2


def test_manifest_too_large(tmp_path: Path) -> None:
    """A megabyte is read, a byte more is not."""
    data = (CASES / "good.yaml").read_bytes()
    data += b"#" * ((1 << 20) - len(data))
    root = make_tree(tmp_path, data)
    assert problems_of(root) == ""
    (root / "debian/aibootstrap.yaml").write_bytes(data + b"#")
    with pytest.raises(UsageError) as caught:
        manifests.load(root)
    assert str(caught.value) == (
        "debian/aibootstrap.yaml: larger than 1048576 bytes, so not written by hand;"
        " data and programs lie beside it"
    )
    assert caught.value.status == 2


def test_path_that_is_too_long_to_look_at(tmp_path: Path) -> None:
    """A path that the file system refuses is a problem of the manifest."""
    text = (CASES / "good.yaml").read_text().replace("path: data", "path: " + "d" * 999)
    root = make_tree(tmp_path, text.encode())
    assert problems_of(root) == (
        f"debian/aibootstrap.yaml:13: datasets.own.path: '{'d' * 59}…' cannot be"
        " looked at: File name too long\n"
    )


def test_number_of_thousands_of_digits(tmp_path: Path) -> None:
    """More digits than Python reads are a problem, not a traceback."""
    text = (CASES / "good.yaml").read_text()
    text = text.replace("hidden: 128", "hidden: " + "9" * 5000)
    text = text.replace("seed: derived", "seed: " + "9" * 5000)
    digits = "'" + "9" * 59 + "…'"
    assert problems_of(make_tree(tmp_path, text.encode())) == (
        f"debian/aibootstrap.yaml:4: seed: found {digits}; write derived or a plain"
        " number from 0 to 2^63-1\n"
        "debian/aibootstrap.yaml:17: parameters.hidden: found a number that is too"
        " large; write one below 2^63\n"
    )


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    """What editors add changes neither the meaning nor the lines of problems."""
    data = (CASES / "everything-at-once.yaml").read_bytes()
    data = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
    wanted = (CASES / "everything-at-once.problems").read_text("utf-8")
    assert problems_of(make_tree(tmp_path, data)) == wanted


def test_reserved_variables_are_those_of_a_stage() -> None:
    """What the manifest refuses to set is just what every stage is given."""
    surroundings = sandbox.Surroundings(Path("/w"), Path("/c"), 1, None, 5, 1, {})
    fixed = sandbox.environment(surroundings, [], {})
    wanted = {name for name in fixed if not name.startswith("AIBOOTSTRAP_")}
    assert set(RESERVED_VARIABLES) == wanted


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with one to four slips: cut, doubled, swapped, odd bytes."""
    odd = [b"\t", b"\0", b"\xff", b"&a ", b"*a", b"!!int ", b"{", b"}", b"[", b"]"]
    odd += [b": ", b"- ", b"'", b'"', b"#", b"|\n", b">", b"\n", b"---\n", b"~", b"yes"]
    odd += [b"9" * 5000, b"..", b"/", b"{out}", b"1e999", b"\xc2\x85", b"<<: ", b"? "]
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((0, 1, 2, 5, 20, 80)))
        lines = data.splitlines(keepends=True)
        way = chance.randrange(5)
        if way == 0:
            data = data[:start] + data[end:]
        elif way == 1:
            data = data[:start] + chance.choice(odd) + data[end:]
        elif way == 2:
            data = data[:end] + data[start:]
        elif way == 3 and lines:
            line = chance.choice(lines)
            data = data[:start] + line + data[start:]
        elif lines:
            chance.shuffle(lines)
            data = b"".join(lines)
    return data


def test_mutated_manifests_give_a_manifest_or_problems(tmp_path: Path) -> None:
    """5,000 slips of the pen: a manifest or problems, never another exception."""
    chance = random.Random(2)
    root = make_tree(tmp_path, b"")
    good = [path.read_bytes() for path in sorted(CASES.glob("good*.yaml"))]
    read = refused = 0
    for _ in range(5000):
        data = mutate(chance.choice(good), chance)
        manifest, problems = manifests.parse(data, "m")
        if problems:
            refused += 1
            assert all("\n" not in str(problem) for problem in problems)
            assert all(1 <= p.line <= data.count(b"\n") + 1 for p in problems)
        if manifest is not None:
            read += 1
            check_files(manifest, root, "m")
        assert manifest is not None or problems
    assert read > 500 and refused > 1000


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            data = (CASES / f"{name}.yaml").read_bytes()
            print(problems_of(make_tree(Path(folder), data)), end="")
