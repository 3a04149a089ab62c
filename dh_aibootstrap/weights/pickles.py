# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pickles, known by walking their instructions; none is ever carried out.

Whoever loads a pickle runs what it says, also when it breaks off afterwards. So a file
counts as one from the first instruction that calls something, not only at its end.
The stack is kept as a depth and marks: text that only looks like instructions soon
takes from an empty stack.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field

from .source import Source

MOST_STEPS = 400_000
_LONGEST_LINE = 1 << 24
_KEPT_LINE = 4096
_WINDOW = 1 << 16

# Instruction: the form of its argument, what it takes from the stack, what it leaves.
# Forms: a number of bytes; c1, c4, c8: counted by so many bytes; l: a line.
_PLAIN: dict[bytes, tuple[int | str, int, int]] = {
    b"F": ("l", 0, 1),
    b"I": ("l", 0, 1),
    b"J": (4, 0, 1),
    b"K": (1, 0, 1),
    b"L": ("l", 0, 1),
    b"M": (2, 0, 1),
    b"N": (0, 0, 1),
    b"P": ("l", 0, 1),
    b"Q": (0, 1, 1),
    b"S": ("l", 0, 1),
    b"T": ("c4", 0, 1),
    b"U": ("c1", 0, 1),
    b"V": ("l", 0, 1),
    b"X": ("c4", 0, 1),
    b"2": (0, 1, 2),
    b"}": (0, 0, 1),
    b"]": (0, 0, 1),
    b")": (0, 0, 1),
    b"G": (8, 0, 1),
    b"B": ("c4", 0, 1),
    b"C": ("c1", 0, 1),
    b"\x80": (1, 0, 0),
    b"\x82": (1, 0, 1),
    b"\x83": (2, 0, 1),
    b"\x84": (4, 0, 1),
    b"\x85": (0, 1, 1),
    b"\x86": (0, 2, 1),
    b"\x87": (0, 3, 1),
    b"\x88": (0, 0, 1),
    b"\x89": (0, 0, 1),
    b"\x8a": ("c1", 0, 1),
    b"\x8b": ("c4", 0, 1),
    b"\x8c": ("c1", 0, 1),
    b"\x8d": ("c8", 0, 1),
    b"\x8e": ("c8", 0, 1),
    b"\x8f": (0, 0, 1),
    b"\x95": (8, 0, 0),
    b"\x96": ("c8", 0, 1),
    b"\x97": (0, 0, 1),
    b"\x98": (0, 1, 1),
}
# These make a list, dictionary, set or tuple of all above the mark ...
_TO_MARK_NEW = b"dlt\x91"
# ... or add it to what is below the mark.
_TO_MARK_ADD = b"eu\x90"
# Imports by a number of copyreg(3).
_EXTENSIONS = (b"\x82", b"\x83", b"\x84")
# Calls: what they take from the stack and leave.
_CALLS = {b"R": (2, 1), b"b": (2, 1), b"\x81": (2, 1), b"\x92": (3, 1)}
# Additions: to a list, to a dictionary. Done to what was imported they are as good.
_ADDS = {b"a": (2, 1), b"s": (3, 1)}
_NAME = re.compile(rb"[\x80-\xff\w.]+")
# Whose names in a text of words would be chance: without them words are just words.
_KNOWN = sys.stdlib_module_names | {
    "__builtin__",
    "__main__",
    "copy_reg",
    "commands",
    "joblib",
    "keras",
    "numpy",
    "sklearn",
    "torch",
}


class _NoPickle(Exception):
    """The next bytes are no instruction that could be carried out."""


@dataclass
class _Walk:
    """A walk: where it is, and what the machine of a pickle would hold there."""

    source: Source
    at: int = 0
    depth: int = 0
    marks: list[int] = field(default_factory=list)
    memo: set[int] = field(default_factory=set)
    imported: bool = False
    known: bool = False
    called: bool = False
    _window: bytes = b""
    _window_at: int = 0

    def take(self, length: int) -> bytes:
        self.skip(length)
        start = self.at - length
        if (
            not self._window_at
            <= start
            <= self.at
            <= self._window_at + len(self._window)
        ):
            size = max(length, min(_WINDOW, self.source.size - start))
            self._window, self._window_at = self.source.read(start, size), start
        start -= self._window_at
        return self._window[start : start + length]

    def skip(self, length: int) -> None:
        if length < 0 or length > self.source.size - self.at:
            raise _NoPickle
        self.at += length

    def line(self) -> bytes:
        """Take a line; only its beginning is kept of a long one."""
        kept, length = b"", 0
        while length < _LONGEST_LINE:
            step = min(256 if not length else _WINDOW, self.source.size - self.at)
            piece = self.take(step)
            end = piece.find(b"\n")
            if end >= 0:
                self.at -= step - end - 1
                return (kept + piece[:end])[:_KEPT_LINE]
            if not step:
                raise _NoPickle
            kept, length = (kept + piece)[:_KEPT_LINE], length + step
        raise _NoPickle

    @property
    def held(self) -> int:
        """How much is above the last mark."""
        return self.depth - (self.marks[-1] if self.marks else 0)

    def change(self, taken: int, left: int) -> None:
        if self.held < taken:
            raise _NoPickle
        self.depth += left - taken

    def to_mark(self, left: int) -> None:
        if not self.marks:
            raise _NoPickle
        self.depth = self.marks.pop() + left


