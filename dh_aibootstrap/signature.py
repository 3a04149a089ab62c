# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clear-signed files: made with gpg, checked with gpgv against keyrings that are given.

gpgv exits with 0 for keys that were revoked or have expired, and says nothing of text
around the signed block. So its exit status decides nothing here: every line of
--status-fd must be one that a plain good signature has, the file must be the signed
block and nothing else, and the text that is used is the one that gpgv checked.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from . import paragraph
from .digest import write_atomically
from .errors import Error, MissingError, UsageError
from .programs import Finished, last_words, run

BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
MIDDLE = b"-----BEGIN PGP SIGNATURE-----"
END = b"-----END PGP SIGNATURE-----"
MEND = "take the file as its signer made it"

# RFC 4880, section 9.4: SHA-256, SHA-384 and SHA-512 are good enough.
_STRONG = {"8", "9", "10"}
_WEAK_NAMES = {"1": "MD5", "2": "SHA-1", "3": "RIPEMD-160", "11": "SHA-224"}
# Section 9.1: DSA keys are 1024 bits long, or of a time when such were.
_DSA = "17"
_TEXT_SIGNATURE = "01"

# doc/DETAILS of GnuPG: what comes with one good signature, and says nothing more.
_HARMLESS = {
    "KEY_CONSIDERED",
    "NOTATION_DATA",
    "NOTATION_FLAGS",
    "NOTATION_NAME",
    "PLAINTEXT",
    "PLAINTEXT_LENGTH",
    "POLICY_URL",
    "SIG_ID",
    "VERIFICATION_COMPLIANCE_MODE",
}
_REASONS = {
    "BADSIG": "was changed after it was signed",
    "EXPSIG": "has a signature that has expired",
    "EXPKEYSIG": "is signed by a key that has expired",
    "KEYEXPIRED": "is signed by a key that has expired",
    "REVKEYSIG": "is signed by a key that was revoked",
    "KEYREVOKED": "is signed by a key that was revoked",
    "NO_PUBKEY": "is signed by a key that is in none of the keyrings",
}


class RefusedError(Error):
    """A file is not signed as it should be, and nothing in it is believed."""


@dataclass(frozen=True)
class Signed:
    """A text and who signed it."""

    text: bytes
    fingerprint: str  # of the primary key
    made: int  # when, as the signature says; seconds since the epoch


def check(path: Path, keyrings: Sequence[Path]) -> Signed:
    """Return the signed text of `path`, and who of the keyrings' keys signed it.

    Raises RefusedError where that is not all that the file is; UsageError for a
    keyring that cannot be used; MissingError where gpgv is not installed.
    """
    for keyring in keyrings:
        _check_keyring(keyring)
    data = paragraph.load(path)
    text = extract(data, path.name)
    with tempfile.TemporaryDirectory(prefix="aibootstrap-") as home:
        # What is checked is what was read, whatever becomes of the file meanwhile.
        file, out = Path(home, "signed"), Path(home, "text")
        file.write_bytes(data)
        command = ["gpgv", "--homedir", home, "--status-fd", "1", "--output", str(out)]
        for keyring in keyrings:
            command += ["--keyring", str(keyring.resolve())]
        done = _run([*command, str(file)], home)
        fingerprint, made = _judge(done, path.name)
        checked = out.read_bytes() if out.is_file() else b""
    if checked != text:
        raise RefusedError(f"{path.name}: gpgv checked another text than it shows")
    return Signed(text, fingerprint, made)


def _check_keyring(keyring: Path) -> None:
    try:
        with open(keyring, "rb") as stream:
            head = stream.read(10)
    except OSError as error:
        raise UsageError(f"{keyring}: {error.strerror}; give a keyring") from None
    if head == b"-----BEGIN":
        raise UsageError(
            f"{keyring}: is in ASCII armour, which gpgv does not read; make a keyring"
            " of it with 'gpg --dearmor'"
        )


def is_signed(data: bytes) -> bool:
    """Tell whether some line of a file begins a signed message or a signature."""
    return any(line.startswith(b"-----BEGIN PGP") for line in data.split(b"\n"))


def extract(data: bytes, name: str) -> bytes:
    """Return the text of a file that is one clear-signed message and nothing else.

    Nothing is checked yet but the form (RFC 4880, section 7). Raises RefusedError.
    """
    if len(data) > paragraph.SIZE_LIMIT:
        raise RefusedError(f"{name}: larger than {paragraph.SIZE_LIMIT} bytes")
    lines = data.split(b"\n")
    if BEGIN not in lines:
        raise RefusedError(
            f"{name}: is not signed; its maker can, with 'aibootstrap sign'"
        )
    if lines[0] != BEGIN:
        raise _fault(name, 1, "text before the signed message")
    number = 1
    while re.fullmatch(rb"Hash: [A-Z0-9, -]+", b"".join(lines[number : number + 1])):
        number += 1
    if lines[number : number + 1] != [b""]:
        raise _fault(name, number + 1, "neither 'Hash:' nor an empty line")
    text: list[bytes] = []
    for number, line in enumerate(lines[number + 1 :], number + 2):
        if line == MIDDLE:
            _check_armour(lines, number, name)
            return b"\n".join([*text, b""])
        if line.rstrip(b" \t\r") != line:
            # These are no part of what is signed (section 7.1).
            raise _fault(name, number, "blanks at the end, which no signature covers")
        if line.startswith(b"-") and not line.startswith(b"- "):
            raise _fault(name, number, "'-' at the start, which signing would escape")
        text.append(line.removeprefix(b"- "))
    raise _fault(name, len(lines), "the file ends, and there was no signature")


