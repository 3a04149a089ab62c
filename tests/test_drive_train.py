# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The training: how a stage fails, what it sees, and when it is run again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Callable

import pytest

from support.packages import MANIFEST, TRAIN, Package, snapshot
from support.tree import ROOT, Done, on_a_small_disk

Make = Callable[..., Package]

WHERE = "debian/aibootstrap.yaml:13: stages.train: "
STEPS = "dh_aibootstrap_fetch && dh_aibootstrap_train && dh_aibootstrap_refresh"

# The trainer does its work, and then something else.
OUT = TRAIN + "out = options.out\n"


def bootstrap(toy: Package, **extra: str) -> Done:
    """Run the three steps without dh and make, for their own exit status."""
    return toy.run("sh", "-c", STEPS, **extra)


def log_of(toy: Package) -> Path:
    (log,) = (toy.tree.cache / "aibootstrap/logs").iterdir()
    return log


def assert_failed(
    toy: Package, done: Done, message: str, status: int = 1, verb: str = "train"
) -> None:
    """The step said so, the result file has it, and the weights are as they were."""
    lines = message.split("\n")
    assert done.errors == [f"dh_aibootstrap_{verb}: error: {line}" for line in lines]
    assert "Traceback" not in done.stderr
    assert done.status == status
    assert toy.result() == {
        "Status": "failed",
        "Exit-Status": str(status),
        "Message": message.replace("\n", "\n "),
    }


@pytest.fixture
def made(package: Make) -> Package:
    """A package with weights in place, whose training will run anew."""
    toy = package()
    bootstrap(toy).check()
    toy.edit("debian/aibootstrap.yaml", "epochs: 20", "epochs: 21")
    return toy


FAILURES = {
    "exit status": (
        "import sys\nprint('no data')\nsys.exit(3)\n",
        "python3 returned exit status 3: no data (log: {log})",
    ),
    "exit status and silence": (
        "raise SystemExit(3)\n",
        "python3 returned exit status 3 (log: {log})",
    ),
    "signal": (
        "import os\nos.kill(os.getpid(), 11)\n",
        "python3 died with signal 11 (log: {log})",
    ),
    "missing output": (
        "import sys\nopen(sys.argv[-1] + '/other.txt', 'w').close()\n",
        "output 'metrics.json' was not made; {{out}} holds other.txt",
    ),
    "no output at all": (
        "",
        "output 'metrics.json' was not made; {{out}} holds no file",
    ),
    "output is a link": (
        OUT + "os.symlink('/etc/passwd', out / 'x')\n"
        "os.replace(out / 'x', out / 'model.txt')\n",
        "output 'model.txt' is a symbolic link; write the file itself",
    ),
    "output is a folder": (
        OUT + "(out / 'model.txt').unlink()\n(out / 'model.txt').mkdir()\n",
        "output 'model.txt' was not made; {{out}} holds metrics.json",
    ),
    "metrics are no JSON": (
        OUT + "(out / 'metrics.json').write_text('error: 0.1')\n",
        "metrics 'metrics.json': Expecting value: line 1 column 1 (char 0)",
    ),
    "metric twice": (
        OUT + "(out / 'metrics.json').write_text"
        '(\'{"train": {"error": 0.2, "error": 0.1}}\')\n',
        "metrics 'metrics.json': key 'error' stands there twice",
    ),
    "metric by two paths": (
        OUT + "(out / 'metrics.json').write_text"
        '(\'{"train": {"error": 0.2}, "train.error": 0.1}\')\n',
        "metrics 'metrics.json': metric 'train.error' stands there twice",
    ),
    "metric is no number": (
        OUT + "(out / 'metrics.json').write_text" '(\'{"train": {"error": true}}\')\n',
        "metrics 'metrics.json': 'train.error' is true, not a number",
    ),
    "metrics of a megabyte": (
        OUT + "(out / 'metrics.json').write_text(' ' * (1 << 20) + '{{}}')\n",
        "metrics 'metrics.json': larger than 1048576 bytes",
    ),
}


