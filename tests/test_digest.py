# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests that depend on content alone, and files that are replaced whole."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap import digest  # noqa: E402

# FIPS 180-2, appendix B.1.
SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_bytes_and_file(tmp_path: Path) -> None:
    """The published value, and what sha256sum prints for a file of many chunks."""
    assert digest.sha256_bytes(b"abc") == SHA256_OF_ABC
    path = tmp_path / "large"
    path.write_bytes(b"abc" * (digest.CHUNK + 1))
    shown = subprocess.run(
        ["sha256sum", path], check=True, capture_output=True, text=True
    )
    assert digest.sha256_file(path) == shown.stdout.split()[0]


def test_value_is_canonical_json() -> None:
    """The order of keys does not count, types and texts do."""
    text = b'{"a":[1,2.5,true,null],"\\u00fc":"x"}'
    value = {"ü": "x", "a": [1, 2.5, True, None]}
    assert digest.sha256_value(value) == hashlib.sha256(text).hexdigest()
    assert digest.sha256_value({"a": (1, 2.5, True, None), "ü": "x"}) == (
        digest.sha256_value(value)
    )
    values = [1, 1.0, "1", True, None, [], {}, "", [1], {"a": 1}]
    assert len({digest.sha256_value(value) for value in values}) == len(values)
    with pytest.raises(ValueError):
        digest.sha256_value(float("nan"))


def make_tree(root: Path, names: list[str]) -> Path:
    """Make files of these names, in this order, each holding its name."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def test_tree_is_what_its_lines_say(tmp_path: Path) -> None:
    """The digest can be computed by hand: kind, sha256, name as JSON, sorted."""
    make_tree(tmp_path, ["b", "a/x", "a/ü", "a-b"])
    (tmp_path / "b").chmod(0o755)
    (tmp_path / "a/link").symlink_to("x")
    (tmp_path / "dirlink").symlink_to("a")

    def line(kind: str, data: str, name: str) -> str:
        return f"{kind} {hashlib.sha256(data.encode()).hexdigest()} {name}\n"

    text = line("file", "a-b", '"a-b"')
    text += line("exec", "b", '"b"')
    text += 'link "a" "dirlink"\n'
    text += 'link "x" "a/link"\n'
    text += line("file", "a/x", '"a/x"')
    text += line("file", "a/ü", '"a/\\u00fc"')
    assert digest.sha256_tree(tmp_path) == hashlib.sha256(text.encode()).hexdigest()


def test_tree_does_not_depend_on_order_time_or_mode(tmp_path: Path) -> None:
    """Only names, kinds, executable bits and contents count."""
    names = ["b", "a/x", "a/y", "c/d/e"]
    one = make_tree(tmp_path / "one", names)
    two = make_tree(tmp_path / "two", names[::-1])
    os.utime(two / "b", (1, 1))
    (two / "b").chmod(0o600)
    (two / "c/empty").mkdir()
    assert digest.sha256_tree(one) == digest.sha256_tree(two)


def test_tree_of_many_folders_is_sorted(tmp_path: Path) -> None:
    """No file system's own order of thirty folders is that of their names."""
    names = [f"{number:02}/{name}" for number in range(30) for name in "ab"]
    make_tree(tmp_path, names[::-1])
    lines = [f'file {digest.sha256_bytes(n.encode())} "{n}"\n' for n in names]
    wanted = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert digest.sha256_tree(tmp_path) == wanted


def change_content(root: Path) -> None:
    (root / "a").write_text("other")


def change_name(root: Path) -> None:
    (root / "a").rename(root / "c")


def change_place(root: Path) -> None:
    (root / "a").rename(root / "d/a")


def change_executable(root: Path) -> None:
    (root / "a").chmod(0o755)


def change_to_link(root: Path) -> None:
    (root / "a").unlink()
    (root / "a").symlink_to("b")


