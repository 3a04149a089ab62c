# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights into place: all or none, whatever ends the program or lacks in the kernel."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from dh_aibootstrap import stamp as stamps  # noqa: E402
from dh_aibootstrap.accept import Judgement  # noqa: E402
from dh_aibootstrap.digest import sha256_bytes, sha256_tree  # noqa: E402
from dh_aibootstrap.errors import Error  # noqa: E402
from dh_aibootstrap.exchange import exchange_folders, settle_exchange  # noqa: E402
from dh_aibootstrap.layout import Layout  # noqa: E402
from dh_aibootstrap.manifest.model import (  # noqa: E402
    Criterion,
    Dataset,
    Manifest,
    PathHome,
    Resources,
    SourcePackageHome,
    Stage,
    Weights,
)
from dh_aibootstrap.plan import make_recipe  # noqa: E402
from dh_aibootstrap.refresh import (  # noqa: E402
    Made,
    digests_in_place,
    make_stamp,
    put_in_place,
)
from dh_aibootstrap.stamp import Stamp, WeightPin  # noqa: E402
from support import no_exchange  # noqa: E402

NAMES = ("a.net", "b.net", "c.net")
NO_EXCHANGE = str(ROOT / "tests/support/no_exchange.py")


def content(name: str, number: int) -> bytes:
    """Return what the file `name` of the set `number` holds; with a NUL in b.net."""
    zero = b"\0" if name == "b.net" else b"0"
    return zero + f"{name} {number} ".encode() * 3000 + b"\n"


def make_set(folder: Path, number: int, names: tuple[str, ...] = NAMES) -> list[Made]:
    """Write the set of weights `number` below `folder`, as a training leaves it."""
    made = []
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        data = content(name, number)
        path = folder / f"{number}-{name}"
        path.write_bytes(data)
        made.append(Made(WeightPin(name, sha256_bytes(data), len(data)), path))
    return made


def stamp_of(made: list[Made], number: int) -> Stamp:
    """Return a stamp that pins these files."""
    return Stamp(
        source="words",
        manifest="0" * 64,
        recipe=f"{number:064}",
        determinism="bitwise",
        parameters=(),
        datasets=(),
        licences=(),
        lineage=(),
        stages=(),
        weights=tuple(item.pin for item in made),
        replaces=(),
        acceptance=(),
        static_built_using="",
    )


def layout_of(root: Path) -> Layout:
    """Return a layout with everything below `root`."""
    return Layout(root / "source", root / "cache")


def put(root: Path, number: int, names: tuple[str, ...] = NAMES) -> bool:
    """Put the set `number` in place."""
    made = make_set(root / "made", number, names)
    return put_in_place(layout_of(root), made, stamp_of(made, number))


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def complete_set(root: Path) -> int:
    """Return the number of the set in place; fail where it is not complete."""
    layout = layout_of(root)
    stamp = stamps.load(layout.stamp)
    assert stamp is not None, "no stamp"
    number = int(stamp.recipe)
    wanted = {name: content(name, number) for name in NAMES}
    wanted["README"] = b"kept\n"
    found = files_in(layout.weights)
    del found["provenance"]
    assert found == wanted
    return number


def test_first_set(tmp_path: Path) -> None:
    """A source without debian/aibootstrap gets the weights and their stamp."""
    layout = layout_of(tmp_path)
    assert put(tmp_path, 1) is True
    made = make_set(tmp_path / "made", 1)
    wanted = {name: content(name, 1) for name in NAMES}
    wanted["provenance"] = stamps.to_bytes(stamp_of(made, 1))
    assert files_in(layout.weights) == wanted
    assert digests_in_place(layout) == {n: sha256_bytes(t) for n, t in wanted.items()}
    for path in layout.weights.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(layout.scratch.iterdir()) == []
    listing = layout.root / "debian/source/include-binaries"
    assert listing.read_text() == "debian/aibootstrap/b.net\n"


def test_nothing_in_place(tmp_path: Path) -> None:
    """Without a folder there are no digests."""
    assert digests_in_place(layout_of(tmp_path)) == {}


def test_same_set_again_touches_nothing(tmp_path: Path) -> None:
    """An equal result leaves every file as it is, its time and its inode too."""
    put(tmp_path, 1)
    root = layout_of(tmp_path).root

    def states() -> dict[str, tuple[int, int]]:
        paths = [root, *root.rglob("*")]
        found = {str(path): path.lstat() for path in paths}
        return {name: (at.st_ino, at.st_mtime_ns) for name, at in found.items()}

    before = states()
    assert put(tmp_path, 1) is False
    assert states() == before


