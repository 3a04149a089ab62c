# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHA-256 of files, folders and values; copies that hash; files replaced whole."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any, Collection, Iterator

CHUNK = 1 << 20


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_value(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON: sorted keys, ASCII, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256_bytes(text.encode("ascii"))


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a regular file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_tree(root: Path, without: Collection[str] = ()) -> str:
    """Return the SHA-256 over names, kinds, executable bits and contents below `root`.

    A file alone counts as a tree of one nameless file. Times, owners and the order
    of the directory entries do not enter, nor what is named in `without` at the top.
    Raises ValueError at anything that is neither a regular file, a folder nor a
    symbolic link.
    """
    lines = [_entry(root, root)] if not root.is_dir() else []
    lines += [_entry(root, path) for path in _walk(root, without)]
    return sha256_bytes("".join(lines).encode("utf-8", "surrogateescape"))


def _walk(root: Path, without: Collection[str]) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in without]
            files = [name for name in files if name not in without]
        folders.sort()
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted(files + links):
            yield Path(folder) / name


def _entry(root: Path, path: Path) -> str:
    name = json.dumps("" if path == root else str(path.relative_to(root)))
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link {json.dumps(os.readlink(path))} {name}\n"
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path}: neither a file, a folder nor a symbolic link")
    kind = "exec" if mode & stat.S_IXUSR else "file"
    return f"{kind} {sha256_file(path)} {name}\n"


def copy_hashing(source: Path, target: Path) -> str:
    """Copy a file's content beside `target`, rename it there, and return its SHA-256.

    The digest is that of the bytes written. On any error `target` is as before.
    """
    digest = hashlib.sha256()
    beside = _beside(target)
    try:
        with open(source, "rb") as reader, open(beside, "wb") as writer:
            while chunk := reader.read(CHUNK):
                digest.update(chunk)
                writer.write(chunk)
            _sync(writer.fileno())
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    return digest.hexdigest()


def write_atomically(target: Path, data: bytes) -> None:
    """Give `target` the content `data`, or on any error leave it as it was."""
    beside = _beside(target)
    try:
        with open(beside, "wb") as writer:
            writer.write(data)
            _sync(writer.fileno())
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.new")


def _sync(descriptor: int) -> None:
    # Without it a power cut after the rename may leave an empty file of that name.
    os.fsync(descriptor)
