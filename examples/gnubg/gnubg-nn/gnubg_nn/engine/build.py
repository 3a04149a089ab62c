# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the engine and its bear-off databases from the source of gnubg.

    python3 -m gnubg_nn.engine.build --source DIR --out DIR

DIR/engine.so, one-sided.bd and two-sided.bd are put in place together once all three
are made. What is compiled is a copy: the source stays as it is, and its config.h, if
it was configured, never meets ours. The same compiler gives the same bytes anywhere.
CC names the compiler.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from ..command import path_option, run
from ..errors import NNError
from .library import LIBRARY, ONE_SIDED, TWO_SIDED, Engine

PROGRAM = "gnubg_nn.engine.build"
EXPECTED = "expected the source of gnubg 1.07.001"
WEIGHTS_VERSION = '#define WEIGHTS_VERSION "1.00"'

HERE = Path(__file__).resolve().parent
OUR_FILES = ("config.h", "engine.c", "makebearoff_stubs.c")
SHARED = ("bearoff.c", "bearoffgammon.c", "positionid.c")
ENGINE = (
    "engine.c",
    *SHARED,
    "lib/inputs.c",
    "lib/cache.c",
    "lib/md5.c",
    "lib/isaac.c",
)
MAKEBEAROFF = ("makebearoff.c", "makebearoff_stubs.c", "eval.c", *SHARED)

# Each sum in the order that the source gives it, on every processor.
CFLAGS = (
    *("-std=gnu11", "-O3", "-ffp-contract=off", "-fno-fast-math", "-fPIC"),
    *("-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"),
    *("-I.", "-Ilib"),
)
LDFLAGS = ("-Wl,--gc-sections", "-Wl,-z,defs")
# What a line of gcc's, clang's or ld's log says first; "collect2: error" says nothing.
_ERROR = re.compile(r"error:(?! (?:ld|linker)\b)|undefined |cannot find")
# As gnubg's own Makefile.am:286-292 calls it.
DATABASES = {ONE_SIDED: ("-o", "6"), TWO_SIDED: ("-t", "6x6")}


@dataclass(frozen=True)
class Compiler:
    """A C compiler and how it finds glib."""

    command: tuple[str, ...]
    cflags: tuple[str, ...]
    libs: tuple[str, ...]


def _glib(flag: str) -> tuple[str, ...]:
    missing = "pkg-config finds no glib-2.0: install libglib2.0-dev and pkg-config"
    try:
        asked = ["pkg-config", flag, "glib-2.0"]
        done = subprocess.run(asked, capture_output=True, text=True)
    except OSError:
        raise NNError(missing) from None
    if done.returncode:
        raise NNError(missing)
    return tuple(shlex.split(done.stdout))


def find_compiler(environment: Mapping[str, str]) -> Compiler:
    """Return the compiler that CC names, else cc; NNError where there is none."""
    text = environment.get("CC") or "cc"
    try:
        command = tuple(shlex.split(text))
    except ValueError:
        command = ()
    if not command or not shutil.which(command[0]):
        raise NNError(f"CC: {text}: no such compiler: install gcc, or set CC")
    return Compiler(command, _glib("--cflags"), _glib("--libs"))


def copy_sources(source: Path, folder: Path) -> None:
    """Copy what is compiled to `folder`, with our config.h instead of the source's.

    `#include "config.h"` looks beside the including file before any -I.
    """
    named = [name for name in ENGINE + MAKEBEAROFF if name not in OUR_FILES]
    for name in dict.fromkeys(["eval.c", "eval.h", *named]):
        if not (source / name).is_file():
            raise NNError(f"--source: {source}: no {name}: {EXPECTED}")
    header = (source / "eval.h").read_text(encoding="utf-8", errors="replace")
    if WEIGHTS_VERSION not in header.splitlines():
        what = f"no {WEIGHTS_VERSION!r}"
        raise NNError(f"--source: {source}: eval.h: {what}: {EXPECTED}")
    (folder / "lib").mkdir()
    found = [source / name for name in named]
    for part in (source, source / "lib"):
        headers = [*part.glob("*.h"), *part.glob("*.inc")]
        found += [path for path in headers if path.name != "config.h"]
    for path in found:
        shutil.copyfile(path, folder / path.relative_to(source))
    for name in OUR_FILES:
        shutil.copyfile(HERE / name, folder / name)