def test_what_else_lies_there_stays(tmp_path: Path) -> None:
    """Files of others stay, links as links; weights that are no more go."""
    layout = layout_of(tmp_path)
    put(tmp_path, 1)
    (layout.weights / "README").write_text("kept\n")
    (layout.weights / "link").symlink_to("README")
    (layout.weights / "notes").mkdir()
    (layout.weights / "notes/old.txt").write_text("kept too\n")
    assert put(tmp_path, 2, ("a.net", "b.net")) is True
    found = files_in(layout.weights)
    assert sorted(found) == [
        "README",
        "a.net",
        "b.net",
        "link",
        "notes/old.txt",
        "provenance",
    ]
    assert found["a.net"] == content("a.net", 2)
    assert os.readlink(layout.weights / "link") == "README"


def test_damaged_files_are_made_good(tmp_path: Path) -> None:
    """A changed file, a lost one, a link for a file, a damaged stamp: all mended."""
    weights = layout_of(tmp_path).weights
    put(tmp_path, 1)
    wanted = files_in(weights)
    (weights / "a.net").write_bytes(b"changed")
    assert put(tmp_path, 1) is True
    assert files_in(weights) == wanted
    (weights / "a.net").unlink()
    assert put(tmp_path, 1) is True
    assert files_in(weights) == wanted
    (tmp_path / "elsewhere").write_bytes(content("a.net", 1))
    (weights / "a.net").unlink()
    (weights / "a.net").symlink_to(tmp_path / "elsewhere")
    assert put(tmp_path, 1) is True
    assert files_in(weights) == wanted and not (weights / "a.net").is_symlink()
    (weights / "provenance").write_bytes(b"no stamp at all\n")
    assert put(tmp_path, 1) is True
    assert files_in(weights) == wanted


def test_weights_that_changed_under_way(tmp_path: Path) -> None:
    """What is not what was judged does not get in; what was there stays."""
    layout = layout_of(tmp_path)
    put(tmp_path, 1)
    before = files_in(layout.root)
    made = make_set(tmp_path / "made", 2)
    made[1].path.write_bytes(b"another")
    with pytest.raises(Error) as caught:
        put_in_place(layout, made, stamp_of(made, 2))
    assert str(caught.value) == "b.net changed while it was copied; run again"
    assert caught.value.status == 1
    assert files_in(layout.root) == before


def test_refused_weights_are_not_put_in_place(tmp_path: Path) -> None:
    """All reasons are told; neither a file, a stamp nor a list of binaries changes."""
    layout = layout_of(tmp_path)
    put(tmp_path, 1)
    before = {path: path.lstat() for path in (layout.root, *layout.root.rglob("*"))}
    made = make_set(tmp_path / "made", 2)
    trap = b"cos\nsystem\n(S'touch canary'\ntR."
    made[0].path.write_bytes(trap)
    made[2].path.unlink()
    made[2].path.symlink_to("2-b.net")
    with pytest.raises(Error) as caught:
        put_in_place(layout, made, stamp_of(made, 2))
    assert str(caught.value) == (
        "a.net: is a Python pickle, which runs code when it is loaded; write the"
        " numbers alone, as text, .npy or safetensors\n"
        "c.net: is a symbolic link; make it a file\n"
        "debian/aibootstrap is left as it was"
    )
    assert caught.value.status == 1
    after = {path: path.lstat() for path in (layout.root, *layout.root.rglob("*"))}
    assert after == before
    fresh = layout_of(tmp_path / "fresh")
    with pytest.raises(Error):
        put_in_place(fresh, made, stamp_of(made, 2))
    assert not (tmp_path / "fresh").exists()


def test_binaries_are_listed_once(tmp_path: Path) -> None:
    """Lines that stand in include-binaries stay, with or without an end of line."""
    listing = layout_of(tmp_path).root / "debian/source/include-binaries"
    listing.parent.mkdir(parents=True)
    listing.write_text("icons/a.png")
    put(tmp_path, 1)
    assert listing.read_text() == "icons/a.png\ndebian/aibootstrap/b.net\n"
    put(tmp_path, 2)
    assert listing.read_text() == "icons/a.png\ndebian/aibootstrap/b.net\n"


def test_text_weights_are_not_listed(tmp_path: Path) -> None:
    """Where dpkg-source sees text, no list of binaries is made."""
    put(tmp_path, 1, ("a.net",))
    assert not (layout_of(tmp_path).root / "debian/source").exists()


