# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zip archives of the strict kind: nothing before, between or after their members.

Programs differ on what an archive holds where the list at its end and the headers of
the members disagree, so both are read, and they must agree.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib
from dataclasses import dataclass
from typing import Iterator

from ..words import shown
from .source import Source
from .unpack import Budget, unpack

LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_END64, _LOCATOR = b"PK\6\6", b"PK\6\7"
_END_SIZE, _LOCATOR_SIZE, _END64_SIZE = 22, 20, 56
MOST_MEMBERS = 100_000
LONGEST_LIST = 1 << 23
_ENCRYPTED, _DESCRIPTOR = 1, 8
_STORED, _DEFLATED = 0, 8


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name, how it is packed, and where its bytes lie."""

    name: str
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    header: int
    offset: int
    mode: int


def looks_like(source: Source) -> bool:
    """Tell whether the file begins as a zip archive does."""
    return source.head(4) in (LOCAL, END)


def ends_like(source: Source) -> bool:
    """Tell whether a zip archive stands at the end of the file: unzip would find it."""
    tail = source.size - min(source.size, _END_SIZE + 0xFFFF)
    data = source.read(tail, source.size - tail)
    at = data.rfind(END)
    while at >= 0:
        if len(data) - at >= _END_SIZE:
            count, size = struct.unpack("<10xHI6x", data[at : at + _END_SIZE])
            start = tail + at - size
            # Of an archive with 64 bit sizes the list ends before two more records.
            before = data[max(at - _LOCATOR_SIZE, 0) : at]
            if size == 0xFFFFFFFF or before[:4] == _LOCATOR:
                return True
            if count and start >= 0 and source.read(start, 4) == CENTRAL:
                return True
        at = data.rfind(END, 0, at)
    return False


def members(source: Source) -> tuple[Member, ...]:
    """Return the members in their order. Raises Error where it is not exact."""
    count, size, start, end = _end_of_list(source)
    if count > MOST_MEMBERS or size > LONGEST_LIST:
        raise source.error(
            f"says that it has {count} members in a list of {size} bytes;"
            f" at most {MOST_MEMBERS} and {LONGEST_LIST} may be"
        )
    if start + size != end:
        raise source.error("is a zip archive with bytes before it or in it, unlisted")
    listed = list(_listed(source, source.read(start, size)))
    if len(listed) != count:
        raise source.error(f"lists {len(listed)} members and says {count}")
    if len({member.name for member in listed}) != count:
        raise source.error("has two members of the same name")
    at, found = 0, []
    for member in sorted(listed, key=lambda member: member.header):
        if member.header != at:
            what = "overlaps" if member.header < at else "has unlisted bytes before"
            raise source.error(f"member {shown(member.name)} {what} another")
        found.append(_located(source, member))
        at = found[-1].offset + member.packed
        at += _descriptor(source, member, at, start)
    if at != start:
        raise source.error("is a zip archive with bytes before its list, unlisted")
    return tuple(found)


def content(source: Source, member: Member, budget: Budget) -> Source:
    """Return what a member holds, unpacked. Raises Error where it is not as said."""
    part = source.part(member.name, member.offset, member.packed)
    if member.flags & _ENCRYPTED:
        raise part.error("is encrypted: nobody can look into it")
    if member.method == _STORED:
        if member.packed != member.size:
            raise part.error(f"has {member.packed} bytes, listed are {member.size}")
        held = part
    elif member.method == _DEFLATED:
        unpacked = unpack(part, "deflate", budget, member.size)
        if unpacked.fault is not None:
            raise part.error(f"cannot be unpacked: {unpacked.fault}")
        if unpacked.used != part.size or unpacked.source.size != member.size:
            raise part.error("unpacks to another size than the one that is listed")
        held = unpacked.source
    else:
        raise part.error(f"is packed by the method {member.method}, which is not read")
    crc = 0
    for piece in held.pieces(0, held.size):
        crc = zlib.crc32(piece, crc)
    if crc != member.crc:
        raise part.error("is damaged: its checksum is not the listed one")
    return held


def _end_of_list(source: Source) -> tuple[int, int, int, int]:
    """Return the number of members, the size and start of the list, and its end."""
    at = source.size - _END_SIZE
    record = source.read(at, _END_SIZE) if at >= 0 else b""
    if record[:4] != END:
        raise source.error("is a zip archive that does not end with its own end record")
    disks, count, size, start, comment = struct.unpack("<4xI2xHIIH", record)
    if comment or disks:
        raise source.error("is a zip archive with a comment or in several parts")
    if at < _LOCATOR_SIZE or source.read(at - _LOCATOR_SIZE, 4) != _LOCATOR:
        return count, size, start, at
    where = struct.unpack("<8xQ4x", source.read(at - _LOCATOR_SIZE, _LOCATOR_SIZE))[0]
    end = at - _LOCATOR_SIZE - _END64_SIZE
    record = source.read(where, _END64_SIZE) if where == end else b""
    if record[:4] != _END64:
        raise source.error("is a zip archive whose 64 bit end record is elsewhere")
    count64, size64, start64 = struct.unpack("<32xQQQ", record)
    # Readers differ on which record they believe.
    for old, new, most in ((count, count64, 0xFFFF), (size, size64, 0xFFFFFFFF)):
        if old not in (new, most):
            raise source.error("is a zip archive with two end records that differ")
    if start not in (start64, 0xFFFFFFFF):
        raise source.error("is a zip archive with two end records that differ")
    return count64, size64, start64, end


def _listed(source: Source, data: bytes) -> Iterator[Member]:
    at = 0
    while at < len(data):
        if len(data) - at < 46 or data[at : at + 4] != CENTRAL:
            raise source.error(f"has no member where its list goes on, at {at}")
        (
            flags,
            method,
            crc,
            packed,
            size,
            names,
            extras,
            comment,
            outer,
            header,
        ) = struct.unpack("<8xHH4xIIIHHH4xII", data[at : at + 46])
        at += 46
        name = data[at : at + names].decode("utf-8", "surrogateescape")
        extra = data[at + names : at + names + extras]
        at += names + extras + comment
        if at > len(data) or "\0" in name or not name:
            raise source.error("has a member whose name cannot be read")
        wide = _wide(extra)
        values = []
        for value in (size, packed, header):
            if value == 0xFFFFFFFF:
                if not wide:
                    raise source.error(f"member {shown(name)} lacks its 64 bit size")
                value = wide.pop(0)
            values.append(value)
        size, packed, header = values
        yield Member(name, method, flags, crc, packed, size, header, 0, outer >> 16)


def _wide(extra: bytes) -> list[int]:
    """Return the numbers of the extra field with 64 bit sizes, none without it."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack("<HH", extra[at : at + 4])
        if kind == 1:
            whole = extra[at + 4 : at + 4 + length]
            return list(
                struct.unpack(f"<{len(whole) // 8}Q", whole[: len(whole) // 8 * 8])
            )
        at += 4 + length
    return []


def _located(source: Source, member: Member) -> Member:
    record = source.read(member.header, 30)
    flags, method, crc, packed, size, names, extras = struct.unpack(
        "<6xHH4xIIIHH", record
    )
    name = source.read(member.header + 30, names)
    if record[:4] != LOCAL or (flags, method) != (member.flags, member.method):
        raise source.error(
            f"member {shown(member.name)} has another header than listed"
        )
    if name.decode("utf-8", "surrogateescape") != member.name:
        raise source.error(
            f"member {shown(member.name)} has another name in its header"
        )
    # What came in one go has its sizes behind it, with 0 here; 64 bits do not fit here.
    later = {0} if flags & _DESCRIPTOR else set()
    if (
        crc not in {member.crc} | later
        or packed not in {member.packed, 0xFFFFFFFF} | later
        or size not in {member.size, 0xFFFFFFFF} | later
    ):
        raise source.error(f"member {shown(member.name)} has other sizes in its header")
    offset = member.header + 30 + names + extras
    return dataclasses.replace(member, offset=offset)


def _descriptor(source: Source, member: Member, at: int, end: int) -> int:
    """Return the length of the record behind a member that was written in one go."""
    if not member.flags & _DESCRIPTOR:
        return 0
    # Its magic may lack, and its sizes have 32 or 64 bits.
    for magic in (b"PK\7\x08", b""):
        for form in ("<III", "<IQQ"):
            try:
                wanted = magic + struct.pack(
                    form, member.crc, member.packed, member.size
                )
            except struct.error:
                continue
            if len(wanted) <= end - at and source.read(at, len(wanted)) == wanted:
                return len(wanted)
    raise source.error(f"member {shown(member.name)} has no record behind it")
