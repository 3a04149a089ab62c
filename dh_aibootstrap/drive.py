# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive a whole bootstrap: build dependencies, patches, target, and a fresh stamp."""

from __future__ import annotations

import ctypes
import os
import re
import secrets
import shlex
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Mapping, Sequence

from . import pipeline
from .digest import sha256_file
from .errors import Error, MissingError
from .layout import Layout
from .package import profile_name
from .programs import describe, last_words, run, run_or_fail
from .train.launch import GRACE

RULES = Path("debian/rules")

# prctl(2), <linux/prctl.h>: orphans below us become our children, so we can wait for
# the last of them.
_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Unmet:
    """Build dependencies that are not met: for the target, for other builds only."""

    needed: tuple[str, ...]
    other: tuple[str, ...]
    conflicts: tuple[str, ...]  # of the target


def unmet_dependencies(layout: Layout, source: str) -> Unmet:
    """Return what dpkg-checkbuilddeps misses under the profile of the training.

    `dpkg-buildpackage --target=bootstrap` counts as a full build and asks for
    Build-Depends-Indep too (Dpkg/BuildTypes.pm); the target does not need them.
    """
    profile = f"-P{profile_name(source)}"
    needed, conflicts = _unmet(layout, [profile, "-B"])
    every, _ = _unmet(layout, [profile])
    other = tuple(name for name in every if name not in needed)
    return Unmet(needed, other, conflicts)


def _unmet(
    layout: Layout, options: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the dependencies that are not met, and the conflicts that are."""
    done = run(["dpkg-checkbuilddeps", *options], layout.root)
    unmet = _relations(done.errors, r"[Uu]nmet build dependencies: (.*)")
    conflicts = _relations(done.errors, r"[Bb]uild conflicts: (.*)")
    if not done.ok and not unmet and not conflicts:
        raise Error(f"'dpkg-checkbuilddeps' failed{last_words(done.errors)}")
    return unmet, conflicts


def _relations(text: str, pattern: str) -> tuple[str, ...]:
    # A relation is a name, perhaps a version in brackets, and perhaps alternatives.
    one = r"[^\s|]+(?: \([^)]*\))?"
    lines = re.findall(pattern, text)
    return tuple(
        word for line in lines for word in re.findall(rf"{one}(?: \| {one})*", line)
    )


def check_dependencies(
    layout: Layout, source: str, tell: Callable[[str], None]
) -> None:
    """Raise MissingError where the target lacks a build dependency."""
    unmet = unmet_dependencies(layout, source)
    if unmet.other:
        tell(
            "note: not installed, and not needed by the bootstrap target"
            f" (Build-Depends-Indep): {', '.join(unmet.other)}"
        )
    if unmet.needed:
        raise MissingError(
            f"build dependencies are missing: {', '.join(unmet.needed)}; install them"
            f" with 'apt-get build-dep --arch-only -P {profile_name(source)} .'"
        )
    if unmet.conflicts:
        raise MissingError(
            "packages are installed that the source conflicts with:"
            f" {', '.join(unmet.conflicts)}; remove them"
        )


def bootstrap(
    layout: Layout,
    source: str,
    options: Mapping[str, str],
    tell: Callable[[str], None],
) -> dict[str, str]:
    """Run clean and bootstrap of debian/rules; return the fields of a fresh result.

    `options` are further environment variables. The exit status of make says only
    that something failed, or nothing at all; the result file and the stamp decide.
    Raises Error where there is no fresh result, or it is not of this run.
    """
    token = secrets.token_hex(16)
    profiles = os.environ.get("DEB_BUILD_PROFILES", "").split()
    wanted = profile_name(source)
    profiles += [] if wanted in profiles else [wanted]
    command = ["dpkg-buildpackage", "-d", "-us", "-uc", "-P" + ",".join(profiles)]
    command += ["--target=clean,bootstrap"]
    environment = {
        **os.environ,
        "AIBOOTSTRAP_PROGRESS": "1",
        **options,
        "AIBOOTSTRAP_RUN": token,
    }
    # dpkg-buildpackage leaves this out where it is given a target.
    run_or_fail(["dpkg-source", "--before-build", "."], layout.root)
    pipeline.clear_result(layout)
    tell(shlex.join(command))
    try:
        status = _run_alone(command, layout.root, environment)
    finally:
        run_or_fail(["dpkg-source", "--after-build", "."], layout.root)
    result = pipeline.read_result(layout)
    if result.get("Run") == token:
        _check_stamp(layout, result)
        return result
    if status != 0:
        raise Error(f"{describe(command, status)}; see above")
    raise Error(_why_nothing(layout))


def _run_alone(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> int:
    """Run a command to its end, or ours, and return its exit status.

    It leads a process group: a signal that ends us reaches all of make, dh and what
    they run, and we wait for the last of them, which says how it ended.
    """
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, process_group=0
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        _end_group(process.pid)
        raise


def _end_group(group: int) -> None:
    timer = threading.Timer(GRACE + 5, os.killpg, (group, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    try:
        os.killpg(group, signal.SIGTERM)
        while True:
            os.waitpid(-group, 0)
    except (ChildProcessError, ProcessLookupError):
        pass  # the last one has ended
    finally:
        timer.cancel()


def _check_stamp(layout: Layout, result: Mapping[str, str]) -> None:
    noted = result.get("Stamp-Sha256")
    if noted and (not layout.stamp.is_file() or sha256_file(layout.stamp) != noted):
        raise Error("the stamp is not the one that this run left; run again")


def _why_nothing(layout: Layout) -> str:
    """Return why make could end well and nothing be trained."""
    said = "debian/rules bootstrap ended well, but nothing was trained: "
    rules = (layout.root / RULES).read_text("utf-8", "replace")
    if (layout.root / "bootstrap").exists() and not has_explicit_rule(rules):
        return said + (
            "make took the file 'bootstrap' for the target; give debian/rules the rule"
            " 'bootstrap:' with the recipe 'dh $@', and '.PHONY: bootstrap'"
        )
    if re.search(r"^\.PHONY:.*\bbootstrap\b", rules, re.MULTILINE):
        if not has_explicit_rule(rules):
            return said + (
                "make applies no pattern rule to a .PHONY target; give debian/rules the"
                " rule 'bootstrap:' with the recipe 'dh $@'"
            )
    return said + (
        "no binary package can be built on this architecture and under these profiles,"
        " or debian/rules bootstrap does not call 'dh bootstrap'"
    )


def has_explicit_rule(rules: str) -> bool:
    """Tell whether a makefile has a rule of its own for bootstrap, or includes ours."""
    rule = re.search(
        r"^([^\s#:.][^:#=\n]*\s)?bootstrap\s*::?(?!=)", rules, re.MULTILINE
    )
    return rule is not None or "aibootstrap.mk" in rules
