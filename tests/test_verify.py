# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""aibootstrap verify: every kind of target, every kind of forgery, nothing written."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from support.archives import Archive, Dataset, Key
from support.packages import MANIFEST, TRAIN, Makings, Package, snapshot
from support.tree import Done, Tree

Make = Callable[..., Package]
STAMP = "debian/aibootstrap/provenance"
MODEL = "debian/aibootstrap/model.txt"


def sha256(data: bytes) -> str:
    """Return the digest of some bytes."""
    return hashlib.sha256(data).hexdigest()


def verdict(done: Done, head: str = "toy 1.0, ") -> list[str]:
    """Return what is printed from the verdict on."""
    lines = done.stdout.splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith(head)]
    assert len(starts) == 1, done.stdout + done.stderr
    return lines[starts[0] :]


class Bench:
    """A package to verify, with all around it that must stay as it is."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.outside = package.tree.scratch / "outside"
        self.outside.mkdir()
        (self.outside / "tmp").mkdir()

    def verify(
        self, *words: str | Path, folder: Path | None = None, **env: str
    ) -> Done:
        """Run aibootstrap verify; assert that it left and changed nothing."""
        watched = [self.package.root.parent, self.package.tree.cache]
        before = [snapshot(path) for path in watched]
        times = [_times(path) for path in watched]
        command = ["aibootstrap", "verify", "--json", self.json, *words]
        extra = {"TMPDIR": str(self.outside / "tmp"), **env}
        done = self.package.tree.run(command, folder or self.package.root, extra)
        assert [snapshot(path) for path in watched] == before
        assert [_times(path) for path in watched] == times
        assert list((self.outside / "tmp").iterdir()) == []
        return done

    @property
    def json(self) -> Path:
        """Where the machine-readable result goes."""
        return self.outside / "result.json"

    def result(self) -> dict[str, Any]:
        """Return the deterministic part of the machine-readable result."""
        value = json.loads(self.json.read_text())
        assert list(value) == ["format", "result", "environment"]
        assert value["format"] == 1
        found = value["result"]
        assert str(self.package.tree.scratch) not in json.dumps(found)
        return dict(found)

    def refuted(self, *words: str | Path, **env: str) -> list[str]:
        """Verify, and return the claims that do not hold: untrained, status 4."""
        done = self.verify(*words, **env)
        assert done.status == 4, done.stdout + done.stderr
        assert "train: running" not in done.stdout
        assert "  nothing was trained\n" in done.stdout
        faults = [line.removeprefix("aibootstrap: error: ") for line in done.errors]
        assert self.result()["faults"] == faults
        assert self.result()["status"] == 4
        count = len(faults)
        last = done.stdout.splitlines()[-1]
        assert last.endswith(f"; claims that do not hold: {count}")
        return faults


def _times(folder: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the weights of the plain package once; each test has a copy of it all."""
    folder = tmp_path_factory.mktemp("ready")
    toy = Makings().write(Tree(folder), folder / "source", {})
    toy.aibootstrap("run").check()
    return folder


@pytest.fixture
def made(package: Make, tree: Tree, ready: Path) -> Callable[..., Bench]:
    """Return a factory of packages whose weights were made."""

    def make(run: dict[str, str] | None = None, **makings: Any) -> Bench:
        if not run and not makings:
            shutil.copytree(ready, tree.scratch, symlinks=True, dirs_exist_ok=True)
            return Bench(Package(tree, tree.scratch / "source/toy-1.0", "toy", "1.0"))
        toy = package(**makings)
        toy.aibootstrap("run", **(run or {})).check()
        return Bench(toy)

    return make


Made = Callable[..., Bench]


def publish(archive: Archive, package: Package) -> Path:
    """Put a source package into an archive that apt knows; return its .dsc."""
    pool = archive.folder / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    package.run("debian/rules", "clean").check()
    package.tree.run(["dpkg-source", "-b", str(package.root)], pool).check()
    archive.publish()
    archive.use(archive.file_uri)
    archive.update()
    (dsc,) = pool.glob("toy_*.dsc")
    return dsc


