# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nightly job for Salsa CI, run for real by gitlab-ci-local on its shell executor.

npm brings gitlab-ci-local, at the digests of tests/salsa/package-lock.json.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest
import yaml

from support.archives import Archive
from support.packages import DATA, MANIFEST, TRAIN, Makings, Package, fields, snapshot
from support.tree import ROOT, Done, Tree

SALSA = ROOT / "tests/salsa"
TEMPLATE = ROOT / "debhelper/salsa-ci-aibootstrap.yml"
JOB = "debian/salsa-ci-aibootstrap.yml"
RECIPE = "https://salsa.debian.org/salsa-ci-team/pipeline/raw/master/recipes/debian.yml"

NIGHTLY = {"CI_PIPELINE_SOURCE": "schedule", "AIBOOTSTRAP_NIGHTLY": "1"}
BYTES_KEPT = "debian/output/aibootstrap-cache/aibootstrap/files"

AS_COMMITTED = "aibootstrap: debian/aibootstrap is as it was committed"
NOT_AS_COMMITTED = "aibootstrap: debian/aibootstrap is not as it was committed"
CHANGED = (
    "aibootstrap: error: debian/aibootstrap is not as it was committed; see the diff"
)
FAILED = "aibootstrap: error: the run failed; its logs are among the artifacts"

COMMITTED = {"debian/aibootstrap/model.txt", "debian/aibootstrap/provenance"}
DIFF = "debian/output/aibootstrap/aibootstrap.diff"
ARCHITECTURE = subprocess.check_output(
    ["dpkg", "--print-architecture"], text=True
).strip()
RECORD = f"debian/output/aibootstrap/toy_1.0_{ARCHITECTURE}.bootstrapinfo"


@dataclass(frozen=True)
class Pipeline:
    """How a pipeline ended: its exit status, and what each job said and left."""

    done: Done
    jobs: dict[str, list[str]]
    artifacts: Path

    @property
    def log(self) -> list[str]:
        """The lines of the job aibootstrap, none where it was not started."""
        return self.jobs.get("aibootstrap", [])

    @property
    def status(self) -> int:
        """The exit status of the job, as gitlab-ci-local tells it where it is not 0."""
        told = r"^aibootstrap +finished in .* (?:FAIL|WARN) +([0-9]+) *$"
        found = re.findall(told, self.done.stderr, re.MULTILINE)
        assert len(found) < 2
        return int(found[0]) if found else 0

    @property
    def verdict(self) -> list[str]:
        """The lines of the job that tell how the weights stand to the commit."""
        return [line for line in self.log if line in (AS_COMMITTED, NOT_AS_COMMITTED)]

    @property
    def errors(self) -> list[str]:
        """The lines of the job in which the command or the job names an error."""
        return [line for line in self.log if line.startswith("aibootstrap: error: ")]

    def names(self) -> set[str]:
        """The files among the artifacts, the logs' names without their digest."""
        found = snapshot(self.artifacts)
        files = {name for name, (mode, _) in found.items() if mode.startswith("-")}
        logs = "debian/output/aibootstrap/logs/"
        return {logs if name.startswith(logs) else name for name in files}

    def read(self, name: str) -> str:
        """Return the text of an artifact."""
        return (self.artifacts / name).read_text("utf-8")

    def logs(self) -> str:
        """Return what the stages printed."""
        folder = self.artifacts / "debian/output/aibootstrap/logs"
        return "".join(path.read_text("utf-8") for path in sorted(folder.iterdir()))


