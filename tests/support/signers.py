# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away OpenPGP keys of people who do not exist, and what they sign."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator


@dataclass(frozen=True)
class Signers:
    """A home of gpg with the secret keys of several signers, by their names."""

    home: Path
    fingerprints: dict[str, str] = field(default_factory=dict)

    def gpg(self, *words: str, data: bytes | None = None) -> bytes:
        """Run gpg in batch mode and return what it writes."""
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--yes"]
        command += ["--pinentry-mode", "loopback", "--passphrase", "", *words]
        done = subprocess.run(command, input=data, capture_output=True)
        assert done.returncode == 0, f"{words}\n{done.stderr.decode()}"
        return done.stdout

    def add(
        self, name: str, *words: str, algorithm: str = "ed25519", expires: str = "never"
    ) -> str:
        """Make a key for signing and return its fingerprint."""
        user = f"{name} <{name}@example.org>"
        self.gpg(*words, "--quick-gen-key", user, algorithm, "sign", expires)
        listing = self.gpg("--with-colons", "--list-keys", user).decode()
        lines = [line for line in listing.splitlines() if line.startswith("fpr:")]
        self.fingerprints[name] = lines[0].split(":")[9]
        return self.fingerprints[name]

    def revoke(self, name: str) -> None:
        """Revoke a key, with the certificate that gpg made with it."""
        folder = self.home / "openpgp-revocs.d"
        text = (folder / f"{self.fingerprints[name]}.rev").read_text("utf-8")
        self.gpg("--import", data=text.replace(":-----BEGIN", "-----BEGIN").encode())

    def sign(self, data: bytes, *names: str, options: tuple[str, ...] = ()) -> bytes:
        """Return `data` clear-signed by all these."""
        users = [word for name in names for word in ("-u", self.fingerprints[name])]
        return self.gpg(*options, *users, "--clearsign", data=data)

    def keyring(self, path: Path, *names: str) -> Path:
        """Write the public keys of these, or of all, and return the path."""
        keys = [self.fingerprints[name] for name in names]
        path.write_bytes(self.gpg("--export", *keys))
        return path


def throw_away_signers() -> Iterator[Signers]:
    """Make an empty home of gpg, and remove it and its agent in the end."""
    # A short path: the agent's socket lies in it (108 bytes, unix(7)).
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    os.chmod(home, 0o700)
    try:
        yield Signers(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
        shutil.rmtree(home, ignore_errors=True)  # the agent removes its sockets too