@pytest.mark.parametrize("fault", FAILURES)
def test_stage_that_fails(made: Package, fault: str) -> None:
    trainer, message = FAILURES[fault]
    made.write("training/train.py", trainer.replace("{{}}", "{}"))
    before = made.weights()
    shelf = snapshot(made.tree.cache / "aibootstrap/stages")
    shutil.rmtree(made.tree.cache / "aibootstrap/logs")
    (record,) = made.root.parent.glob("*.bootstrapinfo")
    recorded = record.read_bytes()
    done = bootstrap(made)
    assert_failed(made, done, WHERE + message.format(log=log_of(made)))
    assert made.weights() == before
    assert record.read_bytes() == recorded
    assert snapshot(made.tree.cache / "aibootstrap/stages") == shelf


NOT_MET = {
    "too large": ('{"train": {"error": 0.25}}', "not met (0.25)"),
    "not a number": ('{"train": {"error": NaN}}', "not met (nan)"),
    "below every bound": ('{"train": {"error": -Infinity}}', "not met (-inf)"),
    "not reported": ('{"train": {"loss": 0.01}}', "not met (not reported)"),
}


@pytest.mark.parametrize("fault", NOT_MET)
def test_criterion_that_is_not_met(made: Package, fault: str) -> None:
    metrics, verdict = NOT_MET[fault]
    trainer = OUT + f"(out / 'metrics.json').write_text({metrics!r})\n"
    made.write("training/train.py", trainer)
    before = made.weights()
    done = bootstrap(made)
    message = f"accept: train.error <= 0.1: {verdict}\n"
    message += "debian/aibootstrap is left as it was"
    assert_failed(made, done, message, 4, "refresh")
    assert made.weights() == before
    record = made.record()
    assert (record["Accepted"], record["Weights-In-Place"]) == ("no", "kept")
    assert record["Acceptance"].strip() == f"train.error <= 0.1: {verdict}"
    # The stage itself is finished: with another bound it need not run again.
    made.edit("debian/aibootstrap.yaml", "train.error <= 0.1", "train.error <= 9")
    again = bootstrap(made, DH_VERBOSE="1")
    assert "dh_aibootstrap_train: train: finished before with the same inputs" in (
        again.stdout
    )


def test_reduced_profile_is_judged_and_never_placed(made: Package) -> None:
    made.edit("debian/aibootstrap.yaml", "train.error <= 0.1", "train.error <= 9")
    before = made.weights()
    done = bootstrap(made, AIBOOTSTRAP_PROFILE="reduced", DH_VERBOSE="1").check()
    assert (
        "dh_aibootstrap_refresh: profile reduced: judged and recorded,"
        " debian/aibootstrap left as it was\n"
    ) in done.stdout
    assert made.weights() == before
    record = made.record()
    assert record["Profile"] == "reduced"
    assert (record["Accepted"], record["Weights-In-Place"]) == ("yes", "kept")
    assert "profile reduced: not the full recipe" in record["Taints"]
    assert made.aibootstrap("run", "--profile", "reduced").check()
    assert made.weights() == before
    # Not accepted, it fails as the full recipe does.
    made.edit("debian/aibootstrap.yaml", "train.error <= 9", "train.error <= 1")
    done = made.aibootstrap("run", "--profile", "reduced")
    assert done.status == 4
    assert made.weights() == before


def test_unknown_profile(made: Package) -> None:
    before = made.weights()
    done = made.aibootstrap("run", "--profile", "reducde")
    assert done.status == 2
    assert done.errors == [
        "aibootstrap: error: debian/aibootstrap.yaml: profiles: no profile 'reducde';"
        " did you mean 'reduced'?"
    ]
    assert made.weights() == before


def test_time_limit(package: Make) -> None:
    """SIGTERM comes first, so that the trainer can write a checkpoint."""
    trainer = """\
import os, pathlib, signal, sys, time
checkpoint = pathlib.Path(os.environ["AIBOOTSTRAP_CHECKPOINT_DIR"]) / "state"
if checkpoint.exists():
    print("went on from", checkpoint.read_text())
    sys.exit(5)
def stop(number, frame):
    checkpoint.write_text("epoch 7")
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
assert 0 < int(os.environ["AIBOOTSTRAP_DEADLINE"]) - time.time() <= 1
time.sleep(60)
"""
    toy = package(train=trainer)
    toy.edit(
        "debian/aibootstrap.yaml",
        "metrics: metrics.json\n",
        "metrics: metrics.json\n    resources: {time: 1s}\n",
    )
    done = bootstrap(toy)
    assert_failed(
        toy,
        done,
        WHERE + "stopped after its time limit of 1 s; what it kept as checkpoints is"
        f" used by the next run (log: {log_of(toy)})",
    )
    done = bootstrap(toy)
    assert_failed(
        toy,
        done,
        WHERE + "python3 returned exit status 5: went on from epoch 7 (log:"
        f" {log_of(toy)})",
    )
    assert not toy.path("debian/aibootstrap").exists()