def test_a_tree_from_the_first_to_the_last_line(made: Made) -> None:
    bench = made()
    toy = bench.package
    model, stamp = toy.read(MODEL).encode(), toy.stamp()
    done = bench.verify().check()
    # Although the stage is finished in the user's cache: it is trained anew.
    assert "dh_aibootstrap_train: train: running\n" in done.stdout
    architecture = toy.run("dpkg-architecture", "-qDEB_HOST_ARCH").stdout.strip()
    packages = toy.record()["Installed-Build-Depends"].strip().count("\n") + 1
    dataset = stamp["Datasets"].strip()
    assert done.errors == []
    assert verdict(done) == [
        "toy 1.0, source tree",
        f"model.txt: identical: the same {len(model)} bytes were made again",
        f"  shipped   sha256 {sha256(model)}, {len(model)} bytes",
        f"  retrained sha256 {sha256(model)}, {len(model)} bytes",
        "rests on:",
        "  the source tree as it lies there; nobody signed it",
        f"  stamp of sha256 {sha256(toy.read(STAMP).encode())}, recipe"
        f" {stamp['Recipe-Sha256'][:12]}",
        f"  dataset {dataset}",
        f"  a training from scratch, here, on {architecture} with {packages} packages"
        " (--json lists them with their versions)",
        "does not prove:",
        "  that the data and the programs are good: the weights follow from them, and a"
        " backdoor in either is made again",
        "  that the programs train: one that finds the shipped weights elsewhere on"
        " this machine can copy them",
        "  anything of the parts of the package that are not its weights",
        "  who made the source: no signature was checked",
        "verdict: identical",
    ]
    assert bench.result() == {
        "source": "toy",
        "version": "1.0",
        "target": "source tree",
        "verdict": "identical",
        "status": 0,
        "stamp": sha256(toy.read(STAMP).encode()),
        "manifest": stamp["Manifest-Sha256"],
        "recipe": stamp["Recipe-Sha256"],
        "determinism": "bitwise",
        "datasets": [dataset],
        "criteria": ["train.error <= 0.1"],
        "signer": None,
        "files": [
            {
                "name": "model.txt",
                "verdict": "identical",
                "why": f"the same {len(model)} bytes were made again",
                "shipped": {"sha256": sha256(model), "size": len(model)},
                "retrained": {"sha256": sha256(model), "size": len(model)},
                "differing-bytes": 0,
            }
        ],
        "faults": [],
        "notes": [],
        "not-proven": [
            "that the data and the programs are good: the weights follow from them, and"
            " a backdoor in either is made again",
            "that the programs train: one that finds the shipped weights elsewhere on"
            " this machine can copy them",
            "anything of the parts of the package that are not its weights",
            "who made the source: no signature was checked",
        ],
    }
    record = json.loads(bench.json.read_text())["environment"]["record"]
    assert record["Architecture"] == architecture
    assert any(
        item.startswith("dpkg-dev (= ") for item in record["Installed-Build-Depends"]
    )


def test_the_result_is_the_same_bytes_from_elsewhere(made: Made) -> None:
    bench = made()
    bench.verify().check()
    first = bench.result()
    moved = bench.outside / "a folder"
    shutil.copytree(bench.package.root, moved / "source")
    done = bench.verify(moved / "source", folder=bench.outside, TZ="Asia/Tokyo").check()
    assert verdict(done)[0] == "toy 1.0, source tree"
    assert json.dumps(bench.result()) == json.dumps(first)


def test_a_finished_stage_of_the_user_decides_nothing(made: Made) -> None:
    """The user's cache holds other weights under the right key, with digests."""
    bench = made()
    (report,) = bench.package.tree.cache.glob("aibootstrap/stages/*/*/report.json")
    (model,) = report.parent.glob("outputs/model.txt")
    forged = b"forged\n"
    text = report.read_text().replace(sha256(model.read_bytes()), sha256(forged))
    report.write_text(text)
    model.write_bytes(forged)
    done = bench.verify(AIBOOTSTRAP_PROFILE="reduced", SOURCE_DATE_EPOCH="7").check()
    assert verdict(done)[-1] == "verdict: identical"


def test_a_tree_that_was_built(made: Made) -> None:
    bench = made()
    bench.package.build().check()
    assert verdict(bench.verify().check())[-1] == "verdict: identical"


def test_patches_are_applied_in_the_copy_alone(made: Made, package: Make) -> None:
    toy = package(version="1.0-1")
    toy.write(
        "debian/patches/data.patch",
        "--- a/training/data.txt\n+++ b/training/data.txt\n"
        "@@ -1,4 +1,4 @@\n 1\n 2\n 3\n-6\n+8\n",
    )
    toy.write("debian/patches/series", "data.patch\n")
    toy.aibootstrap("run").check()
    assert toy.read("training/data.txt") == "1\n2\n3\n6\n"
    done = Bench(toy).verify().check()
    assert verdict(done, "toy 1.0-1, ")[-1] == "verdict: identical"