def _check_armour(lines: list[bytes], start: int, name: str) -> None:
    """Raise RefusedError unless lines from `start` are the armour of one signature."""
    for number, line in enumerate(lines[start:], start + 1):
        if line == END:
            if lines[number:] != [b""]:
                raise _fault(name, number + 1, "text after the signature")
            return
        if not re.fullmatch(rb"[A-Za-z0-9+/=]*|(Version|Comment): [ -~]*", line):
            raise _fault(name, number, "no part of a signature")
    raise _fault(name, len(lines), "the file ends within the signature")


def _fault(name: str, number: int, found: str) -> RefusedError:
    return RefusedError(f"{name}: line {number}: {found}; {MEND}")


def _run(command: list[str], home: str) -> Finished:
    try:
        return run(command, extra={"GNUPGHOME": home})
    except MissingError:
        raise MissingError("gpgv: not installed; install the package gpgv") from None


def _judge(done: Finished, name: str) -> tuple[str, int]:
    """Return fingerprint and time where gpgv reports one good signature, no more."""
    found: dict[str, list[list[str]]] = {}
    for line in done.output.splitlines():
        if line.startswith("[GNUPG:] "):
            keyword, *words = line.split(" ")[1:]
            found.setdefault(keyword, []).append(words)
    if len(found.get("NEWSIG", [])) > 1 or len(found.get("VALIDSIG", [])) > 1:
        raise RefusedError(f"{name}: has more than one signature; {MEND}")
    for keyword, reason in _REASONS.items():
        if keyword in found:
            key = f" ({found[keyword][0][0]})" if keyword == "NO_PUBKEY" else ""
            raise RefusedError(f"{name}: {reason}{key}")
    expected = {"NEWSIG", "GOODSIG", "VALIDSIG"}
    if not expected <= set(found) <= expected | _HARMLESS or not done.ok:
        said = last_words(done.errors)
        raise RefusedError(f"{name}: gpgv finds no good signature{said}")
    valid = found["VALIDSIG"][0]
    if valid[7] not in _STRONG:
        weak = _WEAK_NAMES.get(valid[7], f"digest algorithm {valid[7]}")
        raise RefusedError(f"{name}: is signed with {weak}, which is too weak")
    if valid[6] == _DSA:
        raise RefusedError(f"{name}: is signed with a DSA key, which is too weak")
    if valid[8] != _TEXT_SIGNATURE:
        raise RefusedError(f"{name}: its signature is not one of a text")
    return valid[9], int(valid[2])


def sign(path: Path, key: str | None) -> str:
    """Clear-sign `path` in its place with gpg; return the fingerprint of the key.

    `key` is what gpg takes for --local-user. On any error the file is as before.
    """
    path = path.resolve()
    data = paragraph.load(path)
    if is_signed(data):
        raise Error(f"{path.name}: is signed already; nobody can sign it again")
    with tempfile.TemporaryDirectory(prefix="aibootstrap-") as folder:
        file, out = Path(folder, "text"), Path(folder, "signed")
        file.write_bytes(data)
        command = ["gpg", "--status-fd", "1", "--clearsign", "--output", str(out)]
        command += [] if key is None else [f"--local-user={key}"]
        try:
            done = run([*command, str(file)], extra=_terminal())
        except MissingError:
            text = "gpg: not installed; install the package gnupg"
            raise MissingError(text) from None
        if not done.ok:
            raise Error(f"{path.name}: gpg did not sign it{last_words(done.errors)}")
        signed = out.read_bytes()
    fingerprint = _signer(done, path.name)
    if extract(signed, path.name) != data:
        raise Error(f"{path.name}: gpg signed another text than this; nothing is kept")
    write_atomically(path, signed)
    return fingerprint


def _terminal() -> dict[str, str]:
    """Return where gpg-agent may ask for a passphrase, as debsign(1) tells it."""
    if "GPG_TTY" in os.environ or not sys.stdin or not sys.stdin.isatty():
        return {}
    return {"GPG_TTY": os.ttyname(sys.stdin.fileno())}


def _signer(done: Finished, name: str) -> str:
    match = re.search(
        r"^\[GNUPG:\] SIG_CREATED C [0-9]+ ([0-9]+) 01 [0-9]+ ([0-9A-F]{40,64})$",
        done.output,
        re.MULTILINE,
    )
    if not match:
        raise Error(f"{name}: gpg does not say that it signed; nothing is kept")
    if match[1] not in _STRONG:
        weak = _WEAK_NAMES.get(match[1], f"digest algorithm {match[1]}")
        raise Error(
            f"{name}: gpg signs with {weak}, which is too weak; look at digest-algo in"
            " gpg.conf; nothing is kept"
        )
    return match[2]