@dataclass(frozen=True)
class Checkout:
    """A package in git, as GitLab checks it out, and gitlab-ci-local."""

    package: Package
    runner: Path

    def gitlab(self, *words: str, **variables: str) -> Done:
        """Run gitlab-ci-local with these CI variables."""
        options: list[str | Path] = [
            "--file",
            "debian/salsa-ci.yml",
            "--force-shell-executor",
        ]
        for name, value in variables.items():
            options += ["--variable", f"{name}={value}"]
        home = self.package.root.parent / "home"
        home.mkdir(exist_ok=True)
        return self.package.tree.run(
            [tool("node"), self.runner, *options, *words],
            self.package.root,
            {"HOME": str(home), "NO_COLOR": "1", "XDG_CACHE_HOME": ""},
        )

    def job(self, **variables: str) -> tuple[str, ...] | None:
        """Return when the job would run and if it may fail; None where it's absent."""
        done = self.gitlab("--list-csv", "--no-json-schema-validation", **variables)
        listed = done.check().stdout.splitlines()
        start = listed.index("name;description;stage;when;allowFailure;needs")
        rows = {row.split(";")[0]: row.split(";") for row in listed[start + 1 :]}
        assert "build" in rows, "the recipe's own job is gone"
        return tuple(rows["aibootstrap"][2:]) if "aibootstrap" in rows else None

    def pipeline(self, *words: str, **variables: str) -> Pipeline:
        """Run a pipeline; no variables: the nightly one."""
        done = self.gitlab(
            "--no-json-schema-validation", *words, **(variables or NIGHTLY)
        )
        state = self.package.root / ".gitlab-ci-local"
        jobs = {path.stem: said_by(path) for path in sorted(state.glob("output/*.log"))}
        return Pipeline(done, jobs, state / "artifacts/aibootstrap")

    def nightly(self, **variables: str) -> Pipeline:
        """Run the nightly pipeline with further variables."""
        return self.pipeline(**NIGHTLY, **variables)

    def git(self, *words: str) -> str:
        """Run git and return what it says."""
        return self.package.run("git", *words).check().stdout

    def commit(self) -> None:
        """Commit all that git does not ignore."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=Change")


def said_by(log: Path) -> list[str]:
    """Return what a job printed, without the commands that it was given."""
    lines = log.read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("$ ")]


def tool(name: str) -> Path:
    """Return the path of a program; fails where there is none."""
    found = shutil.which(name)
    assert found, f"{name} is missing: tests/run installs what the tests need"
    return Path(found)


@pytest.fixture(scope="session")
def runner() -> Path:
    """The program gitlab-ci-local, brought by npm once and kept in build/."""
    tool("rsync")
    lock = (SALSA / "package-lock.json").read_bytes()
    folder = ROOT / "build/gitlab-ci-local"
    program = folder / "node_modules/gitlab-ci-local/src/index.js"
    # Copied last, so it stands only where npm came to its end.
    mark = folder / "installed.json"
    if not mark.is_file() or mark.read_bytes() != lock:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SALSA / name, folder)
        # With the environment around the tests: it says how the registry is reached.
        command = [str(tool("npm")), "ci", "--ignore-scripts", "--no-audit"]
        subprocess.run([*command, "--no-fund"], cwd=folder, check=True, timeout=300)
        mark.write_bytes(lock)
    return program


def make_checkout(tree: Tree, folder: Path, runner: Path, **makings: str) -> Checkout:
    """Make a package with the job, as its maintainer would; nothing is trained yet."""
    files = {
        ".gitignore": ".gitlab-ci-local/\ndebian/.debhelper/\ndebian/output/\n",
        "ci/recipe.yml": (SALSA / "recipe.yml").read_text("utf-8"),
    }
    package = Makings(**makings).write(tree, folder, files)
    said = package.aibootstrap("init", "--salsa-ci").check().stdout
    package.write("debian/salsa-ci.yml", f"---\n{include_of(said)}")
    checkout = Checkout(package, runner)
    checkout.git("init", "--quiet", "--initial-branch=debian/latest")
    for name, value in (
        ("user.name", "A Maintainer"),
        ("user.email", "maintainer@example.org"),
        ("remote.origin.url", "https://git.example.org/team/toy.git"),
    ):
        checkout.git("config", name, value)
    return checkout


def include_of(said: str) -> str:
    """Return the lines for debian/salsa-ci.yml that `init --salsa-ci` prints.

    The recipe, which a machine without network can't have, gets its stand-in.
    """
    lines = said.splitlines()
    start = lines.index("    include:")
    snippet = "".join(f"{line[4:]}\n" for line in lines[start : start + 3])
    assert snippet.count(RECIPE) == 1
    return snippet.replace(f"- {RECIPE}", "- local: ci/recipe.yml")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, runner: Path) -> Checkout:
    """A checkout with trained weights in the commit; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("salsa")
    checkout = make_checkout(Tree(folder), folder / "made", runner)
    checkout.package.aibootstrap("run").check()
    checkout.package.rules("clean").check()
    checkout.commit()
    return checkout


