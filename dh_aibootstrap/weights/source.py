# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of a file that nobody vouches for, read in pieces that we choose."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Iterator

from ..errors import Error
from ..words import shown

# What is read at once at most, whatever a file says of its own lengths.
STEP = 1 << 18
AT_ONCE = 1 << 23


@dataclass(frozen=True)
class Source:
    """A file, or a part of one; reads outside of it are an Error that names it."""

    name: str
    stream: IO[bytes]
    start: int
    size: int

    def error(self, text: str) -> Error:
        """Return the exception that says what is wrong with this file."""
        return Error(f"{self.name}: {text}")

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly these bytes."""
        if length > AT_ONCE:
            raise self.error(f"{length} bytes are in one piece, at most {AT_ONCE} may")
        if not 0 <= offset <= offset + length <= self.size:
            raise self.error(
                f"is truncated: {length} bytes at {offset} are to be read,"
                f" and it has {self.size}"
            )
        data, at = b"", self.start + offset
        while len(data) < length:
            piece = os.pread(self.stream.fileno(), length - len(data), at + len(data))
            if not piece:
                raise self.error("became shorter while it was read")
            data += piece
        return data

    def head(self, length: int) -> bytes:
        """Return the first `length` bytes, or fewer where there are fewer."""
        return self.read(0, min(length, self.size))

    def pieces(self, offset: int, length: int, step: int = STEP) -> Iterator[bytes]:
        """Yield these bytes, `step` at a time."""
        end = offset + length
        while offset < end:
            yield self.read(offset, min(step, end - offset))
            offset += step

    def part(self, name: str, offset: int, size: int) -> Source:
        """Return a part as a source of its own, named after the whole."""
        if not 0 <= offset <= offset + size <= self.size:
            raise self.error(f"is truncated: {name} would end at {offset + size}")
        return Source(
            f"{self.name}: {shown(name)[1:-1]}", self.stream, self.start + offset, size
        )


def open_source(path: Path, name: str, follow: bool) -> Source:
    """Open a regular file. A symbolic link is followed only where `follow` says so."""
    try:
        # Without O_NONBLOCK opening a pipe waits for ever.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(path, flags | (0 if follow else os.O_NOFOLLOW))
    except OSError as error:
        if not follow and path.is_symlink():
            raise Error(f"{name}: is a symbolic link; make it a file") from None
        raise Error(f"{name}: cannot be read: {error.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Error(f"{name}: is not a regular file")
    return Source(name, open(descriptor, "rb", buffering=0), 0, status.st_size)