def test_stamp_says_what_the_weights_were_made_from(tmp_path: Path) -> None:
    """Every part of manifest and recipe has its line; equal ones give equal bytes."""
    digest = "ab" * 32
    manifest = Manifest(
        retrain="release",
        determinism="numeric",
        seed=7,
        datasets=(
            Dataset("z", SourcePackageHome("z-data", "1:2-3", digest), "MIT", "games"),
            Dataset("b", PathHome("data"), "GPL-3+", "written by hand"),
            Dataset("a", SourcePackageHome("a-data", "4", "cd" * 32), "MIT", "z"),
        ),
        parameters={"rate": 0.5, "epochs": 40, "fast": True, "name": 'a "b"'},
        profiles={},
        stages=(
            Stage("t", ("true",), ("z",), ("o",), None, (), Resources(), "direct"),
        ),
        weights=(Weights("w", "t", "o", "data/w"), Weights("v", "t", "o", None)),
        accept=(),
        sha256="12" * 32,
        lines={},
    )
    recipe = make_recipe(manifest, "full", {"b": "ef" * 32})
    made = make_set(tmp_path, 1, ("w", "v"))
    criterion = Criterion("e", "<=", 0.1, "e <= 0.1")
    stamp = make_stamp(
        manifest, recipe, "words", made, [Judgement(criterion, 0.05, True)]
    )
    text = stamps.to_bytes(stamp).decode()
    assert text == (
        "Format: 1\n"
        "Source: words\n"
        f"Manifest-Sha256: {'12' * 32}\n"
        f"Recipe-Sha256: {recipe.sha256}\n"
        "Determinism: numeric\n"
        "Parameters:\n"
        " epochs 40\n"
        " fast true\n"
        ' name "a \\"b\\""\n'
        " rate 0.5\n"
        "Datasets:\n"
        f" z {digest} source-package z-data 1:2-3\n"
        f" b {'ef' * 32} path data\n"
        f" a {'cd' * 32} source-package a-data 4\n"
        "Licences:\n z MIT\n b GPL-3+\n a MIT\n"
        "Lineage:\n z games\n b written by hand\n a z\n"
        f"Stages:\n t {recipe.keys['t']} 7\n"
        f"Weights:\n {made[0].pin}\n {made[1].pin}\n"
        "Replaces:\n debian/aibootstrap/w data/w\n"
        "Acceptance:\n e <= 0.1: met (0.05)\n"
        "Static-Built-Using: a-data (= 4), z-data (= 1:2-3)\n"
    )
    assert stamps.from_bytes(text.encode()) == stamp


# The kernel: as it is; without RENAME_EXCHANGE (file systems, old kernels, containers);
# a folder in a lower layer of overlayfs, which cannot be renamed at all.
KERNELS = {
    "swap": 0,
    "EINVAL": errno.EINVAL,
    "ENOSYS": errno.ENOSYS,
    "ENOTSUP": errno.ENOTSUP,
    "EPERM": errno.EPERM,
    "EXDEV": errno.EXDEV,
}


def command(kernel: str, *words: str) -> list[str]:
    """Return a command of this Python as it runs under such a kernel."""
    code = KERNELS[kernel]
    python = [sys.executable, "-B"]
    before = [*python, NO_EXCHANGE, str(code)] if code else []
    return [*before, *python, *words]


