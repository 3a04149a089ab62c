# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing and checking with the real gpg and gpgv: one good signature, or nothing."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest
from support.packages import snapshot
from support.signers import Signers, throw_away_signers
from support.tree import Tree

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap import signature  # noqa: E402
from dh_aibootstrap.errors import Error, UsageError  # noqa: E402
from test_record import RECORD, record  # noqa: E402

TEXT = record.to_bytes(RECORD)
NAME = "words_2.0-3_amd64.bootstrapinfo"
MEND = "; take the file as its signer made it"


@pytest.fixture(scope="module")
def signers() -> Iterator[Signers]:
    """Some signers: of good keys, and of keys that nobody should take."""
    for signers in throw_away_signers():
        signers.add("anna")
        signers.add("berta")
        signers.add("with-rsa", algorithm="rsa2048")
        signers.add("with-dsa", algorithm="dsa2048")
        past = ("--faked-system-time", "20200101T000000")
        signers.add("expired", *past, expires="20200301T000000")
        signers.add("early", *past)
        signers.add("revoked")
        yield signers


@pytest.fixture
def keyring(signers: Signers, tmp_path: Path) -> Path:
    """The public keys of all signers but berta."""
    names = [name for name in signers.fingerprints if name != "berta"]
    return signers.keyring(tmp_path / "keys.gpg", *names)


@pytest.fixture
def signed(signers: Signers) -> bytes:
    """A record that anna signed."""
    return signers.sign(TEXT, "anna")


def refused(path: Path, *keyrings: Path) -> str:
    """Return why a file is refused; it is left as it was, and so is all beside it."""
    before = snapshot(path.parent)
    with pytest.raises(signature.RefusedError) as caught:
        signature.check(path, keyrings)
    assert caught.value.status == 1
    assert snapshot(path.parent) == before
    return str(caught.value)


@pytest.mark.parametrize("name", ["anna", "with-rsa", "early"])
def test_good_signature(
    name: str, signers: Signers, keyring: Path, tmp_path: Path
) -> None:
    """The text that was signed, by whom, and when."""
    path = tmp_path / NAME
    path.write_bytes(signers.sign(TEXT, name, options=("--digest-algo", "SHA512")))
    found = signature.check(path, [keyring])
    assert (found.text, found.fingerprint) == (TEXT, signers.fingerprints[name])
    assert abs(found.made - path.stat().st_mtime) < 60


def test_one_of_several_keyrings(
    signers: Signers, signed: bytes, tmp_path: Path
) -> None:
    """The key may lie in any of them."""
    path = tmp_path / NAME
    path.write_bytes(signed)
    with_berta = signers.keyring(tmp_path / "berta.gpg", "berta")
    with_anna = signers.keyring(tmp_path / "anna.gpg", "anna")
    for rings in ([with_berta, with_anna], [with_anna, with_berta]):
        assert signature.check(path, rings).text == TEXT


def test_signature_by_a_subkey_is_that_of_its_key(
    signers: Signers, tmp_path: Path
) -> None:
    """A signer with two subkeys is one signer: the primary key tells."""
    primary = signers.add("with-subkey")
    signers.gpg("--quick-add-key", primary, "ed25519", "sign", "never")
    path = tmp_path / NAME
    path.write_bytes(signers.sign(TEXT, "with-subkey"))  # gpg takes the subkey
    keyring = signers.keyring(tmp_path / "keys.gpg", "with-subkey")
    assert signature.check(path, [keyring]).fingerprint == primary
    done = signers.gpg("--status-fd", "1", "--verify", str(path)).decode()
    assert f"VALIDSIG {primary} " not in done


def test_dashes_are_taken_back(signers: Signers, keyring: Path, tmp_path: Path) -> None:
    """What signing escapes is the text again; a line of dashes ends nothing."""
    text = b"-----BEGIN PGP SIGNATURE-----\n- a\nFrom: b\n"
    path = tmp_path / NAME
    path.write_bytes(signers.sign(text, "anna"))
    assert b"\n- -----BEGIN PGP SIGNATURE-----\n- - a\n" in path.read_bytes()
    assert signature.check(path, [keyring]).text == text


