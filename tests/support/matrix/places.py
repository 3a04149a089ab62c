# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a child runs: this machine, a virtual environment, or a Debian of another port.

A Debian is unpacked by mmdebstrap without running its maintainer scripts: python3 and
numpy need none. Programs of foreign ports are run by qemu-user-static, called by its
name, so that neither binfmt_misc nor any setting of this machine is touched.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent.parent.parent

# What a child imports, relative to the tree.
SOURCES = (
    "dh_aibootstrap/__init__.py",
    "dh_aibootstrap/exact",
    "tests/support/__init__.py",
    "tests/support/matrix",
)
REFERENCE, OPENBLAS = "reference BLAS", "OpenBLAS"
# Of each BLAS, its folder of libraries; with the reference, LAPACK is a package too.
_FOLDERS = {REFERENCE: ("blas", "lapack"), OPENBLAS: ("openblas-pthread",)}
PACKAGES = "python3-numpy,libblas3,liblapack3,libopenblas0-pthread"

# Debian's name of a port: the triplet of its libraries, and qemu's name of the CPU;
# None where this CPU runs the port itself.
PORTS: dict[str, tuple[str, str | None]] = {
    "amd64": ("x86_64-linux-gnu", None),
    "i386": ("i386-linux-gnu", None),
    "arm64": ("aarch64-linux-gnu", "aarch64"),
    "armhf": ("arm-linux-gnueabihf", "arm"),
    "ppc64el": ("powerpc64le-linux-gnu", "ppc64le"),
    "s390x": ("s390x-linux-gnu", "s390x"),
}


@dataclass(frozen=True)
class Place:
    """A Python with numpy, as a command, and where it finds what."""

    name: str
    python: tuple[str, ...]
    tree: str = str(ROOT)
    triplet: str | None = None

    def environment(self, blas: str | None = None) -> dict[str, str]:
        """Return a child's whole environment: nothing of the caller's enters."""
        found = {
            "GLOO_SOCKET_IFNAME": "lo",
            "LC_ALL": "C.UTF-8",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{self.tree}:{self.tree}/tests",
        }
        if blas is not None and self.triplet is not None:
            folders = (f"/usr/lib/{self.triplet}/{f}" for f in _FOLDERS[blas])
            found["LD_LIBRARY_PATH"] = ":".join(folders)
        return found


HERE = Place("Debian", ("/usr/bin/python3",), triplet=PORTS["amd64"][0])


def _run(command: list[str]) -> None:
    """Run a program that makes a place; RuntimeError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        words = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{words}")


def _made(path: Path, commands: Callable[[Path], list[list[str]]]) -> Path:
    """Return a folder that commands make, whole; it may be there from another time."""
    if not path.exists():
        begun = path.with_name(f".{path.name}")
        shutil.rmtree(begun, ignore_errors=True)
        try:
            for command in commands(begun):
                _run(command)
            begun.rename(path)
        finally:
            shutil.rmtree(begun, ignore_errors=True)
    return path


def venv(folder: Path, name: str, packages: tuple[str, ...]) -> Place:
    """Return a virtual environment with packages of PyPI, made if it is not there."""

    def commands(begun: Path) -> list[list[str]]:
        pip = [str(begun / "bin/python"), "-m", "pip", "install", "-q", *packages]
        return [["/usr/bin/python3", "-m", "venv", str(begun)], pip]

    path = _made(folder / f"venv-{name}", commands)
    return Place("pip", (str(path / "bin/python"),))


def _archive() -> str:
    """Return the address that apt on this machine has Debian 12 from."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)"]
    command += ["Created-By: Packages", "Origin: Debian", "Codename: bookworm"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    sites = done.stdout.split()
    if not sites:
        raise RuntimeError("apt knows no archive of Debian 12; run apt-get update")
    return sites[0]


def debian(folder: Path, port: str, suite: str = "bookworm") -> Place:
    """Return an unpacked Debian with numpy and two BLAS, made if it is not there."""

    def commands(begun: Path) -> list[list[str]]:
        command = ["mmdebstrap", "--variant=extract", "--skip=check/qemu"]
        command += [f"--architectures={port}", f"--include={PACKAGES}", suite]
        return [[*command, str(begun), f"deb {_archive()} {suite} main"]]

    root = _made(folder / f"{suite}-{port}", commands)
    # From Debian 13 on, programs look for their loader through links of base-files.
    for name in ("bin", "lib", "lib64", "sbin"):
        if (root / "usr" / name).exists() and not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for source in SOURCES:
        _copy(ROOT / source, root / "tree" / source)
    triplet, processor = PORTS[port]
    command = ["/usr/sbin/chroot", str(root)]
    if processor is not None:
        emulator = Path(f"/usr/bin/qemu-{processor}-static")
        shutil.copy2(emulator, root / "usr/bin")
        command.append(str(emulator))
    return Place(f"{suite} {port}", (*command, "/usr/bin/python3"), "/tree", triplet)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