@pytest.mark.parametrize(
    "resources, message",
    [
        ("{memory: 900000G}", r"it takes 966368 TB of memory, and "),
        ("{disk: 900000G}", r"it takes 966368 TB of disk, and "),
    ],
)
def test_too_little_memory_or_disk(made: Package, resources: str, message: str) -> None:
    made.edit(
        "debian/aibootstrap.yaml",
        "metrics: metrics.json\n",
        f"metrics: metrics.json\n    resources: {resources}\n",
    )
    before = made.weights()
    done = bootstrap(made)
    (error,) = done.errors
    start, _, end = message.partition("966368 TB")
    assert error.startswith(f"dh_aibootstrap_train: error: {WHERE}{start}")
    assert end in error and " are free" in error
    assert (done.status, made.result()["Exit-Status"]) == (75, "75")
    assert made.weights() == before


ENVIRONMENT = TRAIN + (
    "(options.out / 'environment').write_text(json.dumps(dict(os.environ)))\n"
    "(options.out / 'folder').write_text(json.dumps([os.getcwd(), os.listdir()]))\n"
)


def environment_manifest() -> str:
    return MANIFEST.replace(
        "outputs: [model.txt]",
        "outputs: [model.txt, environment, folder]\n"
        '    environment: {DATA: "{data}/x", RATE: "{epochs}", SAID: "ä b"}\n'
        "    resources: {cpus: 2, time: 1h}",
    ).replace("  epochs: 20\n", '  epochs: 20\n  rate: 0.5\n  name: "a b"\n')


def test_environment_of_a_stage_is_the_documented_one(package: Make) -> None:
    toy = package(train=ENVIRONMENT, manifest=environment_manifest())
    noise = {
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENBLAS_L2_SIZE": "512",
        "OMP_NUM_THREADS": "64",
        "LD_LIBRARY_PATH": "/opt/lib",
        "VIRTUAL_ENV": "/opt/venv",
        "LANG": "de_DE.UTF-8",
        "TZ": "Asia/Tokyo",
        "MAKEFLAGS": "-j7",
        "CUDA_VISIBLE_DEVICES": "0",
        "http_proxy": "http://127.0.0.1:9",
        "AIBOOTSTRAP_SEED": "7",
    }
    toy.bootstrap(**noise).check()
    (outputs,) = (toy.tree.cache / "aibootstrap/stages").glob("*/*/outputs")
    found = json.loads((outputs / "environment").read_text())
    scratch = toy.path("debian/.debhelper/aibootstrap").resolve()
    _, key, seed = toy.stamp()["Stages"].split()
    deadline = int(found.pop("AIBOOTSTRAP_DEADLINE"))
    checkpoints = Path(found.pop("AIBOOTSTRAP_CHECKPOINT_DIR"))
    assert checkpoints.name == key
    assert checkpoints.is_relative_to(toy.tree.cache / "aibootstrap")
    assert deadline > 1_700_000_000
    # make and dpkg set SOURCE_DATE_EPOCH from debian/changelog.
    assert found == {
        "AIBOOTSTRAP_ATTEMPT": "1",
        "AIBOOTSTRAP_PARAMETERS": '{"epochs": 20, "name": "a b", "rate": 0.5}',
        "AIBOOTSTRAP_SEED": seed,
        "DATA": f"{scratch}/datasets/data/x",
        "HOME": f"{scratch}/work/train/home",
        "LC_ALL": "C.UTF-8",
        "MKL_NUM_THREADS": "2",
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENBLAS_L2_SIZE": "512",
        "OPENBLAS_NUM_THREADS": "2",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "RATE": "20",
        "SAID": "ä b",
        "SOURCE_DATE_EPOCH": "1767225600",
        "TMPDIR": f"{scratch}/work/train/tmp",
        "TZ": "UTC",
    }
    assert json.loads((outputs / "folder").read_text()) == [
        f"{scratch}/work/train/folder",
        [],
    ]
    assert toy.record()["Environment"].split() == [
        "OPENBLAS_CORETYPE=Haswell",
        "OPENBLAS_L2_SIZE=512",
    ]
    # The manual page names each of those that are not the maintainer's own.
    manual = (ROOT / "debhelper/dh_aibootstrap_train").read_text()
    for name in ("CHECKPOINT_DIR", "ATTEMPT", "DEADLINE", "PARAMETERS", "SEED"):
        assert f"AIBOOTSTRAP_{name}" in manual


