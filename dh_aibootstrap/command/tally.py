# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""`aibootstrap tally`: how many independent signers made the weights of a stamp."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Sequence

from .. import paragraph, record, tally
from .. import stamp as stamps
from ..digest import sha256_bytes, write_atomically
from ..errors import Error, UsageError
from ..layout import STAMP
from ..package import read_source
from ..signature import RefusedError, check
from . import Commands


def add(commands: Commands) -> None:
    """Add the parser of `aibootstrap tally`."""
    parser = commands.add_parser(
        "tally", help="count the signers whose records agree with a stamp"
    )
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD")
    parser.add_argument(
        "--keyring",
        action="append",
        required=True,
        type=Path,
        metavar="FILE",
        help="keys whose signatures count; may be given several times",
    )
    parser.add_argument(
        "--stamp",
        type=Path,
        metavar="FILE",
        help=f"the stamp that is asked about (default: {STAMP})",
    )
    parser.add_argument(
        "--version", help="of the source (default: what debian/changelog says)"
    )
    parser.add_argument(
        "--at-least",
        type=_count,
        default=2,
        metavar="K",
        help="how many signers must agree (default: 2)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    parser.set_defaults(function=_tally)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found '{text}'; write a number from 1 on")
    return int(text)


def _tally(options: argparse.Namespace) -> int:
    subject = _subject(options.stamp, options.version)
    papers = [_paper(path, options.keyring) for path in options.records]
    count = tally.tally(subject, papers, options.at_least)
    if options.json is not None:
        write_atomically(options.json, tally.to_json(count))
    print("\n".join(tally.to_lines(count)))
    return tally.STATUS[count.outcome]


def _subject(path: Path | None, version: str | None) -> tally.Subject:
    if path is not None and version is None:
        raise UsageError("--stamp needs --version: of which version are the records?")
    where = path or STAMP
    try:
        data = paragraph.load(where)
        stamp = stamps.from_bytes(data)
    except FileNotFoundError:
        text = "not found; run this at the top of a source, or give --stamp"
        raise UsageError(f"{where}: {text}") from None
    except ValueError as error:
        raise Error(f"{where}: {error}; this is no stamp") from None
    return tally.Subject(
        version=version or read_source(Path.cwd()).version,
        stamp=stamp,
        sha256=sha256_bytes(data),
    )


def _paper(path: Path, keyrings: Sequence[Path]) -> tally.Paper:
    """Return what is believed of one file: all of it, or nothing."""
    name, digest = _shown(path), sha256_bytes(paragraph.load(path))
    try:
        signed = check(path, keyrings)
    except RefusedError as error:
        return tally.Paper(name, digest, refused=_shown(error))
    try:
        found = record.parse(signed.text, path.name)
    except Error as error:
        return tally.Paper(
            name, digest, signed.fingerprint, signed.made, refused=_shown(error)
        )
    return tally.Paper(name, digest, signed.fingerprint, signed.made, found)


def _shown(text: object) -> str:
    """Return a path or a message that has one as any terminal takes it."""
    return paragraph.visible(os.fsencode(str(text)).decode("utf-8", "replace"))
