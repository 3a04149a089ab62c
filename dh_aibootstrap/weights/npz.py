# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""NumPy's .npz: a zip archive of .npy files."""

from __future__ import annotations

import dataclasses
from typing import Iterator

from ..words import shown
from . import npy, zips
from .source import Source
from .tensor import MOST_TENSORS, Tensor
from .unpack import Budget
from .zips import Member


def looks_like(source: Source) -> bool:
    """Tell whether every member of a zip archive is named as an array."""
    if not zips.looks_like(source):
        return False
    found = zips.members(source)
    return bool(found) and all(member.name.endswith(".npy") for member in found)


def read(source: Source, budget: Budget | None = None) -> tuple[Tensor, ...]:
    """Return the arrays. Raises Error where one is in a folder or no plain array."""
    budget = budget or Budget()
    tensors: list[Tensor] = []
    found = zips.members(source)
    if len(found) > MOST_TENSORS:
        raise source.error(f"has more than {MOST_TENSORS} arrays")
    for member in found:
        if not member.name.endswith(".npy"):
            raise source.error(f"member {shown(member.name)} is no array")
        if "/" in member.name or "\\" in member.name:
            raise source.error(f"member {shown(member.name)} is in a folder")
        held = zips.content(source, member, budget)
        (tensor,) = npy.read(held, member.name[: -len(".npy")])
        if held.stream is not source.stream:
            tensor = _again(source, member, tensor)
        tensors.append(tensor)
    return tuple(tensors)


def _again(source: Source, member: Member, tensor: Tensor) -> Tensor:
    """Return the tensor such that it is unpacked when it is read: files are scarce."""

    def pieces() -> Iterator[bytes]:
        held = zips.content(source, member, Budget())
        yield from npy.read(held, tensor.name)[0].pieces()

    return dataclasses.replace(tensor, pieces=pieces)
