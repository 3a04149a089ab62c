# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of text, packed or not, their numbers and keys, and every mistake in them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Iterator, Protocol, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import NNError
from ..positions import Boards, Keys, boards_from_keys
from ..sanity import nest

# Upstream's largest file of positions has 75 million bytes.
MAX_BYTES = 1 << 29
MAX_LINE = 10_000
BLOCK = 1 << 20
# So many mistakes are told; at so many nothing more is read.
TOLD = 10
GIVE_UP = 1000

LETTERS = rb"[A-P]{20}"
# Python's %f and the %g of C++, nothing else that float() would take.
NUMBER = rb"[-+]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,3})?"

# Numbers of five decimals: two of them together are off by 1e-5 at most.
TOLERANCE = 1.5e-5

Faults = dict[int, str]


@dataclass(frozen=True)
class Block:
    """Whole lines of a file, and the number of the first."""

    start: int
    lines: list[bytes]


@dataclass
class Mistakes:
    """What is wrong in which line of which file, told together."""

    found: list[str] = field(default_factory=list)

    def extend(self, path: Path, faults: Faults) -> None:
        """Add what is wrong by line; raise NNError when there is no end of it."""
        self.found += [f"{path}:{line}: {faults[line]}" for line in sorted(faults)]
        if len(self.found) >= GIVE_UP:
            self._tell(f"and at least {len(self.found) - TOLD} more")

    def check(self) -> None:
        """Raise NNError with the first mistakes and the number of the others."""
        if self.found:
            self._tell(f"and {len(self.found) - TOLD} more")

    def _tell(self, rest: str) -> None:
        told = self.found[:TOLD]
        raise NNError("; ".join(told + [rest] * (len(self.found) > TOLD)))


def shown(word: bytes) -> str:
    """Return a word, or its beginning, as it may be printed anywhere."""
    return ascii(word[:40].decode("latin-1"))


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes:
        ...


def _unpacked(path: Path, file: IO[bytes]) -> _Stream:
    """Return the stream that the file's suffix promises."""
    if path.suffix == ".gz":
        return gzip.GzipFile(fileobj=file)
    if path.suffix == ".bz2":
        return bz2.BZ2File(file)
    if path.suffix == ".xz":
        return lzma.LZMAFile(file, format=lzma.FORMAT_XZ)
    return file


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Turn what reading a file may raise into NNError."""
    try:
        yield
    except EOFError:
        raise NNError(f"{path}: the archive ends early: truncated") from None
    except (OSError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise NNError(f"{path}: cannot read: {error.strerror}") from None
        raise NNError(f"{path}: damaged {path.suffix} archive: {error}") from None


def blocks(path: Path) -> Iterator[Block]:
    """Yield the lines of a file, plain or .gz, .bz2 or .xz, a megabyte at a time.

    Raises NNError for what cannot be read or unpacked, and for absurd sizes.
    """
    total, start, rest = 0, 1, b""
    with _errors(path):
        raw = open(path, "rb")
    with raw, _errors(path):
        stream = _unpacked(path, raw)
        while part := stream.read(BLOCK):
            total += len(part)
            if total > MAX_BYTES:
                raise NNError(f"{path}: more than {MAX_BYTES} bytes of text")
            lines = (rest + part).split(b"\n")
            rest = lines.pop()
            if len(rest) > MAX_LINE or max(map(len, lines), default=0) > MAX_LINE:
                lengths = [len(line) > MAX_LINE for line in [*lines, rest]]
                place = f"{path}:{start + lengths.index(True)}"
                raise NNError(f"{place}: a line of more than {MAX_LINE} bytes")
            yield Block(start, lines)
            start += len(lines)
    if rest:
        yield Block(start, [rest])


def _illegal(keys: Keys) -> Faults:
    """Return by row what is wrong with illegal keys, which are found by halves."""
    try:
        boards_from_keys(keys)
    except NNError as error:
        if len(keys) == 1:
            return {0: str(error).removeprefix("position 0: ")}
        half = len(keys) // 2
        late = {half + row: text for row, text in _illegal(keys[half:]).items()}
        return {**_illegal(keys[:half]), **late}
    return {}


def legal_boards(keys: Keys, lines: Sequence[int], faults: Faults) -> Boards:
    """Return the boards (n, 2, 25) of keys that stand in these lines.

    What is wrong with illegal keys goes to `faults`; their boards are empty.
    """
    try:
        return boards_from_keys(keys)
    except NNError:
        wrong = _illegal(keys)
    for row, what in wrong.items():
        faults.setdefault(lines[row], what)
    mended = keys.copy()
    mended[list(wrong)] = 0
    return boards_from_keys(mended)


def contradicting(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Tell of (n, 5) which are no probabilities of one game, rounding aside.

    What is not a number is none either.
    """
    win, gammon, backgammon, lose_gammon, lose_backgammon = values.T
    fine: npt.NDArray[np.bool_] = ((values >= 0) & (values <= 1)).all(axis=1)
    fine &= (gammon <= win + TOLERANCE) & (backgammon <= gammon + TOLERANCE)
    fine &= lose_gammon <= 1 - win + TOLERANCE
    fine &= lose_backgammon <= lose_gammon + TOLERANCE
    return ~fine


def probability_faults(
    values: npt.NDArray[np.float64], lines: Sequence[int], faults: Faults
) -> None:
    """Note by line what is wrong with probabilities (n, 5)."""
    for row in np.flatnonzero(contradicting(values)).tolist():
        numbers = values[row]
        outside = numbers[~((numbers >= 0) & (numbers <= 1))]
        if outside.size:
            what = f"{float(outside[0])}: expected a number from 0 to 1"
        else:
            told = " ".join(str(number) for number in numbers.tolist())
            what = f"probabilities contradict each other: {told}"
        faults.setdefault(lines[row], what)


def consistent(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return probabilities (n, 5) without the contradictions of rounding."""
    out: npt.NDArray[np.float32] = np.clip(values, 0, 1).astype(np.float32)
    nest(out)
    return out
