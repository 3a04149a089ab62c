# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed streams, unpacked to files without a name, up to limits.

What came before an error is kept: a program that unpacks as it reads meets it too.
"""

from __future__ import annotations

import bz2
import lzma
import tempfile
import zlib
from dataclasses import dataclass
from typing import Protocol

from .source import STEP, Source

# In all for one file, and what is suspicious in one stream.
MOST_UNPACKED = 1 << 32
SUSPICIOUS_SIZE = 1 << 26
SUSPICIOUS_RATIO = 100
LZMA_MEMORY = 1 << 27
MOST_STREAMS = 1 << 16
FIRST_STEP = 1 << 14
_ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, MemoryError)


@dataclass
class Budget:
    """How many bytes may still be unpacked."""

    left: int = MOST_UNPACKED


@dataclass(frozen=True)
class Unpacked:
    """What came out, how much of the stream it took, and why it ended early if so."""

    source: Source
    used: int
    fault: str | None


class _Stream(Protocol):
    """A decompressor, told how much may come out at once."""

    @property
    def eof(self) -> bool:
        ...

    @property
    def unused_data(self) -> bytes:
        ...

    def push(self, data: bytes) -> bytes:
        ...

    @property
    def hungry(self) -> bool:
        ...


class _Zlib:
    """Deflate in one of its wrappings, which zlib tells apart by window bits."""

    def __init__(self, bits: int) -> None:
        self._stream = zlib.decompressobj(bits)
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    @property
    def hungry(self) -> bool:
        return not self._waiting

    def push(self, data: bytes) -> bytes:
        out = self._stream.decompress(self._waiting + data, STEP)
        self._waiting = self._stream.unconsumed_tail
        return out


class _Blocks:
    """bzip2, xz or lzma."""

    def __init__(self, stream: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._stream = stream

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    @property
    def hungry(self) -> bool:
        return self._stream.needs_input

    def push(self, data: bytes) -> bytes:
        return self._stream.decompress(data, STEP)


def _stream(kind: str) -> _Stream:
    if kind == "bzip2":
        return _Blocks(bz2.BZ2Decompressor())
    if kind in ("xz", "lzma"):
        form = lzma.FORMAT_XZ if kind == "xz" else lzma.FORMAT_ALONE
        return _Blocks(lzma.LZMADecompressor(form, memlimit=LZMA_MEMORY))
    return _Zlib({"gzip": 31, "zlib": 15, "deflate": -15}[kind])


def unpack(source: Source, kind: str, budget: Budget, most: int) -> Unpacked:
    """Unpack the streams of this kind that `source` begins with, `most` bytes at most.

    Raises Error where there is more, or so much that it is taken for a trap.
    """
    # Nobody else has a name for the file: it goes with the last reference to it.
    target = tempfile.TemporaryFile()
    size = used = 0
    fault: str | None = None
    try:
        for _ in range(MOST_STREAMS):
            stream, at, step = _stream(kind), used, FIRST_STEP
            while not stream.eof:
                piece = b""
                if stream.hungry:
                    piece = source.read(at, min(step, source.size - at))
                    at, step = at + len(piece), STEP
                out = stream.push(piece)
                if not piece and not out and stream.hungry and not stream.eof:
                    raise EOFError("it is truncated")
                size += len(out)
                _check_size(source, size, most)
                budget.left -= len(out)
                if budget.left < 0:
                    raise source.error(f"unpacks to more than {MOST_UNPACKED} bytes")
                target.write(out)
            used = at - len(stream.unused_data)
            if not _goes_on(source, kind, used):
                break
        else:
            raise source.error(f"has more than {MOST_STREAMS} streams, one by one")
    except _ERRORS as error:
        fault = str(error) or type(error).__name__
    target.flush()
    return Unpacked(Source(source.name, target, 0, size), used, fault)


def _check_size(source: Source, size: int, most: int) -> None:
    if size > most:
        raise source.error(f"unpacks to more than the {most} bytes that it should")
    if size > SUSPICIOUS_SIZE and size > SUSPICIOUS_RATIO * source.size:
        raise source.error(
            f"unpacks to more than {SUSPICIOUS_RATIO} times its {source.size} bytes"
        )


def _goes_on(source: Source, kind: str, used: int) -> bool:
    """Tell whether another stream follows, as gzip, bzip2 and xz allow."""
    begins = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0"}.get(kind)
    return begins is not None and (
        source.size - used >= len(begins) and source.read(used, len(begins)) == begins
    )
