# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What real runs write into their record: threads, checkpoints, BLAS, criteria."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import Callable

from support.packages import MANIFEST, TRAIN, Package

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap import record  # noqa: E402
from dh_aibootstrap.digest import sha256_bytes, sha256_file, sha256_value  # noqa: E402
from dh_aibootstrap.train.sandbox import system_blas  # noqa: E402

TRIPLET = sysconfig.get_config_var("MULTIARCH")
Make = Callable[..., Package]

# Dies in the first attempt, and leaves a checkpoint.
DIES_ONCE = """\
import os, pathlib, sys
half = pathlib.Path(os.environ["AIBOOTSTRAP_CHECKPOINT_DIR"], "half")
if not half.exists():
    half.write_text("so far\\n")
    sys.exit(3)
"""


def left(toy: Package) -> record.Record:
    """Return the record that the last run left, which is written the same again."""
    (path,) = toy.root.parent.glob("*.bootstrapinfo")
    data = path.read_bytes()
    found = record.from_bytes(data)
    assert record.to_bytes(found) == data
    return found


def test_record_of_a_run(package: Make) -> None:
    """Digests of outputs and criteria, and what the stage was told and found."""
    toy = package(
        manifest=MANIFEST.replace(
            "    metrics:", "    resources: {cpus: 2}\n    metrics:"
        )
    )
    toy.bootstrap().check()
    found = left(toy)
    (stage,) = found.stages
    assert (stage.threads, stage.checkpoints, stage.attempts) == (2, "none", 1)
    assert stage.blas == system_blas()
    assert found.criteria == sha256_value(["train.error <= 0.1"])
    assert found.taints == ()
    (outputs,) = toy.tree.cache.glob("aibootstrap/stages/*/*/outputs")
    assert found.outputs == tuple(
        f"{sha256_file(outputs / name)} {(outputs / name).stat().st_size} train/{name}"
        for name in ("metrics.json", "model.txt")
    )
    assert found.outputs[1].split()[0] == found.weights[0].sha256


def test_checkpoints_that_an_attempt_found(package: Make) -> None:
    """An attempt that may have gone on from something is told by its digest."""
    toy = package(train=DIES_ONCE + TRAIN)
    assert toy.bootstrap().status != 0
    (half,) = toy.tree.cache.glob("aibootstrap/checkpoints/*/*/half")
    line = f'file {sha256_file(half)} "half"\n'
    toy.bootstrap().check()
    (stage,) = left(toy).stages
    assert stage.attempts == 2
    assert stage.checkpoints == sha256_bytes(line.encode())
    assert stage.threads == 1


def test_stage_that_an_older_version_finished(package: Make) -> None:
    """Its report says less; the stage is reused, and the record says no more."""
    toy = package()
    toy.bootstrap().check()
    (path,) = toy.tree.cache.glob("aibootstrap/stages/*/*/report.json")
    report = json.loads(path.read_text())
    for name in ("threads", "checkpoints", "blas"):
        del report[name]
    path.write_text(json.dumps(report))
    toy.bootstrap().check()
    (stage,) = left(toy).stages
    assert stage.reused
    assert (stage.threads, stage.checkpoints, stage.blas) == (0, "", "")
    assert str(stage).endswith(" network=none")


def test_blas_of_the_system(tmp_path: Path) -> None:
    """What the alternative of Debian points to; without it, none."""
    assert system_blas(tmp_path) == "none"
    links = {
        name: os.readlink(f"/etc/alternatives/{name}")
        for name in os.listdir("/etc/alternatives")
        if name.startswith("libblas.so.3-")
    }
    assert system_blas() in links.values() or not links
    for name in links or {f"libblas.so.3-{TRIPLET}": ""}:
        (tmp_path / name).symlink_to("/usr/lib/some/libblas.so.3")
    assert system_blas(tmp_path) == "/usr/lib/some/libblas.so.3"