@pytest.fixture
def checkout(trained: Checkout, tree: Tree, tmp_path: Path) -> Checkout:
    """A fresh checkout of the package with trained weights."""
    root = tmp_path / "builds" / "toy"
    shutil.copytree(trained.package.root, root, symlinks=True)
    return Checkout(Package(tree, root, "toy", "1.0"), trained.runner)


def assert_source_as_committed(checkout: Checkout) -> None:
    assert checkout.git("status", "--porcelain") == ""


# What is written


def test_template_is_clean() -> None:
    files = [TEMPLATE, SALSA / "recipe.yml"]
    done = subprocess.run(
        [tool("yamllint"), "--strict", *files], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_init_writes_the_job_and_says_what_to_add(
    package: Callable[[], Package]
) -> None:
    toy = package()
    before = toy.source()
    done = toy.aibootstrap("init", "--salsa-ci").check()
    assert done.stdout.splitlines() == [
        f"{JOB} written.",
        "Next:",
        "  debian/salsa-ci.yml, beside the recipe of Salsa CI:",
        "    include:",
        f"      - {RECIPE}",
        f"      - local: {JOB}",
        "  on Salsa:   a pipeline schedule with the variable AIBOOTSTRAP_NIGHTLY set"
        " to 1",
        "  in git:     debian/aibootstrap; the job is red where a retrain changes it",
    ]
    assert {**before, JOB: toy.source()[JOB]} == toy.source()
    assert toy.read(JOB) == TEMPLATE.read_text("utf-8")


def test_init_leaves_a_job_that_is_there(package: Callable[[], Package]) -> None:
    toy = package()
    toy.write(JOB, "mine\n")
    done = toy.aibootstrap("init", "--salsa-ci")
    assert done.status == 1
    assert done.errors == [
        f"aibootstrap: error: {JOB} exists; it is left as it is",
    ]
    assert toy.read(JOB) == "mine\n"


# When it runs

RUNS = ("test", "on_success", "false", "[]")
BY_HAND = ("test", "manual", "true", "[]")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("CI_PIPELINE_SOURCE=push", None),
        ("CI_PIPELINE_SOURCE=push AIBOOTSTRAP_NIGHTLY=1", None),
        ("CI_PIPELINE_SOURCE=push CI_COMMIT_TAG=debian/1.0-1", None),
        ("CI_PIPELINE_SOURCE=merge_request_event AIBOOTSTRAP_NIGHTLY=1", None),
        ("CI_PIPELINE_SOURCE=schedule", None),
        ("CI_PIPELINE_SOURCE=schedule AIBOOTSTRAP_NIGHTLY=0", None),
        ("CI_PIPELINE_SOURCE=schedule AIBOOTSTRAP_NIGHTLY=1", RUNS),
        ("CI_PIPELINE_SOURCE=schedule AIBOOTSTRAP_NIGHTLY=yes", RUNS),
        (
            "CI_PIPELINE_SOURCE=schedule AIBOOTSTRAP_NIGHTLY=1"
            " SALSA_CI_DISABLE_AIBOOTSTRAP=yes",
            None,
        ),
        (
            "CI_PIPELINE_SOURCE=schedule AIBOOTSTRAP_NIGHTLY=1"
            " SALSA_CI_DISABLE_AIBOOTSTRAP=0",
            RUNS,
        ),
        (
            "CI_PIPELINE_SOURCE=schedule AIBOOTSTRAP_NIGHTLY=1"
            " CI_COMMIT_TAG=debian/1.0-1 SALSA_CI_ENABLE_PIPELINE_ON_TAGS=1",
            None,
        ),
        ("CI_PIPELINE_SOURCE=web", BY_HAND),
        ("CI_PIPELINE_SOURCE=web SALSA_CI_DISABLE_AIBOOTSTRAP=1", None),
        (
            "CI_PIPELINE_SOURCE=web CI_COMMIT_TAG=debian/1.0-1"
            " SALSA_CI_ENABLE_PIPELINE_ON_TAGS=1",
            None,
        ),
    ],
)
def test_when_the_job_is_there(
    trained: Checkout, variables: str, expected: tuple[str, ...] | None
) -> None:
    given = dict(word.split("=", 1) for word in variables.split())
    assert trained.job(**given) == expected


