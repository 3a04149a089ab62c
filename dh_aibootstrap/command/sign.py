# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""`aibootstrap sign`: who ran a training puts a name to its record."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import paragraph, record
from ..signature import is_signed, sign
from . import Commands


def add(commands: Commands) -> None:
    """Add the parser of `aibootstrap sign`."""
    parser = commands.add_parser("sign", help="clear-sign the record of a run with gpg")
    parser.add_argument("record", type=Path, metavar="RECORD")
    parser.add_argument(
        "--key", metavar="ID", help="the key to sign with (default: gpg's own choice)"
    )
    parser.set_defaults(function=_sign)


def _sign(options: argparse.Namespace) -> int:
    path: Path = options.record
    data = paragraph.load(path)
    if not is_signed(data):  # what is signed already, sign() itself refuses
        record.parse(data, path.name)
    fingerprint = sign(path, options.key)
    print(f"aibootstrap: {path.name} is signed with the key {fingerprint}")
    return 0
