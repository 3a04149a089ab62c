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
from dh_aibootstrap.errors import Error  # noqa: E402
from dh_aibootstrap.stamp import WeightPin  # noqa: E402

RECORD = record.Record(
    source="words",
    version="1:2.0-3",
    architecture="amd64",
    profile="full",
    manifest="12" * 32,
    recipe="34" * 32,
    criteria="de" * 32,
    stamp="56" * 32,
    accepted=False,
    refreshed="kept",
    acceptance=("e <= 0.1: not met (0.5)", "f > 0: not met (not reported)"),
    metrics=(("a.b", 0.1), ("e", 0.5)),
    weights=(WeightPin("model.txt", "78" * 32, 5),),
    outputs=("78" * 32 + " 5 train/model.txt", "f0" * 32 + " 9 judge/my metrics.json"),
    stages=(
        record.StageRun(
            name="train",
            key="9a" * 32,
            reused=False,
            attempts=2,
            seconds=12.3,
            peak=1 << 20,
            isolated=True,
            threads=2,
            checkpoints="01" * 32,
            blas="/usr/lib/openblas/libblas.so.3",
        ),
        # as a cache of before knows it
        record.StageRun("judge", "bc" * 32, True, 1, 0.0, 5, False),
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
        f"Criteria-Sha256: {'de' * 32}\n"
        f"Stamp-Sha256: {'56' * 32}\n"
        "Accepted: no\n"
        "Weights-In-Place: kept\n"
        "Acceptance:\n"
        " e <= 0.1: not met (0.5)\n"
        " f > 0: not met (not reported)\n"
        "Metrics:\n a.b 0.1\n e 0.5\n"
        f"Weights:\n {'78' * 32} 5 model.txt\n"
        f"Outputs:\n {'78' * 32} 5 train/model.txt\n"
        f" {'f0' * 32} 9 judge/my metrics.json\n"
        "Stages:\n"
        f" train {'9a' * 32} run attempts=2 seconds=12.3 peak=1048576 network=none"
        f" threads=2 checkpoints={'01' * 32} blas=/usr/lib/openblas/libblas.so.3\n"
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
        RECORD,
        accepted=True,
        acceptance=(),
        metrics=(),
        taints=(),
        hardware=(),
        outputs=(),
    )
    fields = paragraph.read(record.to_bytes(clean))
    assert fields["Accepted"] == "yes"
    assert not {"Acceptance", "Metrics", "Taints", "Environment", "Outputs"} & set(
        fields
    )


def test_record_is_read_as_it_was_written() -> None:
    """All fields, and those of a later version, in the same bytes again."""
    data = record.to_bytes(RECORD)
    assert record.from_bytes(data) == RECORD
    data = data.replace(b" network=open\n", b" network=open joules=7\n")
    data += b"Colour: blue\nShapes:\n round\n"
    read = record.from_bytes(data)
    assert read.others == {"Colour": "blue", "Shapes": "\n round"}
    assert read.stages[1].others == ("joules=7",)
    assert record.to_bytes(read) == data


@pytest.mark.parametrize("field", record.FIELDS)
def test_field_that_is_missing(field: str) -> None:
    """What every run writes must be there; the others may be lacking."""
    fields = paragraph.read(record.to_bytes(RECORD))
    del fields[field]
    data = paragraph.write(fields)
    if field in (
        "Acceptance",
        "Metrics",
        "Outputs",
        "Taints",
        "Environment",
    ):
        assert record.to_bytes(record.from_bytes(data)) == data
        return
    with pytest.raises(ValueError) as caught:
        record.from_bytes(data)
    assert str(caught.value) == f"field '{field}' is missing"


TRAIN = (
    f" train {'9a' * 32} run attempts=2 seconds=12.3 peak=1048576 network=none"
    f" threads=2 checkpoints={'01' * 32} blas=/usr/lib/openblas/libblas.so.3"
)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "Format: 1",
            "Format: 2",
            "Format 2; this version reads 1, a newer dh-aibootstrap may read it",
        ),
        ("Accepted: no", "Accepted: No", "Accepted: found 'No', not no or yes"),
        (
            "Weights-In-Place: kept",
            "Weights-In-Place: maybe",
            "Weights-In-Place: found 'maybe', not changed, unchanged or kept",
        ),
        (
            "56" * 32,
            "56" * 31,
            f"Stamp-Sha256: '{'56' * 31}' is not 64 hexadecimal digits",
        ),
        (" a.b 0.1\n", " a.b much\n", "Metrics: 'a.b much' is not NAME NUMBER"),
        (" 5 model.txt\n", " 5 a/b\n", f"Weights: '{'78' * 32} 5 a/b' is not {{}}"),
        (" cpus=2", " cpus=two", "Machine: 'Some CPU @ 2.00GHz; cpus=two {}"),
        ("_CORETYPE=H", "_CORETYPE H", "Environment: 'OPENBLAS_CORETYPE Haswell' {}"),
        ("Taints:\n", "Taints:\n\x1b[2K\n", "line 27: control character U+001B"),
        ("Source: words\n", "Source: words\nSOURCE: a\n", "line 3: field 'SOURCE' {}"),
        ("Source: words\n", "Source: words\n\n", "line 3: a blank line; {}"),
    ],
)
def test_what_is_no_record(old: str, new: str, reason: str) -> None:
    """A record is read whole or not at all; the message says file and field."""
    text = record.to_bytes(RECORD).decode()
    assert text.count(old) == 1
    with pytest.raises(Error) as caught:
        record.parse(text.replace(old, new).encode(), "a.bootstrapinfo")
    ends = {
        "Weights": "SHA256 SIZE NAME",
        "Machine": "memory=4294967296' is not MODEL; cpus=N memory=N",
        "Environment": "is not NAME=VALUE",
        "line 3: f": "stands there twice",
        "line 3: a": "there is one paragraph",
    }
    end = next((end for start, end in ends.items() if reason.startswith(start)), "")
    assert str(caught.value) == (
        f"a.bootstrapinfo: {reason.format(end)}; take the record as the run left it"
    )
    assert caught.value.status == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" run ", " ran "),
        (f" {'9a' * 32}", " 9a"),
        ("attempts=2", "attempts=two"),
        (" attempts=2", ""),
        ("seconds=12.3", "seconds=12"),
        ("peak=1048576", "peak=-1"),
        ("network=none", "network=no"),
        ("network=none", "network=none network=none"),
        ("network=none", "network=none word"),
        ("threads=2", "threads=x"),
    ],
)
def test_stage_that_is_none(old: str, new: str) -> None:
    """Each word of a stage is what it must be, and stands there once."""
    line = TRAIN.replace(old, new)
    text = record.to_bytes(RECORD).decode()
    assert line != TRAIN and text.count(TRAIN) == 1
    with pytest.raises(ValueError) as caught:
        record.from_bytes(text.replace(TRAIN, line).encode())
    assert str(caught.value) == (
        f"Stages: '{line.strip()}' is not NAME KEY run|reused attempts=N seconds=N.N"
        " peak=N network=none|open"
    )


def test_text_of_the_machine_cannot_break_the_record() -> None:
    """What comes from the kernel or the environment is made visible first."""
    odd = dataclasses.replace(
        RECORD,
        machine=record.Machine("a\x1b[2K\nSource: b", 1, 1),
        hardware=(("OPENBLAS_CORETYPE", "x\nSource: b\0"),),
    )
    fields = paragraph.read(record.to_bytes(odd))
    assert fields["Machine"] == "a?[2K?Source: b; cpus=1 memory=1"
    assert fields["Environment"] == "\n OPENBLAS_CORETYPE=x?Source: b?"
    assert fields["Source"] == "words"


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
