# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one run, and what it says of the machine."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from debian.deb822 import Deb822

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap import paragraph, record  # noqa: E402
from dh_aibootstrap.accept import Judgement  # noqa: E402
from dh_aibootstrap.manifest.model import Criterion  # noqa: E402
from dh_aibootstrap.stamp import WeightPin  # noqa: E402

RECORD = record.Record(
    source="words",
    version="1:2.0-3",
    architecture="amd64",
    profile="full",
    manifest="12" * 32,
    recipe="34" * 32,
    stamp="56" * 32,
    accepted=False,
    refreshed="kept",
    judgements=(
        Judgement(Criterion("e", "<=", 0.1, "e <= 0.1"), 0.5, False),
        Judgement(Criterion("f", ">", 0.0, "f > 0"), None, False),
    ),
    metrics=(("a.b", 0.1), ("e", 0.5)),
    weights=(WeightPin("model.txt", "78" * 32, 5),),
    stages=(
        record.StageRun("train", "9a" * 32, False, 2, 12.345, 1 << 20, True),
        record.StageRun("judge", "bc" * 32, True, 1, 0.04, 5, False),
    ),
    taints=("profile reduced: not the full recipe", "network was reachable in judge"),
    hardware=(("OPENBLAS_CORETYPE", "Haswell"),),
    machine=record.Machine("Some CPU @ 2.00GHz", 2, 4 << 30),
    packages=("base-files (= 12.4)", "bash (= 5.2)"),
)


def test_bytes_of_a_record() -> None:
    """The file as a person reads it; other programs for deb822 read it too."""
    data = record.to_bytes(RECORD)
    assert data.decode() == (
        "Format: 1\n"
        "Source: words\n"
        "Version: 1:2.0-3\n"
        "Architecture: amd64\n"
        "Profile: full\n"
        f"Manifest-Sha256: {'12' * 32}\n"
        f"Recipe-Sha256: {'34' * 32}\n"
        f"Stamp-Sha256: {'56' * 32}\n"
        "Accepted: no\n"
        "Weights-In-Place: kept\n"
        "Acceptance:\n"
        " e <= 0.1: not met (0.5)\n"
        " f > 0: not met (not reported)\n"
        "Metrics:\n a.b 0.1\n e 0.5\n"
        f"Weights:\n {'78' * 32} 5 model.txt\n"
        "Stages:\n"
        f" train {'9a' * 32} run attempts=2 seconds=12.3 peak=1048576 network=none\n"
        f" judge {'bc' * 32} reused attempts=1 seconds=0.0 peak=5 network=open\n"
        "Taints:\n"
        " profile reduced: not the full recipe\n"
        " network was reachable in judge\n"
        "Machine: Some CPU @ 2.00GHz; cpus=2 memory=4294967296\n"
        "Environment:\n OPENBLAS_CORETYPE=Haswell\n"
        "Installed-Build-Depends:\n base-files (= 12.4),\n bash (= 5.2)\n"
    )
    assert dict(Deb822(data)) == paragraph.read(data)


def test_record_of_a_clean_run() -> None:
    """Without taints, metrics and criteria there are no fields for them."""
    clean = dataclasses.replace(
        RECORD, accepted=True, judgements=(), metrics=(), taints=(), hardware=()
    )
    fields = paragraph.read(record.to_bytes(clean))
    assert fields["Accepted"] == "yes"
    assert not {"Acceptance", "Metrics", "Taints", "Environment"} & set(fields)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("1.0-1", "words_1.0-1_amd64.bootstrapinfo"),
        ("2:1.0-1", "words_1.0-1_amd64.bootstrapinfo"),
        ("1:2:3", "words_2:3_amd64.bootstrapinfo"),
    ],
)
def test_file_name(version: str, name: str) -> None:
    """As .buildinfo names: the epoch stays out."""
    assert record.file_name("words", version, "amd64") == name


def test_this_machine() -> None:
    """The figures are those that nproc and sysconf(3) give."""
    machine = record.this_machine()
    nproc = subprocess.run(["nproc", "--all"], capture_output=True, text=True)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert machine.memory == memory
    assert machine.cpus == os.cpu_count() == int(nproc.stdout)
    assert machine.model.strip() == machine.model != ""