NETWORK = """\
import json, pathlib, socket, sys
out = pathlib.Path(sys.argv[-1])
with socket.socket() as server:
    server.bind(("127.0.0.1", 0))
    server.listen()
    with socket.create_connection(server.getsockname(), timeout=5) as client:
        peer, _ = server.accept()
        peer.sendall(b"x")
        assert client.recv(1) == b"x"
names = [name for _, name in socket.if_nameindex()]
assert names == ["lo"], names
for address in ("192.0.2.1", "1.1.1.1"):
    try:
        socket.create_connection((address, 53), timeout=5)
    except OSError as error:
        assert error.errno == 101, error  # ENETUNREACH
    else:
        raise SystemExit("the network is there")
out.joinpath("model.txt").write_text("x")
out.joinpath("metrics.json").write_text('{"train": {"error": 0}}')
"""


def test_stage_has_no_network_but_its_loopback(package: Make) -> None:
    toy = package(train=NETWORK)
    toy.bootstrap().check()
    record = toy.record()
    assert " network=none" in record["Stages"]
    assert "Taints" not in record


def test_plain_user(package: Make) -> None:
    """Not root, no home: the cache lies in the scratch, the network stays away.

    In a chroot the kernel lets nobody make user namespaces (user_namespaces(7)); then
    the record says that the network was open.
    """
    toy = package()
    # pytest's own folders are closed to others, so the copies lie beside them.
    public = Path("/tmp") / f"plain-user-{os.getpid()}"
    try:
        public.mkdir(mode=0o755)
        shutil.copytree(toy.root, public / "toy/toy-1.0")
        names = ["bin", "debhelper", "dh_aibootstrap", "perl-shims"]
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in names:
            shutil.copytree(ROOT / name, public / "tree" / name, ignore=ignore)
        toy.run("chown", "-R", "nobody:", public / "toy").check()
        user = Package(toy.tree, public / "toy/toy-1.0", "toy", "1.0")
        tree = public / "tree"
        extra = {
            "HOME": "/nonexistent",
            "XDG_CACHE_HOME": "",
            "PATH": f"{tree}/debhelper:{tree}/bin:/usr/bin:/bin",
            "PERL5LIB": f"{tree}/perl-shims",
            "PYTHONPATH": str(tree),
        }
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        namespaces = ["unshare", "--user", "--net", "true"]
        cut_off = user.run(*as_nobody, *namespaces).status == 0
        if cut_off:
            user.write("training/train.py", NETWORK)
        user.run(*as_nobody, "aibootstrap", "run", **extra).check()
        assert user.result()["Status"] == "done"
        assert user.path("debian/.debhelper/aibootstrap/cache/stages").is_dir()
        assert user.path("debian/aibootstrap/model.txt").owner() == "nobody"
        assert not Path("/nonexistent").exists()
        record = user.record()
        assert (" network=none" in record["Stages"]) == cut_off
        taint = "network was reachable in train"
        assert record.get("Taints", "").strip() == ("" if cut_off else taint)
        build = ["dpkg-buildpackage", "-d", "-us", "-uc", "-b"]
        user.run(*as_nobody, *build, **extra).check()
        assert user.deb().is_file()
    finally:
        shutil.rmtree(public)


def runs(toy: Package, done: Done) -> bool:
    """Tell whether the stage ran, or a finished one was used again."""
    running = "dh_aibootstrap_train: train: running\n" in done.stdout
    reused = (
        "dh_aibootstrap_train: train: finished before with the same inputs, reused\n"
    ) in done.stdout
    assert running != reused
    return running