def test_a_dsc(made: Made) -> None:
    bench = made()
    toy = bench.package
    toy.run("debian/rules", "clean").check()
    toy.tree.run(["dpkg-source", "-b", str(toy.root)], toy.root.parent).check()
    dsc = toy.root.parent / "toy_1.0.dsc"
    done = bench.verify(dsc).check()
    lines = verdict(done)
    assert lines[0] == "toy 1.0, .dsc"
    assert lines[-1] == "verdict: identical"
    assert (
        f"  toy_1.0.dsc of sha256 {sha256(dsc.read_bytes())} and the files that it"
        " lists by digest; its signature was not checked" in lines
    )
    assert "  who made the source: no signature was checked" in lines

    tar = toy.root.parent / "toy_1.0.tar.xz"
    data = tar.read_bytes()
    tar.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    done = bench.verify(dsc)
    assert done.status == 75
    (line,) = done.errors
    assert re.fullmatch(
        r"aibootstrap: error: toy_1\.0\.dsc: its source cannot be had: dpkg-source:"
        r" error: checksum mismatch for file toy_1\.0\.tar\.xz.*|aibootstrap: error:"
        r" toy_1\.0\.dsc: its source cannot be had: dpkg-source: error: file"
        r" \S*toy_1\.0\.tar\.xz has .*",
        line,
    )
    assert bench.result()["verdict"] == "unverifiable"
    tar.unlink()
    assert bench.verify(dsc).status == 75


def test_a_deb_and_its_source_through_apt(made: Made, archive: Archive) -> None:
    bench = made()
    toy = bench.package
    toy.build().check()
    dsc = publish(archive, toy)
    done = bench.verify(toy.deb(), **archive.environment).check()
    lines = verdict(done)
    assert "aibootstrap: toy is built from toy 1.0; fetching that through apt" in (
        done.stdout.splitlines()
    )
    assert lines[0] == "toy 1.0, .deb"
    assert "note: model.txt is /usr/share/toy/model.txt of toy" in lines
    assert (
        f"  toy_1.0.dsc of sha256 {sha256(dsc.read_bytes())}, through apt's chain of"
        " trust" in lines
    )
    assert "  who made the source: no signature was checked" not in lines
    assert lines[-1] == "verdict: identical"


INSTALL = """\
mkdir {over}
mount --make-rprivate / 2> /dev/null
mount -t tmpfs none {over}
for folder in usr var/lib/dpkg; do
    mkdir -p {over}/$folder/up {over}/$folder/work
    mount -t overlay -o "lowerdir=/$folder,upperdir={over}/$folder/up,\
workdir={over}/$folder/work" none /$folder
done
dpkg -i {deb} > /dev/null
{then}
cd {over}/..
aibootstrap verify {words}
status=$?
umount /var/lib/dpkg /usr {over}
exit $status
"""


def in_place(bench: Bench, archive: Archive, then: str = "") -> Done:
    """Verify where the package is installed; nothing of that is seen outside."""
    script = INSTALL.format(
        over=bench.outside / "over",
        deb=bench.package.deb(),
        then=then,
        words=f"toy --json {bench.json}",
    )
    unshare = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", script]
    return bench.package.tree.run(unshare, bench.outside, archive.environment)


def test_an_installed_package(made: Made, archive: Archive) -> None:
    bench = made()
    bench.package.build().check()
    publish(archive, bench.package)
    done = in_place(bench, archive).check()
    lines = verdict(done)
    assert lines[0] == "toy 1.0, installed package"
    assert "note: model.txt is /usr/share/toy/model.txt of toy" in lines
    assert lines[-1] == "verdict: identical"
    assert not Path("/usr/share/toy").exists()

    shutil.rmtree(bench.outside / "over")
    change = "printf x >> /usr/share/toy/model.txt"
    done = in_place(bench, archive, change)
    assert done.status == 4
    data = bench.package.read(MODEL).encode()
    assert done.errors == [
        "aibootstrap: error: '/usr/share/toy/model.txt' of toy has the name of weights"
        " and is not the file of the stamp: its sha256 is"
        f" {sha256(data + b'x')}, the stamp says {sha256(data)}"
    ]

    shutil.rmtree(bench.outside / "over")
    stamp = "/usr/share/doc/toy/aibootstrap-provenance"
    done = in_place(bench, archive, f"rm {stamp}")
    assert done.status == 75
    assert done.errors == [
        f"aibootstrap: error: {stamp}: not there, though the package has it; dpkg may"
        " be told to leave documentation out (path-exclude in dpkg.cfg)"
    ]


def test_a_package_that_is_not_installed(made: Made) -> None:
    bench = made()
    for word in ("toy-that-is-not", "no/such/path", STAMP, "-x"):
        done = bench.verify("--", word)
        assert done.status == 2
        assert done.errors == [
            f"aibootstrap: error: {word}: neither a source tree, a .dsc, a .deb nor an"
            " installed package"
        ]


OTHER_DIGEST = "0" * 64