def _compile(command: Sequence[str], folder: Path, what: str) -> None:
    """Run the compiler in `folder`; NNError with its first error, its log on stderr."""
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode == 0:
        return
    print(shlex.join(command), file=sys.stderr)
    print(done.stderr, end="", file=sys.stderr)
    lines = done.stderr.splitlines()
    errors = [line for line in lines if _ERROR.search(line)]
    first = (errors or lines or [f"exit status {done.returncode}"])[0]
    raise NNError(f"{what}: cannot compile: {first}")


def _objects(compiler: Compiler, folder: Path, names: Sequence[str]) -> list[str]:
    """Compile what is not compiled yet; return the names of the object files."""
    objects = []
    for name in names:
        target = f"{name[:-2]}.o"
        if not (folder / target).exists():
            command = [*compiler.command, *CFLAGS, *compiler.cflags]
            _compile([*command, "-c", name, "-o", target], folder, name)
        objects.append(target)
    return objects


def link(
    compiler: Compiler, folder: Path, names: Sequence[str], out: str, *flags: str
) -> None:
    """Compile these sources in `folder` and link them into `out` there."""
    objects = _objects(compiler, folder, names)
    command = [*compiler.command, *flags, *LDFLAGS, "-o", out, *objects]
    _compile([*command, *compiler.libs, "-lm"], folder, out)


def compile_engine(compiler: Compiler, folder: Path) -> None:
    """Make LIBRARY in a folder that copy_sources filled."""
    link(compiler, folder, ENGINE, LIBRARY, "-shared")


def compile_makebearoff(compiler: Compiler, folder: Path) -> None:
    """Make gnubg's own makebearoff in a folder that copy_sources filled."""
    link(compiler, folder, MAKEBEAROFF, "makebearoff")


def make_database(folder: Path, name: str) -> None:
    """Let makebearoff make this database in `folder`, where its own files go too."""
    environment = {**os.environ, "LC_ALL": "C", "TMPDIR": "."}
    command = ["./makebearoff", *DATABASES[name], "-f", name]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        print(done.stderr, end="", file=sys.stderr)
        raise NNError(f"makebearoff: exit status {done.returncode}: no {name}")
    # It doesn't look whether what it writes arrives.
    found, expected = (folder / name).stat().st_size, expected_size(folder, name)
    if found != expected:
        what = f"{found} bytes: expected {expected}: is the disk full?"
        raise NNError(f"makebearoff: {name}: {what}")


def expected_size(folder: Path, name: str) -> int:
    """Return how many bytes this database has when nothing of it is missing.

    Both begin with 40 bytes of header. One-sided: 54264 entries (offset, and four
    bytes of which the first and third are lengths), then 16-bit numbers, the last
    entry's at the end (bearoff.c:1064-1123). Two-sided: 924 x 924 positions of 8 bytes.
    """
    if name == TWO_SIDED:
        return 40 + 924 * 924 * 8
    end = 40 + 54264 * 8
    with open(folder / name, "rb") as file:
        file.seek(end - 8)
        entry = file.read(8).ljust(8, b"\0")
    offset, length, _, gammon_length, _ = struct.unpack("<IBBBB", entry)
    return end + 2 * int(offset + length + gammon_length)


def build(source: Path, out: Path, environment: Mapping[str, str]) -> None:
    """Put the engine and both databases into `out`, all or nothing."""
    compiler = find_compiler(environment)
    made = (LIBRARY, *DATABASES)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=out) as name:
        folder = Path(name)
        copy_sources(source, folder)
        begin = time.monotonic()
        compile_engine(compiler, folder)
        compile_makebearoff(compiler, folder)
        print(f"compiled: {time.monotonic() - begin:.1f} s", flush=True)
        for database in DATABASES:
            begin = time.monotonic()
            make_database(folder, database)
            print(f"{database}: {time.monotonic() - begin:.1f} s", flush=True)
        # It loads, and reads its databases.
        Engine(folder)
        for file in made:
            os.replace(folder / file, out / file)


def _run(given: argparse.Namespace) -> None:
    build(given.source, given.out, os.environ)


def _options(parser: argparse.ArgumentParser) -> None:
    path_option(parser, "--source", "gnubg's source")
    path_option(parser, "--out", "folder of the engine")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return run(PROGRAM, _options, _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