def test_on_a_push_only_the_recipe_runs(checkout: Checkout) -> None:
    run = checkout.pipeline(CI_PIPELINE_SOURCE="push")
    assert run.done.status == 0
    assert run.jobs == {"build": ["the recipe builds for unstable"]}
    assert not run.artifacts.exists()


def test_by_hand_it_waits_and_may_fail(checkout: Checkout) -> None:
    checkout.package.write("training/data.txt", "no number\n")
    checkout.commit()
    run = checkout.pipeline(CI_PIPELINE_SOURCE="web")
    assert run.done.status == 0
    assert set(run.jobs) == {"build"}
    run = checkout.pipeline("--manual", "aibootstrap", CI_PIPELINE_SOURCE="web")
    assert run.errors[-1] == FAILED
    assert (run.done.status, run.status) == (0, 1)


# What comes of it


def test_unchanged_is_green(checkout: Checkout) -> None:
    run = checkout.pipeline()
    assert run.done.status == 0
    assert run.verdict == [AS_COMMITTED]
    assert run.errors == []
    assert run.names() == {
        *COMMITTED,
        DIFF,
        RECORD,
        "debian/output/aibootstrap/logs/",
    }
    assert run.read(DIFF) == ""
    for name in COMMITTED:
        assert run.read(name) == checkout.git("show", f"HEAD:{name}")
    record = fields(run.artifacts / RECORD)
    assert record["Weights-In-Place"] == "unchanged"
    assert_source_as_committed(checkout)


def test_each_nightly_trains(checkout: Checkout) -> None:
    first = fields_of_record(checkout.pipeline())
    # Where a runner keeps its folder, the finished stage of the last night is there.
    finished = checkout.package.path("debian/output/aibootstrap-cache/aibootstrap")
    assert list(finished.glob("stages/*/*"))
    second = fields_of_record(checkout.pipeline())
    for record in (first, second):
        (stage,) = record["Stages"].strip().splitlines()
        assert stage.split()[2] == "run"


def fields_of_record(run: Pipeline) -> dict[str, str]:
    assert run.done.status == 0, run.log
    return fields(run.artifacts / RECORD)


def test_another_trainer_is_red_and_leaves_the_diff(checkout: Checkout) -> None:
    old = checkout.package.read("debian/aibootstrap/model.txt")
    checkout.package.edit("training/train.py", "0.5 *", "0.4 *")
    checkout.commit()
    run = checkout.pipeline()
    assert run.done.status == 1
    assert run.errors == [CHANGED]
    new = run.read("debian/aibootstrap/model.txt")
    assert new != old
    diff = run.read(DIFF).splitlines()
    assert f"-{old.strip()}" in diff and f"+{new.strip()}" in diff
    assert "--- a/debian/aibootstrap/provenance" in diff
    assert fields(run.artifacts / RECORD)["Weights-In-Place"] == "changed"
    assert run.names() >= {*COMMITTED, DIFF, RECORD}


def test_another_trainer_is_green_where_anything_is_expected(
    checkout: Checkout,
) -> None:
    checkout.package.edit("training/train.py", "0.5 *", "0.4 *")
    checkout.commit()
    run = checkout.nightly(AIBOOTSTRAP_EXPECT="any")
    assert run.done.status == 0
    assert run.verdict == [NOT_AS_COMMITTED]
    assert "--- a/debian/aibootstrap/model.txt" in run.read(DIFF).splitlines()


def test_expectation_of_the_package(checkout: Checkout) -> None:
    """debian/salsa-ci.yml overrides the variables of the job's file."""
    checkout.package.edit("training/train.py", "0.5 *", "0.4 *")
    text = checkout.package.read("debian/salsa-ci.yml")
    checkout.package.write(
        "debian/salsa-ci.yml", f"{text}variables:\n  AIBOOTSTRAP_EXPECT: any\n"
    )
    checkout.commit()
    assert checkout.pipeline().verdict == [NOT_AS_COMMITTED]


