# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of .deb files: what it sees, and every damage and limit by name."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Callable

import pytest

from dh_aibootstrap import deb
from dh_aibootstrap.errors import Error

NOTHING = re.compile("never")
CONTROL = (
    "Package: toy\nVersion: 1:1.0-1+b1\nSource: toys (1:1.0-1)\nArchitecture: all\n"
)

Fill = Callable[[tarfile.TarFile], None]


def build(folder: Path, data: bytes) -> Path:
    """Return a .deb whose data archive is these bytes, in ar(1) as dpkg-deb likes."""
    control = io.BytesIO()
    with tarfile.open(fileobj=control, mode="w", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo("./control")
        info.size = len(CONTROL)
        tar.addfile(info, io.BytesIO(CONTROL.encode()))
    path = folder / "toy.deb"
    members = {
        "debian-binary": b"2.0\n",
        "control.tar": control.getvalue(),
        "data.tar": data,
    }
    with open(path, "wb") as file:
        file.write(b"!<arch>\n")
        for name, content in members.items():
            file.write(
                b"%-16s%-12d%-6d%-6d%-8s%-10d`\n"
                % (name.encode(), 0, 0, 0, b"100644", len(content))
            )
            file.write(content + b"\n" * (len(content) % 2))
    return path


def tar_of(fill: Fill, form: int = tarfile.GNU_FORMAT) -> bytes:
    """Return a tar archive that `fill` filled."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as tar:
        fill(tar)
    return data.getvalue()


def add(
    tar: tarfile.TarFile, name: str, content: bytes = b"", **fields: object
) -> None:
    """Add a member to a tar archive."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    tar.addfile(info, io.BytesIO(content))


def refused(path: Path) -> str:
    """Return why a .deb is refused."""
    before = path.read_bytes(), os.listdir(path.parent)
    with pytest.raises(Error) as caught:
        deb.read_contents(path, NOTHING)
    assert (path.read_bytes(), os.listdir(path.parent)) == before
    return str(caught.value)


def test_what_is_in_it(tmp_path: Path) -> None:
    long = "./usr/share/" + "x" * 150

    def fill(tar: tarfile.TarFile) -> None:
        add(tar, "./usr/share/doc/", type=tarfile.DIRTYPE)
        add(tar, "./usr/share/doc/a", b"abc")
        add(tar, long, b"y" * 5000)
        add(tar, "./usr/share/link", type=tarfile.SYMTYPE, linkname="/etc/" + "z" * 120)
        add(tar, "./usr/share/b", type=tarfile.LNKTYPE, linkname="./usr/share/doc/a")
        add(tar, "./usr/share/empty")
        add(tar, "./usr/share/pipe", type=tarfile.FIFOTYPE)

    path = build(tmp_path, tar_of(fill))
    contents = deb.read_contents(path, re.compile("usr/share/(doc/a|b)"))
    digest = (
        subprocess.run(["sha256sum"], input=b"abc", capture_output=True, check=True)
        .stdout[:64]
        .decode()
    )
    found = {entry.path: entry for entry in contents.entries}
    assert found["usr/share/doc/a"] == deb.Entry("usr/share/doc/a", digest, 3)
    assert found["usr/share/b"] == deb.Entry("usr/share/b", digest, 3)
    assert found[long[2:]].size == 5000
    assert found["usr/share/link"].link == "/etc/" + "z" * 120
    assert found["usr/share/empty"].size == 0
    assert found["usr/share/pipe"] == deb.Entry("usr/share/pipe", "", 0)
    assert len(found) == 6
    assert contents.kept == {"usr/share/doc/a": b"abc", "usr/share/b": b"abc"}
    assert deb.read_fields(path) == {
        "Package": "toy",
        "Version": "1:1.0-1+b1",
        "Source": "toys (1:1.0-1)",
        "Architecture": "all",
    }


def test_headers_that_dpkg_does_not_unpack(tmp_path: Path) -> None:
    data = tar_of(lambda tar: add(tar, "./" + "x" * 300, b"a"), tarfile.PAX_FORMAT)
    assert refused(build(tmp_path, data)) == (
        "toy.deb: a tar header of the type 'x'; dpkg has none"
    )
    data = tar_of(lambda tar: add(tar, "./a", b"a", type=b"S"))
    assert refused(build(tmp_path, data)) == (
        "toy.deb: a tar header of the type 'S'; dpkg has none"
    )


def test_damage(tmp_path: Path) -> None:
    data = tar_of(lambda tar: add(tar, "./a", b"a" * 2000))
    assert refused(build(tmp_path, b"./b" + data[3:])) == (
        "toy.deb: a tar header with a wrong checksum"
    )
    assert refused(build(tmp_path, data[:1000])) == (
        "toy.deb: the tar archive in it ends too early"
    )
    path = tmp_path / "toy.deb"
    path.write_bytes(b"no .deb at all\n")
    message = refused(path)
    assert message.startswith(
        f"'dpkg-deb --fsys-tarfile {path}' returned exit status 2: dpkg-deb: error:"
    )
    with pytest.raises(Error) as caught:
        deb.read_fields(path)
    assert "returned exit status 2" in str(caught.value)


def test_one_path_twice(tmp_path: Path) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        add(tar, "./usr/a", b"a")
        add(tar, "usr/a", b"b")

    assert refused(build(tmp_path, tar_of(fill))) == (
        "toy.deb: 'usr/a' stands there twice"
    )


def test_a_hard_link_to_nothing(tmp_path: Path) -> None:
    data = tar_of(lambda tar: add(tar, "./a", type=tarfile.LNKTYPE, linkname="./b"))
    assert refused(build(tmp_path, data)) == (
        "toy.deb: the hard link 'a' points at nothing before it"
    )


def header(name: bytes, size: bytes, kind: bytes) -> bytes:
    """Return a tar header with this size field and a right checksum."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124 : 124 + len(size)] = size
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def test_sizes_that_are_not_believed(tmp_path: Path) -> None:
    """A size of many terabytes is neither allocated nor waited for."""
    huge = b"\x80" + b"\0" * 4 + b"\x7f" + b"\xff" * 6
    assert refused(build(tmp_path, header(b"././@LongLink", huge, b"L"))) == (
        "toy.deb: a name longer than 65536 bytes"
    )
    assert refused(build(tmp_path, header(b"a", huge, b"0") + b"x" * 512)) == (
        "toy.deb: the tar archive in it ends too early"
    )
    assert refused(build(tmp_path, header(b"a", b"12x", b"0"))) == (
        "toy.deb: a tar header with a number that is none"
    )
    path = build(tmp_path, header(b"a", huge, b"0"))
    with pytest.raises(Error) as caught:
        deb.read_contents(path, re.compile("a"))
    assert str(caught.value) == "toy.deb: 'a' is larger than 4194304 bytes"


def test_limits_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        for number in range(5):
            add(tar, f"./{number}", b"a" * 600)

    path = build(tmp_path, tar_of(fill))
    with monkeypatch.context() as patch:
        patch.setattr(deb, "ENTRY_LIMIT", 4)
        assert refused(path) == "toy.deb: more than 4 files and folders"
    with monkeypatch.context() as patch:
        patch.setattr(deb, "TOTAL_LIMIT", 4000)
        assert refused(path) == "toy.deb: it unpacks to more than 4000 bytes"