EXCHANGE = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from dh_aibootstrap.exchange import exchange_folders
exchange_folders(Path(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.mark.parametrize("kernel", KERNELS)
def test_exchange_of_folders(kernel: str, tmp_path: Path) -> None:
    """The new folder stands in the place of the old one, and nothing is left over."""
    fresh, target = tmp_path / "new/fresh", tmp_path / "target"
    fresh.mkdir(parents=True)
    (fresh / "file").write_text("new")
    target.mkdir()
    (target / "file").write_text("old")
    (target / "other").write_text("old")
    words = command(kernel, "-c", EXCHANGE, str(ROOT), str(fresh), str(target))
    subprocess.run(words, check=True)
    assert files_in(tmp_path) == {"target/file": b"new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "target"]


def test_exchange_where_there_is_no_target(tmp_path: Path) -> None:
    """A folder that does not exist yet is just renamed to."""
    (tmp_path / "fresh").mkdir()
    (tmp_path / "fresh/file").write_text("new")
    exchange_folders(tmp_path / "fresh", tmp_path / "target")
    assert files_in(tmp_path) == {"target/file": b"new"}


@pytest.mark.parametrize("kernel", KERNELS)
def test_exchange_that_fails_leaves_the_old_folder(kernel: str, tmp_path: Path) -> None:
    """Where the new folder is not there, the old one is as before."""
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_text("old")
    words = command(kernel, "-c", EXCHANGE, str(ROOT), "/nonexistent/x", str(target))
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "FileNotFoundError: [Errno 2] No such file or directory: '/nonexistent/x'"
    )
    assert files_in(tmp_path) == {"target/file": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_exchange_that_is_not_allowed_is_told(tmp_path: Path) -> None:
    """An error that is no lack of the kernel is not answered by another way."""
    (tmp_path / "target").mkdir()
    (tmp_path / "fresh").mkdir()
    words = [sys.executable, "-B", NO_EXCHANGE, str(errno.EROFS), sys.executable]
    words += ["-B", "-c", EXCHANGE, str(ROOT)]
    words += [str(tmp_path / "fresh"), str(tmp_path / "target")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "OSError: [Errno 30] Read-only file system:"
        f" '{tmp_path / 'fresh'}' -> '{tmp_path / 'target'}'"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "target"]


# What a kill can leave beside the target, and what must stand in its place then.
INTERRUPTED = {
    "before": ({"t/f": "old"}, "old"),
    "between the renames": ({".t.old/f": "old"}, "old"),
    "old one half removed": ({"t/f": "new", ".t.old/g": "old"}, "new"),
    "half copied": ({"t/f": "old", ".t.copy/g": "old"}, "old"),
    "half removed": ({"t/g": "old", ".t.kept/f": "old"}, "old"),
    "removed": ({".t.kept/f": "old"}, "old"),
    "new one there": ({"t/f": "new", ".t.kept/f": "old"}, "old"),
    "decided": ({"t/f": "new", ".t.old/f": "old"}, "new"),
    "nothing": ({}, ""),
}


@pytest.mark.parametrize("moment", INTERRUPTED)
def test_interrupted_exchange_is_settled(moment: str, tmp_path: Path) -> None:
    """From every state that a kill leaves one whole folder comes, and nothing else."""
    files, wanted = INTERRUPTED[moment]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    settle_exchange(tmp_path / "t")
    assert files_in(tmp_path) == ({"t/f": wanted.encode()} if wanted else {})
    assert [path.name for path in tmp_path.iterdir()] == (["t"] if wanted else [])


def start(kernel: str, root: Path, number: int) -> int:
    """Begin to put a set in place in a child, under such a kernel; return its pid."""
    made = make_set(root / "made", number)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if KERNELS[kernel]:
                no_exchange.lay(KERNELS[kernel])
            os.write(writer, b"x")
            put_in_place(layout_of(root), made, stamp_of(made, number))
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    assert os.read(reader, 1) == b"x"
    os.close(reader)
    return child


@pytest.mark.parametrize(
    ("kernel", "wanted"), [("swap", 60), ("EINVAL", 40), ("EXDEV", 40)]
)
def test_kill_at_any_moment_leaves_a_complete_set(
    kernel: str, wanted: int, tmp_path: Path
) -> None:
    """SIGKILL at random moments in put_in_place: the old set or the new, whole.

    Where the kernel swaps, at once; else after what every command does first.
    """
    chance = random.Random(7)
    put(tmp_path, 0)
    layout = layout_of(tmp_path)
    (layout.weights / "README").write_text("kept\n")
    began = time.monotonic()
    assert os.waitpid(start(kernel, tmp_path, 1), 0)[1] == 0
    longest = time.monotonic() - began
    before, kills, old = 1, 0, 0
    for number in range(2, 1000):
        child = start(kernel, tmp_path, number)
        time.sleep(chance.uniform(0, 1.2 * longest))
        os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL)
        if kernel != "swap":
            settle_exchange(layout.weights)
        after = complete_set(tmp_path)
        assert after in ((before, number) if status else (number,))
        if status:
            kills, old = kills + 1, old + (after == before)
        before = after
        shutil.rmtree(tmp_path / "made")
        if kills == wanted:
            break
    assert kills == wanted and old > 0
    assert put(tmp_path, 1000) is True
    assert complete_set(tmp_path) == 1000
    assert list(layout.scratch.iterdir()) == []
    beside = sorted(path.name for path in (layout.root / "debian").iterdir())
    assert beside == [".debhelper", "aibootstrap", "source"]


def test_tree_of_a_copied_set_is_the_same(tmp_path: Path) -> None:
    """Two sources with the same result hold the same tree."""
    digests = set()
    for name in ("one", "two"):
        put(tmp_path / name, 3)
        digests.add(sha256_tree(layout_of(tmp_path / name).weights))
    assert len(digests) == 1
