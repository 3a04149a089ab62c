# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `aibootstrap`, for people.

Exit status: 0 done, 1 failed to train from scratch, 2 usage or manifest, 3 something
would run (status), 4 a criterion is not met, 75 an input or a resource is missing for
now, 77 skipped.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from . import beginning, drive, paragraph, pipeline
from .command import Command, diff, sign, tally, verify
from .errors import Error, NotAcceptedError, SkippedError, UsageError
from .exchange import settle_exchange
from .layout import MANIFEST, WEIGHTS, Layout, find_layout
from .package import host_architecture, read_source
from .record import file_name

SOMETHING_WOULD_RUN = 3
# Sub-commands with a module of their own, in the order of --help.
COMMANDS: tuple[Command, ...] = (verify, sign, tally, diff)


def main(arguments: list[str] | None = None) -> int:
    """Run one sub-command in the current folder; return the exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        status: int = options.function(options)
        return status
    except Error as error:
        for line in str(error).splitlines():
            print(f"aibootstrap: error: {line}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        text = "interrupted; the next run goes on from here"
        print(f"aibootstrap: error: {text}", file=sys.stderr)
        return 1
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        print(f"aibootstrap: error: {name}{error.strerror or error}", file=sys.stderr)
        return 1


def _terminated(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aibootstrap",
        description="Make the trained models of a package anew from their source.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    init = commands.add_parser("init", help=f"write a first {MANIFEST}")
    init.add_argument(
        "--salsa-ci", action="store_true", help="write the nightly job for Salsa CI"
    )
    init.set_defaults(function=_init)
    status = commands.add_parser(
        "status", help="tell what would run and why; exit status 3 if anything would"
    )
    _add_profile(status)
    status.set_defaults(function=_status)
    run = commands.add_parser("run", help="make the weights anew and judge the result")
    _add_profile(run)
    run.add_argument(
        "--fresh", action="store_true", help="reuse no stage that was finished before"
    )
    run.add_argument(
        "-v", "--verbose", action="store_true", help="show what the stages print"
    )
    run.set_defaults(function=_run)
    for module in COMMANDS:
        module.add(commands)
    return parser


def _add_profile(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("AIBOOTSTRAP_PROFILE", "")
    parser.add_argument(
        "--profile",
        default=default,
        metavar="NAME",
        help="a profile of the manifest, as in 'reduced'; its weights are not put"
        f" into {WEIGHTS}",
    )


def _layout() -> Layout:
    root = Path.cwd()
    if not (root / "debian/changelog").is_file():
        raise UsageError(
            "debian/changelog: not found; run this at the top of a source package"
        )
    layout = find_layout(root, os.environ)
    settle_exchange(layout.weights)
    return layout


def _init(options: argparse.Namespace) -> int:
    layout = _layout()
    if options.salsa_ci:
        print(beginning.write_salsa_job(layout))
    else:
        print(beginning.write_manifest(layout, read_source(layout.root).name))
    return 0


def _status(options: argparse.Namespace) -> int:
    run = pipeline.open_run(_layout(), {**os.environ, **_environment(options)})
    steps = pipeline.plan(run)
    width = max(len(f"{step.verb} {step.name}") for step in steps)
    for step in steps:
        name = f"{step.verb} {step.name}"
        print(f"{name:<{width}}  {step.reason or 'nothing to do'}")
    return SOMETHING_WOULD_RUN if any(step.reason for step in steps) else 0


def _run(options: argparse.Namespace) -> int:
    layout = _layout()
    extra = _environment(options)
    if options.fresh:
        extra["AIBOOTSTRAP_FRESH"] = "1"
    if options.verbose:
        extra["DH_VERBOSE"] = "1"
    run = pipeline.open_run(layout, {**os.environ, **extra})
    if run.manifest.retrain == "never":
        raise SkippedError(f"{MANIFEST} says 'retrain: never'; nothing is trained")
    source = read_source(layout.root)
    drive.check_dependencies(layout, source.name, _tell)
    result = drive.bootstrap(layout, source.name, extra, _tell)
    if result["Status"] != pipeline.DONE:
        _raise_failure(result)
    record = file_name(source.name, source.version, host_architecture())
    print(f"aibootstrap: done; the record of this run is ../{record}")
    return 0


def _environment(options: argparse.Namespace) -> dict[str, str]:
    return {"AIBOOTSTRAP_PROFILE": options.profile}


def _raise_failure(result: dict[str, str]) -> None:
    """Say again, below make's own messages, what failed, with its exit status."""
    lines = paragraph.split(result.get("Message", ""))
    failure = Error("\n".join(lines) or "failed, with no reason given")
    failure.status = int(result.get("Exit-Status") or NotAcceptedError.status)
    raise failure


def _tell(line: str) -> None:
    print(f"aibootstrap: {line}", flush=True)