def change_link(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("b")


def change_by_adding(root: Path) -> None:
    (root / "empty").write_text("")


def change_by_removing(root: Path) -> None:
    (root / "d/x").unlink()


def change_name_with_line_break(root: Path) -> None:
    (root / "a").rename(root / "a\n")


@pytest.mark.parametrize(
    "change",
    [item for name, item in sorted(globals().items()) if name.startswith("change_")],
    ids=lambda change: change.__name__[7:],
)
def test_every_change_shows_in_the_tree(change, tmp_path: Path) -> None:  # type: ignore
    """Whatever changes below the root changes the digest."""
    make_tree(tmp_path, ["a", "b", "d/x"])
    (tmp_path / "link").symlink_to("a")
    before = digest.sha256_tree(tmp_path)
    assert digest.sha256_tree(tmp_path) == before
    change(tmp_path)
    assert digest.sha256_tree(tmp_path) != before


def test_tree_of_one_file(tmp_path: Path) -> None:
    """A file alone is a tree of one file without a name: moving it changes nothing."""
    make_tree(tmp_path, ["a"])
    before = digest.sha256_tree(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest.sha256_tree(tmp_path / "b") == before
    (tmp_path / "b").write_text("other")
    assert digest.sha256_tree(tmp_path / "b") != before


def test_tree_with_a_pipe(tmp_path: Path) -> None:
    """What is no file, folder or link is refused, and not read."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError) as caught:
        digest.sha256_tree(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'pipe'}: neither a file, a folder nor a symbolic link"
    )


def test_tree_with_names_that_are_no_text(tmp_path: Path) -> None:
    """Names are bytes; those that are not UTF-8 count too."""
    (tmp_path / os.fsdecode(b"\xff")).write_text("x")
    one = digest.sha256_tree(tmp_path)
    (tmp_path / os.fsdecode(b"\xff")).rename(tmp_path / os.fsdecode(b"\xfe"))
    assert digest.sha256_tree(tmp_path) != one


def test_copy_is_hashed(tmp_path: Path) -> None:
    """The digest is that of the bytes written; nothing else is left."""
    data = os.urandom(digest.CHUNK + 17)
    (tmp_path / "source").write_bytes(data)
    (tmp_path / "target").write_bytes(b"old")
    found = digest.copy_hashing(tmp_path / "source", tmp_path / "target")
    assert found == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "target").read_bytes() == data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_copy_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Without a source the target is as before."""
    (tmp_path / "target").write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        digest.copy_hashing(tmp_path / "none", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


FULL_DISK = """
import resource, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from dh_aibootstrap import digest
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
target = Path(sys.argv[2])
if sys.argv[3] == "write":
    digest.write_atomically(target, bytes(10000))
else:
    digest.copy_hashing(Path("/usr/bin/env"), target)
"""


@pytest.mark.parametrize("way", ["write", "copy"])
def test_full_disk_leaves_the_old_file(way: str, tmp_path: Path) -> None:
    """Where writing fails halfway the target is as before and nothing is left over."""
    target = tmp_path / "target"
    target.write_bytes(b"old")
    root = str(Path(__file__).resolve().parent.parent)
    words = [sys.executable, "-B", "-c", FULL_DISK, root, str(target), way]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "OSError: [Errno 27] File too large"
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_write_replaces_a_link_not_what_it_leads_to(tmp_path: Path) -> None:
    """A file that is replaced may be a link; what it leads to stays."""
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "target").symlink_to("kept")
    digest.write_atomically(tmp_path / "target", b"new")
    assert not (tmp_path / "target").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"
    assert (tmp_path / "kept").read_bytes() == b"kept"


def test_what_is_left_out_at_the_top_does_not_count(tmp_path: Path) -> None:
    for name in ("kept/file", "kept/debian/file"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    alone = digest.sha256_tree(tmp_path)
    (tmp_path / "debian").mkdir()
    # Not even looked at: a pipe is an error elsewhere.
    os.mkfifo(tmp_path / "debian/pipe")
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    assert digest.sha256_tree(tmp_path, ("debian", ".git")) == alone
    (tmp_path / "kept/debian/file").write_text("2\n")
    assert digest.sha256_tree(tmp_path, ("debian", ".git")) != alone