def test_finished_stage_is_used_again_until_something_changes(package: Make) -> None:
    toy = package()
    verbose = {"DH_VERBOSE": "1"}
    assert runs(toy, bootstrap(toy, **verbose).check())
    weights = toy.weights()
    assert not runs(toy, bootstrap(toy, **verbose).check())
    assert " reused " in toy.record()["Stages"]
    assert toy.record()["Weights-In-Place"] == "unchanged"
    # A remark, another bound, another limit are not of the recipe.
    toy.edit("debian/aibootstrap.yaml", "format: 1\n", "# a remark\nformat: 1\n")
    assert not runs(toy, bootstrap(toy, **verbose).check())
    assert toy.weights()["model.txt"] == weights["model.txt"]
    # --fresh, and each part of the recipe.
    assert runs(toy, bootstrap(toy, AIBOOTSTRAP_FRESH="1", **verbose).check())
    assert toy.weights()["model.txt"] == weights["model.txt"]
    toy.edit("debian/aibootstrap.yaml", "epochs: 20", "epochs: 30")
    assert runs(toy, bootstrap(toy, **verbose).check())
    toy.write("training/data.txt", "1\n2\n3\n10\n")
    assert runs(toy, bootstrap(toy, **verbose).check())
    assert toy.read("debian/aibootstrap/model.txt").startswith("3.99")
    # What was made before is still known.
    toy.edit("debian/aibootstrap.yaml", "epochs: 30", "epochs: 20")
    toy.write("training/data.txt", "1\n2\n3\n6\n")
    assert not runs(toy, bootstrap(toy, **verbose).check())
    assert toy.weights()["model.txt"] == weights["model.txt"]


@pytest.mark.parametrize("how", ["flipped", "removed", "report"])
def test_damaged_finished_stage_is_made_again(package: Make, how: str) -> None:
    toy = package()
    bootstrap(toy).check()
    weights = toy.weights()
    (stage,) = (toy.tree.cache / "aibootstrap/stages").glob("*/*")
    path = stage / "outputs/model.txt"
    if how == "removed":
        path.unlink()
    elif how == "flipped":
        path.write_text("9" + path.read_text()[1:])
    else:
        report = stage / "report.json"
        report.write_text(report.read_text()[:-20])
    done = bootstrap(toy, DH_VERBOSE="1").check()
    assert runs(toy, done)
    assert toy.weights() == weights


def test_two_stages_and_a_failure_in_the_second(package: Make) -> None:
    """The first need not run again; its outputs are the second's inputs."""
    manifest = MANIFEST.replace("    metrics: metrics.json\n", "").replace(
        "weights:\n",
        "  judge:\n"
        '    command: [sh, "{data}/judge.sh", "{train}/model.txt", "{out}"]\n'
        "    needs: [data, train]\n"
        "    metrics: judged.json\n"
        "weights:\n",
    )
    judge = 'grep -q ^2.99 "$1" && echo \'{"train": {"error": 0}}\' > $2/judged.json\n'
    toy = package(manifest=manifest, files={"training/judge.sh": "exit 9\n"})
    done = bootstrap(toy)
    assert done.status == 1
    assert "stages.judge: sh returned exit status 9 (log: " in done.errors[0]
    assert not toy.path("debian/aibootstrap").exists()
    done = bootstrap(toy, DH_VERBOSE="1")
    assert not runs(toy, done)
    toy.write("training/judge.sh", judge)
    bootstrap(toy).check()
    names = [line.split()[0] for line in toy.stamp()["Stages"].strip().split("\n")]
    assert names == ["train", "judge"]


def test_two_stages_that_report_one_metric(package: Make) -> None:
    manifest = MANIFEST.replace(
        "weights:\n",
        "  again:\n"
        '    command: [cp, "{train}/metrics.json", "{out}"]\n'
        "    needs: [train]\n"
        "    metrics: metrics.json\n"
        "weights:\n",
    )
    toy = package(manifest=manifest)
    done = bootstrap(toy)
    message = "two stages report the metric 'train.error'"
    assert_failed(toy, done, message, 1, "refresh")
    assert not toy.path("debian/aibootstrap").exists()


BINARY = TRAIN + (
    "(options.out / 'net.bin').write_bytes(bytes(range(256)) * 40)\n"
    "(options.out / 'sub').mkdir()\n"
    "(options.out / 'sub/late.bin').write_bytes(b'x' * 5000 + bytes(10))\n"
)


