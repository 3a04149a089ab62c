# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One folder in the place of another, such that a kill at any moment loses neither.

    where                         how                     killed in between
    nearly everywhere             renameat2(2) swaps      wholly the old or the new one
    the kernel cannot swap        two renames             .NAME.old is the old one
    overlayfs, NAME in a lower    a copy of the old one,  .NAME.kept is the old one
    layer (rename gives EXDEV)    removal, rename
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path

# renameat2(2): AT_FDCWD and RENAME_EXCHANGE, from <fcntl.h> and <linux/fs.h>.
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2

# EPERM: seccomp filters of containers that do not know the call.
_CANNOT_SWAP = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM)


def exchange_folders(fresh: Path, target: Path) -> None:
    """Put the folder `fresh` in the place of `target`; the old one goes.

    Both lie on one file system. Where it is not done in one step and ends in between,
    by an error or by a kill, the next settle_exchange brings the old one back.
    """
    settle_exchange(target)
    if not target.exists():
        os.rename(fresh, target)
        return
    code = _swap(fresh, target)
    if code == 0:
        shutil.rmtree(fresh)
        return
    if code not in (errno.EXDEV, *_CANNOT_SWAP):
        raise OSError(code, os.strerror(code), str(fresh), None, str(target))
    try:
        if code == errno.EXDEV:
            _by_copy(fresh, target)
        else:
            os.rename(target, _beside(target, "old"))
            os.rename(fresh, target)
    finally:
        settle_exchange(target)


def settle_exchange(target: Path) -> None:
    """Finish or undo an exchange_folders that did not end: `target` is whole then."""
    kept, old = _beside(target, "kept"), _beside(target, "old")
    if kept.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        os.rename(kept, target)
    if old.is_dir() and not target.exists():
        os.rename(old, target)
    for leftover in (old, _beside(target, "copy")):
        if leftover.is_dir():
            shutil.rmtree(leftover)


def _by_copy(fresh: Path, target: Path) -> None:
    kept = _beside(target, "kept")
    shutil.copytree(target, _beside(target, "copy"), symlinks=True)
    os.rename(_beside(target, "copy"), kept)
    shutil.rmtree(target)
    os.rename(fresh, target)
    os.rename(kept, _beside(target, "old"))


def _swap(one: Path, other: Path) -> int:
    """Swap two names; return 0, or the error number where that cannot be done."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return errno.ENOSYS
    names = os.fsencode(one), os.fsencode(other)
    status = libc.renameat2(
        _AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE)
    )
    return 0 if status == 0 else ctypes.get_errno()


def _beside(target: Path, ending: str) -> Path:
    return target.with_name(f".{target.name}.{ending}")
