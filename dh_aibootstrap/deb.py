# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a .deb holds, read from dpkg-deb's pipe in bounded memory, unpacked nowhere.

The headers are those that dpkg unpacks (dpkg's tarfn.c): ustar and GNU tar's long
names, no pax headers. Nothing that a header says is allocated without a limit.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Iterator, Mapping

from debian.deb822 import Deb822

from .digest import CHUNK
from .errors import Error, MissingError
from .paragraph import SIZE_LIMIT
from .programs import describe, last_words
from .words import shown

FIELDS = ("Package", "Version", "Source", "Architecture")
BLOCK = 512
NAME_LIMIT = 1 << 16  # bytes of a long name
ENTRY_LIMIT = 1 << 20  # files and folders
TOTAL_LIMIT = 1 << 38  # bytes unpacked


@dataclass(frozen=True)
class Entry:
    """One path of a package; `sha256` is '' for what is no regular file."""

    path: str  # as in usr/share/doc
    sha256: str
    size: int
    link: str = ""  # where a symbolic link points


@dataclass(frozen=True)
class Contents:
    """The paths of a package, and the bytes of those small ones that were wanted."""

    entries: tuple[Entry, ...]
    kept: Mapping[str, bytes]


def read_fields(path: Path) -> dict[str, str]:
    """Return Package, Version, Source and Architecture of a .deb, as far as given."""
    with _Pipe(["dpkg-deb", "-f", str(path), *FIELDS]) as pipe:
        text = pipe.read(SIZE_LIMIT).decode("utf-8", "replace")
    return {str(name): str(value) for name, value in Deb822(text).items()}


def read_contents(path: Path, wanted: re.Pattern[str]) -> Contents:
    """Return what a .deb unpacks to; files whose path matches `wanted` are kept whole.

    Raises Error where it is damaged, names a path twice, or goes beyond a limit.
    """
    entries: dict[str, Entry] = {}
    kept: dict[str, bytes] = {}
    with _Pipe(["dpkg-deb", "--fsys-tarfile", str(path)]) as pipe:
        for header in _headers(pipe):
            if header.kind == "5":
                continue
            if header.path in entries:
                raise _broken(path, f"{shown(header.path)} stands there twice")
            entries[header.path] = _entry(header, pipe, entries, wanted, kept)
    return Contents(tuple(entries.values()), kept)


@dataclass(frozen=True)
class _Header:
    path: str
    kind: str  # the type flag
    size: int
    link: str


class _Pipe:
    """The output of dpkg-deb, counted; its failure is ours when the pipe is closed."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.path = Path(command[2])
        self.left = TOTAL_LIMIT
        self.errors: IO[bytes] = tempfile.TemporaryFile()

    def __enter__(self) -> _Pipe:
        try:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self.errors,
            )
        except FileNotFoundError:
            raise MissingError(f"{self.command[0]}: not installed") from None
        assert self.process.stdout is not None
        self.stream = self.process.stdout
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.process.kill()
        else:
            while self.read(CHUNK):
                pass
        self.stream.close()
        status = self.process.wait()
        self.errors.seek(0)
        said = self.errors.read(SIZE_LIMIT).decode("utf-8", "replace")
        self.errors.close()
        # A pipe that broke off is dpkg-deb's error, whatever it did to the headers.
        if status > 0 or (kind is None and status != 0):
            raise Error(f"{describe(self.command, status)}{last_words(said)}")

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, fewer only at the end."""
        data = self.stream.read(count)
        self.left -= len(data)
        if self.left < 0:
            raise _broken(self.path, f"it unpacks to more than {TOTAL_LIMIT} bytes")
        return data

    def exactly(self, count: int) -> bytes:
        """Return `count` bytes; `count` is small or was checked."""
        data = self.read(count)
        if len(data) != count:
            raise _broken(self.path, "the tar archive in it ends too early")
        return data


def _headers(pipe: _Pipe) -> Iterator[_Header]:
    """Yield each header; the caller has read the content before it asks for the next.

    The long names before a header (types L and K) belong to it.
    """
    long: dict[str, str] = {}
    for _ in range(ENTRY_LIMIT):
        block = pipe.exactly(BLOCK)
        if not any(block):
            return
        header = _parse(block, pipe.path)
        if header.kind in "LK":
            if header.size > NAME_LIMIT:
                raise _broken(pipe.path, f"a name longer than {NAME_LIMIT} bytes")
            data = pipe.exactly(_padded(header.size))[: header.size]
            long[header.kind] = _text(data)
            continue
        name = long.get("L", header.path).removeprefix("./").rstrip("/")
        yield _Header(name, header.kind, header.size, long.get("K", header.link))
        long = {}
    raise _broken(pipe.path, f"more than {ENTRY_LIMIT} files and folders")


def _parse(block: bytes, path: Path) -> _Header:
    # ustar: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1,
    # link name 100, magic 8, ..., prefix 155 from 345 (POSIX alone, not GNU).
    blanked = block[:148] + b" " * 8 + block[156:]
    if _number(block[148:156], path) != sum(blanked):
        raise _broken(path, "a tar header with a wrong checksum")
    kind = chr(block[156]) if block[156] else "0"
    if kind not in "01234567LK":
        raise _broken(path, f"a tar header of the type {shown(kind)}; dpkg has none")
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        name = f"{_text(block[345:500])}/{name}"
    size = _number(block[124:136], path) if kind in "07LK" else 0
    return _Header(name, kind, size, _text(block[157:257]))


def _number(field: bytes, path: Path) -> int:
    if field[0] & 0x80:  # GNU: base 256
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise _broken(path, "a tar header with a number that is none")
    return int(digits or b"0", 8)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return (size + BLOCK - 1) // BLOCK * BLOCK


def _entry(
    header: _Header,
    pipe: _Pipe,
    known: Mapping[str, Entry],
    wanted: re.Pattern[str],
    kept: dict[str, bytes],
) -> Entry:
    if header.kind == "1":
        target = known.get(header.link.removeprefix("./"))
        if target is None:
            text = f"the hard link {shown(header.path)} points at nothing before it"
            raise _broken(pipe.path, text)
        if target.path in kept:
            kept[header.path] = kept[target.path]
        return Entry(header.path, target.sha256, target.size, target.link)
    if header.kind not in "07":
        return Entry(header.path, "", 0, header.link if header.kind == "2" else "")
    keep = wanted.fullmatch(header.path) is not None
    if keep and header.size > SIZE_LIMIT:
        text = f"{shown(header.path)} is larger than {SIZE_LIMIT} bytes"
        raise _broken(pipe.path, text)
    digest, parts, left = hashlib.sha256(), [], header.size
    while left:
        data = pipe.exactly(min(left, CHUNK))
        digest.update(data)
        left -= len(data)
        if keep:
            parts.append(data)
    pipe.exactly(_padded(header.size) - header.size)
    if keep:
        kept[header.path] = b"".join(parts)
    return Entry(header.path, digest.hexdigest(), header.size)


def _broken(path: Path, text: str) -> Error:
    return Error(f"{path.name}: {text}")