def test_weights_by_hand_are_red(checkout: Checkout) -> None:
    """The stamp is the trainer's and the weights are not."""
    checkout.package.write("debian/aibootstrap/model.txt", "better\n")
    checkout.commit()
    run = checkout.pipeline()
    assert (run.done.status, run.errors) == (1, [CHANGED])
    diff = run.read(DIFF)
    assert "\n-better\n" in diff and "provenance" not in diff


@pytest.mark.parametrize("ignored", ["", "debian/aibootstrap/\n"])
def test_weights_that_were_never_committed(checkout: Checkout, ignored: str) -> None:
    checkout.git("rm", "-r", "--quiet", "debian/aibootstrap")
    text = checkout.package.read(".gitignore")
    checkout.package.write(".gitignore", text + ignored)
    checkout.commit()
    run = checkout.pipeline()
    assert (run.done.status, run.errors) == (1, [CHANGED])
    assert run.names() >= COMMITTED
    added = {line for line in run.read(DIFF).splitlines() if line.startswith("+++ ")}
    assert added == {f"+++ b/{name}" for name in COMMITTED}


def test_training_that_fails_is_red(checkout: Checkout) -> None:
    checkout.package.write("training/data.txt", "no number\n")
    checkout.commit()
    run = checkout.pipeline()
    assert run.done.status == 1
    assert run.status == 1
    assert run.errors[-1] == FAILED
    assert "could not convert string to float: 'no'" in run.logs()
    assert run.names() == {*COMMITTED, "debian/output/aibootstrap/logs/"}
    assert_source_as_committed(checkout)


def test_criterion_that_is_not_met_is_red(checkout: Checkout) -> None:
    checkout.package.edit("debian/aibootstrap.yaml", "epochs: 20", "epochs: 2")
    checkout.commit()
    run = checkout.pipeline()
    assert run.done.status == 1
    assert run.errors[0].startswith("aibootstrap: error: accept: train.error <= 0.1")
    assert run.errors[-1] == FAILED
    assert run.status == 4
    assert fields(run.artifacts / RECORD)["Accepted"] == "no"
    assert_source_as_committed(checkout)


def test_expectation_that_is_none(checkout: Checkout) -> None:
    run = checkout.nightly(AIBOOTSTRAP_EXPECT="something")
    assert (run.done.status, run.status) == (1, 2)
    assert run.errors == [
        "aibootstrap: error: AIBOOTSTRAP_EXPECT=something: set unchanged or any"
    ]
    assert not checkout.package.path("debian/output").exists()