def looks_like(source: Source) -> bool:
    """Tell whether loading the file as a pickle would do anything."""
    first = source.head(2)
    headed = first[:1] == b"\x80" and first[1:] <= b"\5"
    walk = _Walk(source)
    try:
        for _ in range(MOST_STEPS):
            if _step(walk):
                # Without the header words may come to an end by chance.
                return headed or walk.called or walk.at == source.size
            if walk.called and (headed or walk.known):
                return True
    except _NoPickle:
        return False
    # So many instructions are no chance.
    return True


def _step(walk: _Walk) -> bool:
    """Pass over one instruction; tell whether it was the end."""
    code = walk.take(1)
    if code == b".":
        walk.change(1, 1)
        return True
    if code in _PLAIN:
        form, taken, left = _PLAIN[code]
        if isinstance(form, int):
            walk.skip(form)
        elif form == "l":
            _check_line(code, walk.line())
        else:
            width = int(form[1])
            walk.skip(int.from_bytes(walk.take(width), "little"))
        walk.change(taken, left)
        walk.imported |= code in _EXTENSIONS
    elif code in _CALLS or code in _ADDS:
        walk.change(*(_CALLS.get(code) or _ADDS[code]))
        walk.called |= code in _CALLS or walk.imported
    elif code == b"(":
        walk.marks.append(walk.depth)
    elif code in (b"c", b"i", b"\x93"):
        _import(walk, code)
    elif not _memoise(walk, code):
        _to_mark(walk, code)
    return False


def _to_mark(walk: _Walk, code: bytes) -> None:
    if code == b"0":
        if walk.marks and walk.marks[-1] == walk.depth:
            walk.marks.pop()
        else:
            walk.change(1, 0)
    elif code == b"1":
        walk.to_mark(0)
    elif code in _TO_MARK_NEW:
        walk.to_mark(1)
    elif code in _TO_MARK_ADD:
        walk.to_mark(0)
        walk.change(1, 1)
        walk.called |= walk.imported
    elif code == b"o":
        walk.change(1, 1)
        walk.to_mark(1)
        walk.called = True
    else:
        raise _NoPickle


def _import(walk: _Walk, code: bytes) -> None:
    if code == b"\x93":
        walk.change(2, 1)
    else:
        module, name = walk.line(), walk.line()
        if not _NAME.fullmatch(module) or not name or b" " in name:
            raise _NoPickle
        first = module.split(b".")[0].decode("utf-8", "replace")
        walk.known |= first in _KNOWN
        if code == b"c":
            walk.change(0, 1)
        else:
            walk.to_mark(1)
            walk.called = True
    walk.imported = True
    # Names that were pushed before are not looked at: who pushes them means it.
    walk.known |= code == b"\x93"


def _memoise(walk: _Walk, code: bytes) -> bool:
    """Pass over an instruction on the memo; tell whether it was one."""
    if code in (b"q", b"h", b"r", b"j"):
        key = int.from_bytes(walk.take(1 if code in (b"q", b"h") else 4), "little")
    elif code in (b"p", b"g"):
        key = _integer(walk.line())
    elif code == b"\x94":
        key = len(walk.memo)
    else:
        return False
    if code in (b"h", b"j", b"g"):
        if key not in walk.memo:
            raise _NoPickle
        walk.change(0, 1)
    else:
        walk.change(1, 1)
        walk.memo.add(key)
    return True


def _check_line(code: bytes, line: bytes) -> None:
    if len(line) >= _KEPT_LINE or code in (b"V", b"P"):
        return
    if code == b"S":
        quoted = line.rstrip()
        if len(quoted) < 2 or quoted[:1] not in (b"'", b'"'):
            raise _NoPickle
        if quoted[:1] != quoted[-1:]:
            raise _NoPickle
    elif code == b"F":
        try:
            float(line)
        except ValueError:
            raise _NoPickle from None
    else:
        _integer(line.rstrip(b"L") if code == b"L" else line)


def _integer(line: bytes) -> int:
    for base in (10, 0):
        try:
            # More digits than these no Python of today takes.
            return int(line[:4000], base)
        except ValueError:
            continue
    raise _NoPickle