def test_binary_weights_are_listed_for_dpkg_source(package: Make) -> None:
    manifest = MANIFEST.replace("[model.txt]", "[model.txt, net.bin, sub/late.bin]")
    manifest = manifest.replace(
        "accept:\n",
        "  net.bin: {from: train/net.bin}\n"
        "  late.bin: {from: train/sub/late.bin}\n"
        "accept:\n",
    )
    toy = package(
        version="1.0-1",
        train=BINARY,
        manifest=manifest,
        files={"debian/source/include-binaries": "debian/logo.png"},
    )
    toy.write("debian/logo.png", b"\x89PNG\0")
    toy.bootstrap().check()
    listed = toy.read("debian/source/include-binaries").splitlines()
    assert listed == ["debian/logo.png", "debian/aibootstrap/net.bin"]
    toy.bootstrap().check()
    assert toy.read("debian/source/include-binaries").splitlines() == listed
    assert set(toy.weights()) == {"model.txt", "net.bin", "late.bin", "provenance"}
    toy.rules("clean").check()
    toy.run("dpkg-source", "-b", ".").check()
    toy.run("dpkg-source", "-x", "../toy_1.0-1.dsc", "../unpacked").check()
    assert snapshot(toy.root.parent / "unpacked/debian/aibootstrap") == toy.weights()
    # The trap: without the list dpkg-source refuses them.
    toy.write("debian/source/include-binaries", "debian/logo.png\n")
    done = toy.run("dpkg-source", "-b", ".")
    assert done.status != 0
    assert "unwanted binary file: debian/aibootstrap/net.bin" in done.stderr


def test_weights_that_leave_the_manifest_leave_the_folder(package: Make) -> None:
    manifest = MANIFEST.replace("[model.txt]", "[model.txt, net.bin, sub/late.bin]")
    more = manifest.replace("accept:\n", "  net.bin: {from: train/net.bin}\naccept:\n")
    toy = package(train=BINARY, manifest=more)
    bootstrap(toy).check()
    toy.write("debian/aibootstrap/README", "a maintainer's own\n")
    toy.write("debian/aibootstrap.yaml", manifest)
    bootstrap(toy).check()
    assert set(toy.weights()) == {"README", "model.txt", "provenance"}


def test_full_disk_while_a_stage_writes(made: Package) -> None:
    before = made.weights()
    trainer = OUT + "(out / 'model.txt').write_text('x' * 150_000)\n"
    made.write("training/train.py", trainer)
    made.run("mkdir", "-p", "debian/.debhelper").check()
    done = made.run(*on_a_small_disk(made.path("debian/.debhelper"), "64k", STEPS))
    assert done.status == 1
    (error,) = done.errors
    said = f"{WHERE}python3 returned exit status 1: OSError: [Errno 28] No space left"
    assert error.startswith(f"dh_aibootstrap_train: error: {said} on device")
    assert "Traceback" not in done.stderr
    assert made.weights() == before
    # With room again it goes on.
    bootstrap(made).check()
    assert made.path("debian/aibootstrap/model.txt").stat().st_size == 150_000


@pytest.mark.parametrize("where", ["cache", "source"])
def test_full_disk_of_the_cache_or_the_source(made: Package, where: str) -> None:
    before = made.weights()
    trainer = OUT + "(out / 'model.txt').write_text('x' * 150_000)\n"
    made.write("training/train.py", trainer)
    if where == "cache":
        folder = made.tree.scratch / "small"
        folder.mkdir()
        extra = {"XDG_CACHE_HOME": str(folder)}
        done = made.run(*on_a_small_disk(folder, "100k", STEPS), **extra)
    else:
        # A limit on the size of files stands in for a full disk.
        script = (
            "dh_aibootstrap_fetch && dh_aibootstrap_train &&"
            " trap '' XFSZ && ulimit -f 100 && dh_aibootstrap_refresh"
        )
        done = made.run("sh", "-c", script)
    assert done.status == 1
    (error,) = done.errors
    assert "Traceback" not in done.stderr
    reason = "No space left on device" if where == "cache" else "File too large"
    assert error.endswith(reason)
    assert made.weights() == before
    bootstrap(made).check()
    assert made.path("debian/aibootstrap/model.txt").stat().st_size == 150_000