def test_stopped_in_time_to_keep_the_artifacts(
    checkout: Checkout, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    checkout.package.write(
        "training/train.py",
        "import os, pathlib, time\n"
        "print('began', flush=True)\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(120)\n",
    )
    checkout.commit()
    run = checkout.nightly(AIBOOTSTRAP_TIMEOUT="10s")
    assert run.done.status == 1
    assert run.status == 124
    assert run.errors[-1] == "aibootstrap: error: AIBOOTSTRAP_TIMEOUT=10s is over"
    assert "began" in run.logs()
    assert_ended(int(pid.read_text()))
    assert_source_as_committed(checkout)


def assert_ended(pid: int) -> None:
    """Wait for a process that was told to end."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"process {pid} still runs")


def test_record_of_another_run_is_left_out(checkout: Checkout) -> None:
    beside = checkout.package.root.parent
    (beside / f"toy_0.9_{ARCHITECTURE}.bootstrapinfo").write_text("of an older run\n")
    run = checkout.pipeline()
    assert {name for name in run.names() if name.endswith("info")} == {RECORD}


# What it needs


def test_cache_keeps_datasets_and_nothing_else(
    tree: Tree, tmp_path: Path, runner: Path, archive: Archive
) -> None:
    data = archive.add({"train.py": TRAIN, "data.txt": DATA})
    manifest = MANIFEST.replace(
        "  data:\n    path: training\n    licence: GPL-3+\n"
        "    lineage: counted by hand\n",
        data.manifest_entry(),
    )
    checkout = make_checkout(tree, tmp_path / "builds", runner, manifest=manifest)
    toy = checkout.package
    toy.aibootstrap("run", AIBOOTSTRAP_DATASETS=str(data.dsc.parent)).check()
    shutil.rmtree(tree.cache)
    checkout.commit()
    run = checkout.nightly(AIBOOTSTRAP_DATASETS=str(data.dsc.parent))
    assert (run.done.status, run.verdict) == (0, [AS_COMMITTED])
    kept = {path.name for path in toy.path(BYTES_KEPT).rglob("*") if path.is_file()}
    assert kept == {data.sha256, *digests_in(data.dsc)}
    # The next night: a fresh checkout, what was kept, and no archive anywhere.
    shutil.move(toy.path(BYTES_KEPT), tmp_path / "kept")
    checkout.git("clean", "--quiet", "-ffdx")
    shutil.move(tmp_path / "kept", toy.path(BYTES_KEPT))
    archive.use("file:/nonexistent")
    run = checkout.nightly(**archive.environment)
    assert (run.done.status, run.verdict) == (0, [AS_COMMITTED])
    (stage,) = fields(run.artifacts / RECORD)["Stages"].strip().splitlines()
    assert stage.split()[2] == "run"


def digests_in(dsc: Path) -> set[str]:
    lines = fields(dsc)["Checksums-Sha256"].strip().splitlines()
    return {line.split()[0] for line in lines}


def test_file_is_what_gitlab_takes(trained: Checkout) -> None:
    """gitlab-ci-local holds it against GitLab's own schema."""
    shown = trained.gitlab("--preview", **NIGHTLY).check().stdout
    job = yaml.safe_load(shown[shown.index("---\n") :])["aibootstrap"]
    (cache,) = job["cache"]
    assert cache["paths"] == [f"{BYTES_KEPT}/"]
    assert cache["key"]["files"] == ["debian/aibootstrap.yaml"]
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["expire_in"]
    assert job["needs"] == []
    assert job["timeout"] == "3h"


def test_build_dependencies_of_the_target_are_asked_of_apt(
    tree: Tree, tmp_path: Path, runner: Path, archive: Archive
) -> None:
    """apt itself, which simulates; so the run then tells what is missing still."""
    pool = tmp_path / "pool"
    for name in ("toy-trainer", "toy-docs"):
        make_deb(tree, pool, name)
    listed = tree.run(["apt-ftparchive", "packages", "."], pool).check()
    (pool / "Packages").write_text(listed.stdout)
    archive.use("file:/nonexistent")
    (archive.apt / "sources.list.d/archive.list").unlink()
    (archive.apt / "sources.list").write_text(f"deb [trusted=yes] file:{pool} ./\n")
    with (archive.apt / "apt.conf").open("a") as conf:
        conf.write('APT::Get::Simulate "true";\n')
    checkout = make_checkout(
        tree,
        tmp_path / "builds",
        runner,
        build_depends="debhelper-compat (= 13),"
        " toy-trainer <pkg.toy.aibootstrap>, toy-docs <pkg.toy.docs>",
        more_source_fields="Build-Depends-Indep: toy-docs\n",
    )
    checkout.commit()
    run = checkout.nightly(**archive.environment)
    assert (run.done.status, run.status) == (1, 75)
    installed = [line.split()[1] for line in run.log if line.startswith("Inst ")]
    assert installed == ["toy-trainer"]
    assert run.errors == [
        "aibootstrap: error: build dependencies are missing: toy-trainer; install"
        " them with 'apt-get build-dep --arch-only -P pkg.toy.aibootstrap .'",
        FAILED,
    ]


def make_deb(tree: Tree, pool: Path, name: str) -> None:
    control = pool / name / "DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text(
        f"Package: {name}\nVersion: 1.0\nArchitecture: all\n"
        "Maintainer: A Maintainer <maintainer@example.org>\n"
        "Description: what a training needs\n"
    )
    tree.run(["dpkg-deb", "--build", name, "."], pool).check()


def test_package_prepares_the_machine_its_own_way(checkout: Checkout) -> None:
    text = checkout.package.read("debian/salsa-ci.yml")
    checkout.package.write(
        "debian/salsa-ci.yml",
        f"{text}aibootstrap:\n"
        "  before_script:\n"
        "    - echo one more archive\n"
        "    - !reference [.aibootstrap-prepare, script]\n",
    )
    checkout.commit()
    run = checkout.pipeline()
    assert (run.done.status, run.verdict) == (0, [AS_COMMITTED])
    assert run.log.index("one more archive") < run.log.index("/usr/bin/git")