# What is changed in which file, and all that is said of it.
FORGERIES: dict[str, tuple[str, str, str, list[str]]] = {
    "data": (
        "training/data.txt",
        "6\n",
        "7\n",
        [
            r"dataset data \(path training\) is not that of {stamp}: its sha256 is"
            r" {sha}, the stamp says '{sha}'"
        ],
    ),
    "trainer": (
        "training/train.py",
        "0.5 *",
        "0.6 *",
        [
            r"dataset data \(path training\) is not that of {stamp}: its sha256 is"
            r" {sha}, the stamp says '{sha}'"
        ],
    ),
    "parameter": (
        "debian/aibootstrap.yaml",
        "epochs: 20",
        "epochs: 21",
        [r"{stamp}: Parameters says 'epochs 20', this source gives 'epochs 21'"],
    ),
    "command": (
        "debian/aibootstrap.yaml",
        "[python3, ",
        "[python3, -B, ",
        [
            r"{stamp}: Stages says 'train {sha} [0-9]+', this source gives"
            r" 'train {sha} [0-9]+'"
        ],
    ),
    "looser manifest": (
        "debian/aibootstrap.yaml",
        "error <= 0.1",
        "error <= 0.9",
        [
            r"debian/aibootstrap\.yaml: accept: the criteria are 'train\.error <="
            r" 0\.9', the stamp was made under 'train\.error <= 0\.1': they changed"
            r" after the run"
        ],
    ),
    "lesser determinism": (
        "debian/aibootstrap.yaml",
        "determinism: bitwise",
        "determinism: numeric",
        [r"{stamp}: Determinism says 'bitwise', this source gives 'numeric'"],
    ),
    "other target": (
        "debian/aibootstrap.yaml",
        "    replaces: model.txt\n",
        "",
        [
            r"{stamp}: Recipe-Sha256 says '{sha}', this source gives '{sha}'",
            r"{stamp}: Replaces says 'debian/aibootstrap/model\.txt model\.txt', this"
            r" source gives nothing",
        ],
    ),
    "stamp: source": (
        STAMP,
        "Source: toy",
        "Source: top",
        [r"{stamp}: Source says 'top', this source gives 'toy'"],
    ),
    "stamp: licence": (
        STAMP,
        "data GPL-3+",
        "data GPL-2+",
        [r"{stamp}: Licences says 'data GPL-2\+', this source gives 'data GPL-3\+'"],
    ),
    "stamp: lineage": (
        STAMP,
        "counted by hand",
        "counted by hanD",
        [
            r"{stamp}: Lineage says 'data counted by hanD', this source gives 'data"
            r" counted by hand'"
        ],
    ),
    "stamp: acceptance": (
        STAMP,
        "0.1: met",
        "0.1: not met",
        [r"{stamp}: Acceptance says 'train\.error <= 0\.1: not met \(.*\)'"],
    ),
    "stamp: static built using": (
        STAMP,
        "Acceptance:",
        "Static-Built-Using: data (= 1)\nAcceptance:",
        [r"{stamp}: Static-Built-Using says 'data \(= 1\)', this source gives ''"],
    ),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_small_change_is_named_before_anything_is_trained(
    made: Made, what: str
) -> None:
    name, old, new, said = FORGERIES[what]
    bench = made()
    bench.package.edit(name, old, new)
    faults = bench.refuted()
    patterns = [
        text.replace("{stamp}", re.escape(STAMP)).replace("{sha}", "[0-9a-f]{64}")
        for text in said
    ]
    assert len(faults) == len(patterns), faults
    for fault, pattern in zip(faults, patterns):
        assert re.fullmatch(pattern, fault), fault
    assert bench.result()["verdict"] == "unverifiable"


@pytest.mark.parametrize(
    "field", ["Manifest-Sha256", "Recipe-Sha256", "Stages", "Datasets"]
)
def test_one_digit_of_a_digest_in_the_stamp(made: Made, field: str) -> None:
    bench = made()
    value = bench.package.stamp()[field].strip()
    digest = re.search("[0-9a-f]{64}", value)
    assert digest
    other = ("1" if digest[0][0] != "1" else "2") + digest[0][1:]
    bench.package.edit(STAMP, value, value.replace(digest[0], other))
    if field == "Manifest-Sha256":
        # It decides nothing: a comment that was added does the same.
        done = bench.verify().check()
        note = (
            "debian/aibootstrap.yaml changed in nothing that decides the result: its"
            f" sha256 is {digest[0]}, the stamp says {other}"
        )
        assert f"note: {note}" in verdict(done)
        assert bench.result()["notes"] == [note]
        return
    (fault,) = bench.refuted()
    assert digest[0] in fault and other in fault
    named = (
        "dataset data (path training)" if field == "Datasets" else f"{STAMP}: {field}"
    )
    assert fault.startswith(named)


def test_a_comment_in_the_manifest_is_a_note(made: Made) -> None:
    bench = made()
    bench.package.edit("debian/aibootstrap.yaml", "format: 1\n", "format: 1  # one\n")
    done = bench.verify().check()
    assert (
        "note: debian/aibootstrap.yaml changed in nothing that decides the result"
        in (done.stdout)
    )


def test_swapped_weights(made: Made) -> None:
    bench = made()
    toy = bench.package
    old = toy.read(MODEL).encode()
    new = old[:-2] + bytes([old[-2] ^ 1]) + old[-1:]
    toy.write(MODEL, new)
    assert bench.refuted() == [
        f"{MODEL} is not the file of {STAMP}: {len(new)} bytes of sha256 {sha256(new)},"
        f" the stamp says {len(old)} of {sha256(old)}"
    ]
    (file,) = bench.result()["files"]
    assert (file["verdict"], file["why"]) == (
        "different",
        "it is not the file of its stamp",
    )
    toy.path(MODEL).unlink()
    assert bench.refuted() == [f"{MODEL} is missing"]
    toy.path(MODEL).symlink_to("../../model.txt")
    toy.write("model.txt", old)
    assert bench.refuted() == [f"{MODEL} is a symbolic link"]


def test_the_folder_of_the_weights_is_a_link(made: Made) -> None:
    bench = made()
    folder = bench.package.path("debian/aibootstrap")
    folder.rename(bench.package.path("debian/elsewhere"))
    folder.symlink_to("elsewhere")
    done = bench.verify()
    assert done.status == 4
    assert done.errors == [
        f"aibootstrap: error: {STAMP} leads through debian/aibootstrap, a symbolic"
        " link: not the stamp of this source"
    ]
    assert bench.result()["status"] == 4


def forge(package: Package, weights: bytes) -> None:
    """Ship other weights, with a stamp that is right in every digest."""
    old = package.read(MODEL).encode()
    package.edit(
        STAMP, f"{sha256(old)} {len(old)}", f"{sha256(weights)} {len(weights)}"
    )
    package.write(MODEL, weights)


def test_weights_and_stamp_forged_together_are_different(made: Made) -> None:
    bench = made()
    old = bench.package.read(MODEL).encode()
    new = b"9" + old[1:] + b"xy"
    forge(bench.package, new)
    done = bench.verify()
    assert (done.status, done.errors) == (4, [])
    lines = verdict(done)
    assert lines[1:4] == [
        f"model.txt: different: 3 of {len(new)} bytes differ",
        f"  shipped   sha256 {sha256(new)}, {len(new)} bytes",
        f"  retrained sha256 {sha256(old)}, {len(old)} bytes",
    ]
    assert lines[-1] == "verdict: different"
    assert (
        "  that somebody meddled: a training that is not bit-exact on this machine, or"
        " with these packages, ends here too" in lines
    )
    (file,) = bench.result()["files"]
    assert (file["verdict"], file["differing-bytes"]) == ("different", 3)


@pytest.mark.parametrize("determinism", ["numeric", "statistical"])
def test_other_bits_are_inconclusive_where_no_more_is_claimed(
    made: Made, determinism: str
) -> None:
    bench = made(manifest=MANIFEST.replace("bitwise", determinism))
    old = bench.package.read(MODEL).encode()
    forge(bench.package, b"9" + old[1:])
    done = bench.verify()
    assert (done.status, done.errors) == (5, [])
    lines = verdict(done)
    assert lines[1] == (
        f"model.txt: inconclusive: 1 of {len(old)} bytes differ; the manifest claims no"
        f" more than {determinism} determinism, and no calibration says how far two"
        " honest runs lie apart"
    )
    assert lines[-1] == "verdict: inconclusive"
    assert bench.result()["verdict"] == "inconclusive"


def test_a_reduced_run_shown_as_a_full_one(made: Made, package: Make) -> None:
    """The stamp of a run with the reduced parameters, beside the full manifest."""
    loose = MANIFEST.replace("<= 0.1", "<= 9")
    bench = made(manifest=loose)
    full = bench.package.read(STAMP), bench.package.read("debian/aibootstrap.yaml")
    reduced = package(
        folder="reduced", manifest=loose.replace("epochs: 20", "epochs: 1")
    )
    reduced.aibootstrap("run").check()
    bench.package.write(STAMP, reduced.read(STAMP))
    bench.package.write(MODEL, reduced.read(MODEL))
    (fault,) = bench.refuted()
    assert fault == (
        f"{STAMP}: Recipe-Sha256 is that of the profile 'reduced': a reduced run shown"
        " as a full one"
    )
    # With the stamp of the full run about them, only the retraining tells.
    bench.package.write(STAMP, full[0])
    old = bench.package.read(MODEL)
    pin = re.search("[0-9a-f]{64} [0-9]+ model.txt", full[0])
    assert pin
    bench.package.edit(STAMP, pin[0], f"{sha256(old.encode())} {len(old)} model.txt")
    done = bench.verify()
    assert done.status == 4
    assert verdict(done)[-1] == "verdict: different"


def test_acceptance_that_was_not_measured(made: Made) -> None:
    bench = made()
    said = bench.package.stamp()["Acceptance"].strip()
    bench.package.edit(STAMP, said, "train.error <= 0.1: met (0.0)")
    done = bench.verify()
    assert done.status == 4
    fault = (
        f"{STAMP}: Acceptance says 'train.error <= 0.1: met (0.0)', the retraining"
        f" measured '{said}'"
    )
    assert done.errors == [f"aibootstrap: error: {fault}"]
    assert bench.result()["faults"] == [fault]
    # The weights are what they are.
    assert verdict(done)[-1] == "verdict: identical; claims that do not hold: 1"


def test_weights_that_never_met_their_criterion(made: Made) -> None:
    bench = made(manifest=MANIFEST.replace("<= 0.1", "<= 9").replace("s: 20", "s: 1"))
    toy = bench.package
    toy.edit("debian/aibootstrap.yaml", "<= 9", "<= 0.1")
    said = toy.stamp()["Acceptance"].strip()
    toy.edit(STAMP, said, "train.error <= 0.1: met (0.05)")
    done = bench.verify()
    assert done.status == 4
    assert done.errors[-1] == (
        "aibootstrap: error: accept: train.error <= 0.1: not met (1.5), for the"
        " retrained weights"
    )
    assert verdict(done)[-1] == "verdict: identical; claims that do not hold: 1"


def test_no_stamp(made: Made) -> None:
    bench = made()
    bench.package.path(STAMP).unlink()
    done = bench.verify()
    assert done.status == 75
    message = (
        f"{STAMP}: not there, so nothing says what the weights were made from; make"
        " both with 'debian/rules bootstrap'"
    )
    assert done.errors == [f"aibootstrap: error: {message}"]
    assert json.loads(bench.json.read_text()) == {
        "format": 1,
        "result": {
            "verdict": "unverifiable",
            "status": 75,
            "files": [],
            "not-proven": ["anything: no new weights were compared with those shipped"],
        },
        "environment": {"message": [message]},
    }


def test_a_stamp_that_is_none(made: Made) -> None:
    bench = made()
    bench.package.edit(STAMP, "Format: 1\n", "Format: 1\nformat: 1\n")
    done = bench.verify()
    assert done.status == 4
    assert done.errors == [
        f"aibootstrap: error: {STAMP}: line 2: field 'format' stands there twice; this"
        " is no stamp"
    ]


def test_retrain_never(made: Made) -> None:
    bench = made()
    bench.package.edit(
        "debian/aibootstrap.yaml", "format: 1\n", "format: 1\nretrain: never\n"
    )
    done = bench.verify()
    assert done.status == 77
    assert done.errors == [
        "aibootstrap: error: debian/aibootstrap.yaml says 'retrain: never'; nothing is"
        " trained"
    ]


def test_a_training_that_fails(made: Made, package: Make) -> None:
    """It works where it was run first, and not elsewhere."""
    flag = package().tree.scratch / "flag"
    flag.touch()
    train = f"import os\nassert os.path.exists({str(flag)!r}), 'no flag'\n" + TRAIN
    bench = made(folder="other", train=train)
    flag.unlink()
    done = bench.verify()
    assert done.status == 1
    ours = [line for line in done.errors if line.startswith("aibootstrap: ")]
    assert "train" in ours[0]
    assert bench.result()["status"] == 1
    assert bench.result()["verdict"] == "unverifiable"


def test_a_build_dependency_that_is_missing(made: Made) -> None:
    bench = made()
    bench.package.edit(
        "debian/control",
        "debhelper-compat (= 13)",
        "debhelper-compat (= 13), trainer-of-nothing <pkg.toy.aibootstrap>",
    )
    done = bench.verify()
    assert done.status == 75
    assert done.errors == [
        "aibootstrap: error: build dependencies are missing: trainer-of-nothing;"
        " install them with 'apt-get build-dep --arch-only -P pkg.toy.aibootstrap .'"
    ]
    assert bench.result()["status"] == 75


def with_dataset(dataset: Dataset) -> str:
    """Return a manifest whose data are a source package."""
    start = MANIFEST.index("  data:\n")
    end = MANIFEST.index("parameters:")
    return MANIFEST[:start] + dataset.manifest_entry() + MANIFEST[end:]


def test_a_dataset_that_is_gone_or_another_one_of_equal_size(
    made: Made, archive: Archive
) -> None:
    data = archive.add({"train.py": TRAIN, "data.txt": "1\n2\n"})
    pool = archive.folder / "pool"
    env = {"AIBOOTSTRAP_DATASETS": str(pool)}
    bench = made(run=env, manifest=with_dataset(data))
    assert bench.verify(**env).status == 0

    tar = data.dsc.with_suffix(".tar.xz")
    original = tar.read_bytes()
    tar.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    done = bench.verify(**env)
    assert done.status == 75
    assert done.errors == [
        "aibootstrap: error: debian/aibootstrap.yaml:3: datasets.data: toy-data 1.0:"
        f" toy-data_1.0.tar.xz: sha256 is {sha256(tar.read_bytes())}, not"
        f" {sha256(original)}"
    ]
    assert bench.result()["verdict"] == "unverifiable"
    tar.unlink()
    done = bench.verify(**env)
    assert done.status == 75
    assert done.errors == [
        "aibootstrap: error: debian/aibootstrap.yaml:3: datasets.data: toy-data 1.0:"
        " toy-data_1.0.tar.xz is missing"
    ]


def rebuilt(bench: Bench, change: Callable[[Path], None]) -> Path:
    """Return the .deb of the package with its files changed, as dpkg-deb makes it."""
    toy = bench.package
    folder = bench.outside / "deb"
    toy.tree.run(["dpkg-deb", "-R", str(toy.deb()), str(folder)]).check()
    change(folder)
    deb = bench.outside / "toy_1.0_all.deb"
    command = ["dpkg-deb", "--root-owner-group", "-b", str(folder), str(deb)]
    toy.tree.run(command).check()
    shutil.rmtree(folder)
    return deb


def test_forged_debs(made: Made, archive: Archive) -> None:
    bench = made()
    toy = bench.package
    toy.build().check()
    publish(archive, toy)
    model = toy.read(MODEL).encode()
    doc = "usr/share/doc/toy/aibootstrap-provenance"

    def flip(folder: Path) -> None:
        (folder / "usr/share/toy/model.txt").write_bytes(b"9" + model[1:])

    assert bench.refuted(rebuilt(bench, flip), **archive.environment) == [
        "'/usr/share/toy/model.txt' of toy has the name of weights and is not the file"
        f" of the stamp: its sha256 is {sha256(b'9' + model[1:])}, the stamp says"
        f" {sha256(model)}"
    ]

    def link(folder: Path) -> None:
        path = folder / "usr/share/toy/model.txt"
        path.unlink()
        path.symlink_to("/var/tmp/model.txt")

    assert bench.refuted(rebuilt(bench, link), **archive.environment) == [
        "'/usr/share/toy/model.txt' of toy has the name of weights and is not the file"
        f" of the stamp: a link to '/var/tmp/model.txt', the stamp says {sha256(model)}"
    ]

    def stamp(folder: Path) -> None:
        text = (folder / doc).read_text()
        (folder / doc).write_text(text.replace("GPL-3+", "GPL-2+"))

    assert bench.refuted(rebuilt(bench, stamp), **archive.environment) == [
        "two stamps: that of toy is not that of its source toy 1.0"
    ]

    def second(folder: Path) -> None:
        other = folder / "usr/share/doc/toy2/aibootstrap-provenance"
        other.parent.mkdir()
        shutil.copy(folder / doc, other)

    done = bench.verify(rebuilt(bench, second), **archive.environment)
    assert done.status == 4
    assert done.errors == [
        f"aibootstrap: error: toy_1.0_all.deb: two stamps: '{doc}' and"
        " 'usr/share/doc/toy2/aibootstrap-provenance'"
    ]

    def without(folder: Path) -> None:
        (folder / doc).unlink()

    done = bench.verify(rebuilt(bench, without), **archive.environment)
    assert done.status == 75
    assert done.errors == [
        f"aibootstrap: error: toy_1.0_all.deb: no stamp: /{doc} is no file of it, so"
        " nothing says what its weights were made from"
    ]

    def elsewhere(folder: Path) -> None:
        (folder / "usr/share/toy/model.txt").unlink()

    done = bench.verify(rebuilt(bench, elsewhere), **archive.environment).check()
    assert (
        "note: model.txt is no file of toy as it is: compiled into another, or in"
        " another package of the source" in verdict(done)
    )


@pytest.mark.parametrize("source", ["-oDir::Bin::dpkg=/bin/false", "toy (-x)", "Toy"])
def test_a_source_that_is_an_option_of_apt(
    made: Made, archive: Archive, source: str
) -> None:
    bench = made()
    bench.package.build().check()

    def rename(folder: Path) -> None:
        control = folder / "DEBIAN/control"
        text = control.read_text()
        control.write_text(text.replace("Version:", f"Source: {source}\nVersion:"))

    done = bench.verify(rebuilt(bench, rename), **archive.environment)
    assert done.status == 1
    (error,) = done.errors
    assert error.startswith(
        "aibootstrap: error: toy_1.0_all.deb: it says to be built from '"
    )
    assert error.endswith(", which no source package is called")


def test_a_deb_whose_source_apt_has_not(made: Made, archive: Archive) -> None:
    bench = made()
    toy = bench.package
    toy.build().check()
    toy.edit("debian/changelog", "toy (1.0)", "toy (1.1)")
    publish(archive, toy)
    done = bench.verify(toy.deb(), **archive.environment)
    assert done.status == 75
    assert done.errors == [
        "aibootstrap: error: toy 1.0: no apt source has version 1.0; apt knows 1.1"
    ]
    assert bench.result()["verdict"] == "unverifiable"


def test_what_is_kept(made: Made) -> None:
    bench = made()
    old = bench.package.read(MODEL).encode()
    forge(bench.package, b"9" + old[1:])
    kept = bench.outside / "kept"
    assert bench.verify("--keep", kept).status == 4
    (record,) = bench.package.root.parent.glob("*.bootstrapinfo")
    assert sorted(path.name for path in kept.iterdir()) == ["model.txt", record.name]
    assert (kept / "model.txt").read_bytes() == old
    assert " train " not in (kept / record.name).read_text().partition(" reused ")[2]


def test_a_signed_record(made: Made, key: Key) -> None:
    bench = made()
    (record,) = bench.package.root.parent.glob("*.bootstrapinfo")
    signed = bench.outside / record.name
    words = ["--record", signed, "--keyring", key.public]
    key.sign(record, signed)
    done = bench.verify(*words).check()
    signer = bench.result()["signer"]
    assert re.fullmatch("[0-9A-F]{40}", signer)
    assert f"  a record of the same digests, signed by {signer}" in verdict(done)

    other = bench.outside / "other"
    text = record.read_text()
    digest = sha256(bench.package.read(STAMP).encode())
    other.write_text(
        text.replace("Profile: full", "Profile: reduced").replace(digest, OTHER_DIGEST)
    )
    key.sign(other, signed)
    assert bench.refuted(*words) == [
        f"{record.name}: Profile is 'reduced', wanted is 'full'",
        f"{record.name}: Stamp-Sha256 is '{OTHER_DIGEST}', wanted is '{digest}'",
    ]
    model = bench.package.read(MODEL).encode()
    other.write_text(text.replace(sha256(model), OTHER_DIGEST))
    key.sign(other, signed)
    assert bench.refuted(*words) == [
        f"{record.name}: Weights are not those of {STAMP}: that run made others"
    ]
    shutil.copy(record, signed)
    assert bench.refuted(*words) == [
        f"{record.name}: is not signed; its maker can, with 'aibootstrap sign'"
    ]
    done = bench.verify("--record", signed)
    assert done.status == 2
    assert done.errors == [
        "aibootstrap: error: --record and --keyring go together; give both or none"
    ]


def test_interrupted(made: Made, package: Make) -> None:
    """A signal in the middle of the training: nothing is left, and it says so."""
    flag = package().tree.scratch / "flag"
    train = (
        "import os, sys, time\n"
        f"if os.path.exists({str(flag)!r}):\n"
        f"    os.rename({str(flag)!r}, {str(flag) + '.seen'!r})\n"
        "    time.sleep(300)\n"
    )
    bench = made(folder="other", train=train + TRAIN)
    toy = bench.package
    before = snapshot(toy.root.parent)
    flag.touch()
    temporary = bench.outside / "tmp"
    command = ["aibootstrap", "verify", "--json", bench.json]
    process = toy.tree.start(command, toy.root, {"TMPDIR": str(temporary)})
    seen, end = flag.with_name("flag.seen"), time.monotonic() + 60
    while not seen.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.splitlines()[-1] == (
        "aibootstrap: error: interrupted; nothing of this verification is kept"
    )
    assert list(temporary.iterdir()) == []
    assert not bench.json.exists()
    assert snapshot(toy.root.parent) == before


COPYING = """\
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
for folder in out.parents:
    for found in sorted(folder.glob("*/aibootstrap/model.txt")) + sorted(
        folder.glob("shipped/model.txt")
    ):
        (out / "model.txt").write_bytes(found.read_bytes())
        (out / "metrics.json").write_text('{"train": {"error": 0.0}}')
        sys.exit()
"""


def test_a_trainer_that_copies_the_shipped_weights(made: Made) -> None:
    """It does not find them in the tree that it is run in."""
    bench = made(train=COPYING + TRAIN)
    old = bench.package.read(MODEL).encode()
    forge(bench.package, b"9" + old[1:])
    done = bench.verify()
    assert done.status == 4
    assert verdict(done)[-1] == "verdict: different"