def line_of(data: bytes, text: bytes) -> int:
    """Return the number of the line that begins with `text`."""
    lines = data.split(b"\n")
    return next(n for n, line in enumerate(lines, 1) if line.startswith(text))


BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----\n"
ATTACKS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "edited": (
        lambda d: d.replace(b"Accepted: no", b"Accepted: yes"),
        "was changed after it was signed",
    ),
    "a field before": (
        lambda d: b"Accepted: yes\n\n" + d,
        f"line 1: text before the signed message{MEND}",
    ),
    "a blank line before": (
        lambda d: b"\n" + d,
        f"line 1: text before the signed message{MEND}",
    ),
    "a field behind": (
        lambda d: d + b"Accepted: yes\n",
        f"line {{after}}: text after the signature{MEND}",
    ),
    "a blank line behind": (
        lambda d: d + b"\n",
        f"line {{after}}: text after the signature{MEND}",
    ),
    "two messages": (
        lambda d: d + d,
        f"line {{after}}: text after the signature{MEND}",
    ),
    "a message in the message": (
        lambda d: BEGIN + b"Hash: SHA512\n\nA: 1\n" + d,
        f"line 5: '-' at the start, which signing would escape{MEND}",
    ),
    "a field in the head": (
        lambda d: d.replace(b"Hash: SHA512\n", b"Hash: SHA512\nAccepted: yes\n"),
        f"line 3: neither 'Hash:' nor an empty line{MEND}",
    ),
    "a comment in the head": (
        lambda d: d.replace(b"Hash: SHA512\n", b"Hash: SHA512\nComment: a\n"),
        f"line 3: neither 'Hash:' nor an empty line{MEND}",
    ),
    "a blank in the head": (
        lambda d: d.replace(b"Hash: SHA512\n\n", b"Hash: SHA512\n \n"),
        f"line 3: neither 'Hash:' nor an empty line{MEND}",
    ),
    "a text in the armour": (
        lambda d: d.replace(b"-----END", b"Accepted: yes\n-----END"),
        f"line {{end}}: no part of a signature{MEND}",
    ),
    "blanks that nobody signed": (
        lambda d: d.replace(b"Accepted: no\n", b"Accepted: no \n"),
        f"line {{accepted}}: blanks at the end, which no signature covers{MEND}",
    ),
    "other ends of lines": (
        lambda d: d.replace(b"Accepted: no\n", b"Accepted: no\r\n"),
        f"line {{accepted}}: blanks at the end, which no signature covers{MEND}",
    ),
    "no signature": (
        lambda d: d[: d.index(b"-----BEGIN PGP SIGNATURE")],
        f"line {{start}}: the file ends, and there was no signature{MEND}",
    ),
    "half a signature": (
        lambda d: d[: d.index(b"-----END")],
        f"line {{end}}: the file ends within the signature{MEND}",
    ),
    "no message": (
        lambda d: TEXT,
        "is not signed; its maker can, with 'aibootstrap sign'",
    ),
    "nothing": (lambda d: b"", "is not signed; its maker can, with 'aibootstrap sign'"),
    "too much": (lambda d: d + b"\n" * (1 << 22), "larger than 4194304 bytes"),
    "another's signature": (
        lambda d: d.replace(b"Source: words", b"Source: swords"),
        "was changed after it was signed",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_file_that_is_not_the_signed_message(
    attack: str, signers: Signers, keyring: Path, tmp_path: Path
) -> None:
    """Text before, behind and within: the file is the signed block, or is refused."""
    data = signers.sign(TEXT, "anna", options=("--digest-algo", "SHA512"))
    change, reason = ATTACKS[attack]
    path = tmp_path / NAME
    path.write_bytes(change(data))
    assert path.read_bytes() != data
    start = line_of(data, b"-----BEGIN PGP SIGNATURE")
    end = line_of(data, b"-----END")
    accepted = line_of(data, b"Accepted")
    wanted = reason.format(after=end + 1, end=end, accepted=accepted, start=start)
    glue = ": " if wanted.startswith(("line", "larger", "is not", "was")) else " "
    assert refused(path, keyring) == f"{NAME}{glue}{wanted}"


def test_every_cut_and_every_flip_is_refused(
    signed: bytes, keyring: Path, tmp_path: Path
) -> None:
    """Whatever is left of a file, or becomes of a letter: refused, and no traceback."""
    path = tmp_path / NAME
    for end in range(len(signed)):
        with pytest.raises(signature.RefusedError):
            signature.extract(signed[:end], NAME)
    chance = random.Random(7)
    for _ in range(60):
        place = chance.randrange(signed.index(b"-----BEGIN PGP SIGNATURE"))
        flipped = bytes([signed[place] ^ (1 << chance.randrange(8))])
        path.write_bytes(signed[:place] + flipped + signed[place + 1 :])
        refused(path, keyring)


def test_gpgv_decides_on_the_text_and_not_the_form(
    signers: Signers, keyring: Path, tmp_path: Path
) -> None:
    """A signature of one text around another is none, however well formed."""
    mine, other = signers.sign(TEXT, "anna"), signers.sign(b"A: 1\n", "anna")
    cut = b"-----BEGIN PGP SIGNATURE"
    path = tmp_path / NAME
    path.write_bytes(mine[: mine.index(cut)] + other[other.index(cut) :])
    assert refused(path, keyring) == f"{NAME}: was changed after it was signed"


def test_key_that_is_in_no_keyring(
    signers: Signers, keyring: Path, tmp_path: Path
) -> None:
    """A good signature by anybody is worth nothing."""
    path = tmp_path / NAME
    path.write_bytes(signers.sign(TEXT, "berta"))
    key = signers.fingerprints["berta"][-16:]
    assert refused(path, keyring) == (
        f"{NAME}: is signed by a key that is in none of the keyrings ({key})"
    )


def test_expired_and_revoked_and_weak(signers: Signers, tmp_path: Path) -> None:
    """gpgv exits with 0 for the first four of these."""
    path = tmp_path / NAME
    past = ("--faked-system-time", "20200201T000000")
    brief = (*past, "--default-sig-expire", "1d")
    by_revoked = signers.sign(TEXT, "revoked")
    signers.revoke("revoked")
    keyring = signers.keyring(tmp_path / "keys.gpg")
    for data, reason in (
        (by_revoked, "is signed by a key that was revoked"),
        (
            signers.sign(TEXT, "expired", options=past),
            "is signed by a key that has expired",
        ),
        (
            signers.sign(TEXT, "anna", options=("--digest-algo", "SHA1")),
            "is signed with SHA-1, which is too weak",
        ),
        (
            signers.sign(TEXT, "with-dsa", options=("--digest-algo", "SHA256")),
            "is signed with a DSA key, which is too weak",
        ),
        (
            signers.sign(TEXT, "early", options=brief),
            "has a signature that has expired",
        ),
    ):
        path.write_bytes(data)
        assert refused(path, keyring) == f"{NAME}: {reason}"


def test_two_signatures(signers: Signers, keyring: Path, tmp_path: Path) -> None:
    """Also where both are good: a record has one signer."""
    path = tmp_path / NAME
    path.write_bytes(signers.sign(TEXT, "anna", "with-rsa"))
    assert refused(path, keyring) == f"{NAME}: has more than one signature{MEND}"


def test_keyring_that_is_none(signed: bytes, keyring: Path, tmp_path: Path) -> None:
    """What gpgv would pass over in silence is told, before anything is read."""
    path = tmp_path / NAME
    path.write_bytes(signed)
    armoured = tmp_path / "keys.asc"
    armoured.write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    for ring, reason in (
        (tmp_path / "no.gpg", "No such file or directory; give a keyring"),
        (tmp_path, "Is a directory; give a keyring"),
        (
            armoured,
            "is in ASCII armour, which gpgv does not read; make a keyring of it with"
            " 'gpg --dearmor'",
        ),
    ):
        with pytest.raises(UsageError) as caught:
            signature.check(path, [keyring, ring])
        assert str(caught.value) == f"{ring}: {reason}"


def test_user_sign(signers: Signers, keyring: Path, tree: Tree, tmp_path: Path) -> None:
    """The record is replaced by itself, signed; gpg too finds the signature good."""
    folder = tmp_path / "made"
    folder.mkdir()
    path = folder / NAME
    path.write_bytes(TEXT)
    home = {"GNUPGHOME": str(signers.home)}
    key = signers.fingerprints["anna"]
    done = tree.run(["aibootstrap", "sign", path, "--key", key], extra=home).check()
    assert done.stdout == f"aibootstrap: {NAME} is signed with the key {key}\n"
    assert done.stderr == ""
    assert [each.name for each in folder.iterdir()] == [NAME]
    assert signature.check(path, [keyring]).fingerprint == key
    assert signature.check(path, [keyring]).text == TEXT
    signers.gpg("--verify", str(path))


REFUSALS = {
    "signed": (b"", [], 1, "is signed already; nobody can sign it again"),
    "cut": (
        TEXT.replace(b"Version: 1:2.0-3\n", b""),
        [],
        1,
        "field 'Version' is missing; take the record as the run left it",
    ),
    "cut short by gpg": (
        TEXT.replace(b"Taints:\n", b"Taints:\n " + b"x" * 30000 + b"\n"),
        [],
        1,
        "gpg signed another text than this; nothing is kept",
    ),
    "no end of line": (
        TEXT[:-1],
        [],
        1,
        "gpg signed another text than this; nothing is kept",
    ),
    "no key": (
        TEXT,
        ["--key=--output"],
        1,
        "gpg did not sign it: gpg: {file}: clear-sign failed: No secret key",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_record_that_is_not_signed(
    case: str, signers: Signers, signed: bytes, tree: Tree, tmp_path: Path
) -> None:
    """The message says why, and the record is as before."""
    data, words, status, reason = REFUSALS[case]
    folder = tmp_path / "made"
    folder.mkdir()
    path = folder / NAME
    path.write_bytes(data or signed)
    before = snapshot(folder)
    home = {"GNUPGHOME": str(signers.home)}
    done = tree.run(["aibootstrap", "sign", path, *words], extra=home)
    assert (done.status, done.stdout) == (status, "")
    head, _, tail = reason.partition("{file}")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"aibootstrap: error: {NAME}: {head}")
    assert line.endswith(tail)
    assert snapshot(folder) == before


def test_gpg_that_signs_with_a_weak_digest(
    signers: Signers, tree: Tree, tmp_path: Path
) -> None:
    """What check() would refuse is not signed in the first place."""
    path = tmp_path / NAME
    path.write_bytes(TEXT)
    conf = signers.home / "gpg.conf"
    conf.write_text("digest-algo SHA1\n")
    try:
        home = {"GNUPGHOME": str(signers.home)}
        done = tree.run(["aibootstrap", "sign", path], extra=home)
    finally:
        conf.unlink()
    assert (done.status, done.stdout, done.stderr) == (
        1,
        "",
        f"aibootstrap: error: {NAME}: gpg signs with SHA-1, which is too weak; look at"
        " digest-algo in gpg.conf; nothing is kept\n",
    )
    assert path.read_bytes() == TEXT


def test_without_gpg_and_gpgv(
    signed: bytes, keyring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package that brings each is named; exit status 75."""
    path, unsigned = tmp_path / NAME, tmp_path / "unsigned"
    path.write_bytes(signed)
    unsigned.write_bytes(TEXT)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(Error) as caught:
        signature.check(path, [keyring])
    assert str(caught.value) == "gpgv: not installed; install the package gpgv"
    assert caught.value.status == 75
    with pytest.raises(Error) as caught:
        signature.sign(unsigned, None)
    assert str(caught.value) == "gpg: not installed; install the package gnupg"
    assert caught.value.status == 75
    assert unsigned.read_bytes() == TEXT
