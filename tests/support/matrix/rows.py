# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stacks there are: the small matrix, which tests/run goes through, and the full.

Rows are yielded one by one, and a place is made when its first row is asked for.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterator, Protocol

from .configurations import CONFIGURATIONS
from .killed import Killed
from .places import HERE, OPENBLAS, PORTS, REFERENCE, Place, debian, venv
from .stacks import Answer, Stack
from .workers import Workers

_AVX512 = frozenset(("avx512f", "avx512bw", "avx512dq", "avx512vl"))
# OpenBLAS's kernels, and what /proc/cpuinfo must say for them to run.
KERNELS = {
    "Prescott": frozenset(("pni",)),
    "Nehalem": frozenset(("sse4_2",)),
    "Sandybridge": frozenset(("avx",)),
    "Haswell": frozenset(("avx2", "fma")),
    "Zen": frozenset(("avx2", "fma")),
    "SkylakeX": _AVX512,
    "Cooperlake": _AVX512 | {"avx512_bf16"},
}
# ATEN_CPU_CAPABILITY, what torch then calls itself, and what it needs.
CAPABILITIES = {
    "default": (("ATen NO AVX", "ATen DEFAULT"), frozenset[str]()),
    "avx2": (("ATen AVX2",), KERNELS["Haswell"]),
    "avx512": (("ATen AVX512",), _AVX512),
}
WORKERS = {"numpy": "numpy", "torch": "torch", "mixed": "torch,numpy"}

ALL = tuple(CONFIGURATIONS)
# For children that are started many times, and those whose CPU is emulated.
SHORT = ("small", "classes", "contact")


@dataclass(frozen=True)
class Broken:
    """A row whose place could not be made."""

    name: str
    why: str

    def run(self) -> Answer:
        """Return that it failed."""
        return Answer(failed=self.why)


class Runnable(Protocol):
    """A row before it is run."""

    @property
    def name(self) -> str:
        """Return what the row is called."""

    def run(self) -> Answer:
        """Return what came out."""


def _kernels(place: Place, threads: tuple[int, ...]) -> Iterator[Stack]:
    """Yield a stack for each kernel of OpenBLAS and number of threads."""
    for kernel, needs in KERNELS.items():
        for count in threads:
            yield Stack(
                f"{place.name} numpy, OpenBLAS {kernel}, {_threads(count)}",
                ALL,
                place,
                threads=count,
                blas=OPENBLAS,
                kernel=kernel,
                wanted=(f"OpenBLAS {kernel}",),
                needs=needs,
            )


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _torch(place: Place) -> Iterator[Stack]:
    """Yield a stack for each instruction set of torch's and number of threads."""
    for capability, (wanted, needs) in CAPABILITIES.items():
        for count in (1, 2):
            yield Stack(
                f"{place.name} torch, ATen {capability}, {_threads(count)}",
                ALL,
                place,
                "torch",
                count,
                OPENBLAS,
                wanted=wanted,
                needs=needs,
                extra={"ATEN_CPU_CAPABILITY": capability},
            )


def _workers(
    place: Place, counts: tuple[int, ...], kinds: tuple[str, ...]
) -> Iterator[Workers]:
    for count in counts:
        for kind in kinds:
            name = f"{place.name}, {count} worker{'s' * (count > 1)}, {kind}"
            stack = Stack(name, SHORT, place, WORKERS[kind], blas=OPENBLAS)
            yield Workers(stack, count)


def _killed(numpy: Place, torch: Place) -> Iterator[Killed]:
    first = Stack("", SHORT, numpy, blas=OPENBLAS)
    second = Stack("", SHORT, torch, "torch", blas=OPENBLAS)
    yield Killed(f"{numpy.name} numpy, killed twice", (first, first, first))
    yield Killed(f"{torch.name} numpy, killed, then torch", (first, second))
    name = f"{torch.name} torch, killed, then numpy"
    yield Killed(name, (second, replace(first, blas=REFERENCE)))


def ports_of(
    folder: Path, ports: tuple[str, ...], suite: str = "bookworm", deep: bool = True
) -> Iterator[Runnable]:
    """Yield two stacks for each port of Debian; emulated ones train no deep net."""
    for port in ports:
        title = f"{suite} {port} numpy"
        try:
            place = debian(folder, port, suite)
        except RuntimeError as error:
            yield Broken(title, str(error))
            continue
        emulated = ", emulated" if PORTS[port][1] else ""
        configurations = ALL if deep and not emulated else SHORT
        for blas in (REFERENCE, OPENBLAS):
            name = f"{title}, {blas}{emulated}"
            yield Stack(name, configurations, place, blas=blas, wanted=(blas,))


def _reference() -> Stack:
    name = f"{HERE.name} numpy, {REFERENCE}"
    return Stack(name, ALL, blas=REFERENCE, wanted=(REFERENCE,))


def small(folder: Path) -> Iterator[Runnable]:
    """Yield the rows that need only what tests/run installs."""
    yield _reference()
    yield from _kernels(HERE, (1, 2))
    yield from _torch(HERE)
    for count, kind in enumerate(("torch", "numpy", "mixed", "mixed"), 1):
        yield from _workers(HERE, (count,), (kind,))
    yield from _killed(HERE, HERE)
    yield from ports_of(folder, ("i386", "s390x"), deep=False)


def full(folder: Path) -> Iterator[Runnable]:
    """Yield all rows; needs the network, python3-venv and some gigabytes too."""
    yield _reference()
    yield from _kernels(HERE, (1, 2))
    yield from _kernels(venv(folder, "numpy", ("numpy",)), (1, 2))
    yield from ports_of(folder, ("amd64",), "trixie")
    yield from _torch(HERE)
    torch = venv(folder, "torch", ("torch", "numpy"))
    yield from _torch(torch)
    yield Stack(
        f"{torch.name} torch, MKL_CBWR=COMPATIBLE, 1 thread",
        ALL,
        torch,
        "torch",
        extra={"MKL_CBWR": "COMPATIBLE"},
    )
    yield from _workers(HERE, (1, 2, 3, 4), tuple(WORKERS))
    yield from _workers(torch, (2, 3), ("mixed",))
    yield from _killed(HERE, HERE)
    yield from _killed(torch, torch)
    ports = tuple(port for port in PORTS if port != "amd64")
    yield from ports_of(folder, ports)


def programs(kind: str) -> list[str]:
    """Return the programs that a matrix needs and this machine lacks."""
    wanted = ["mmdebstrap", "/usr/bin/python3", "/usr/sbin/chroot"]
    ports = ["s390x"] if kind == "small" else list(PORTS)
    for port in ports:
        processor = PORTS[port][1]
        if processor is not None:
            wanted.append(f"/usr/bin/qemu-{processor}-static")
    return [name for name in wanted if shutil.which(name) is None]
