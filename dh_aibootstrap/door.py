# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the dh_aibootstrap_* commands run: `python3 -m dh_aibootstrap.door VERB [-v]`.

debhelper's options are answered in Perl; here is one verb, and whether to speak.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Callable

from .errors import Error
from .exchange import settle_exchange
from .layout import MANIFEST, Layout, find_layout

VERBS = ("fetch", "train", "refresh", "check")


def main(arguments: list[str]) -> int:
    """Do one step in the current folder; return the exit status."""
    verb, verbose = arguments[0], "-v" in arguments[1:]
    signal.signal(signal.SIGTERM, _terminated)
    layout = find_layout(Path.cwd(), os.environ)
    try:
        settle_exchange(layout.weights)
        if verb == "check":
            _check(layout)
        else:
            _step(verb, layout, verbose)
        return 0
    except Error as error:
        return _failed(verb, layout, error)
    except KeyboardInterrupt:
        return _failed(
            verb, layout, Error("interrupted; the next run goes on from here")
        )
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _failed(verb, layout, Error(f"{name}{error.strerror or error}"))


def _terminated(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _check(layout: Layout) -> None:
    """Print a line WEIGHTS<tab>REPLACED for each overlay, for the Perl door to lay."""
    from .check import check

    checked = check(layout)
    for warning in checked.warnings:
        print(f"dh_aibootstrap_check: warning: {warning}", file=sys.stderr)
    for overlay in checked.overlays:
        print(f"{overlay.weights}\t{overlay.replaces}")


def _step(verb: str, layout: Layout, verbose: bool) -> None:
    from . import pipeline

    if verb == "fetch":
        pipeline.clear_result(layout)
    run = pipeline.open_run(layout, os.environ)
    if run.manifest.retrain == "never":
        message = f"{MANIFEST} says 'retrain: never'; nothing is trained"
        if verb == "fetch":
            print(f"dh_aibootstrap_fetch: {message}")
            pipeline.write_result(layout, pipeline.SKIPPED, 77, message)
        return
    tell = _teller(verb, verbose)
    if verb == "fetch":
        pipeline.fetch_step(run, tell)
    elif verb == "train":
        pipeline.train_step(run, tell, sys.stdout.buffer if verbose else None)
    else:
        pipeline.refresh_step(run, tell)
        pipeline.write_result(layout, pipeline.DONE, 0, "")


def _teller(verb: str, verbose: bool) -> Callable[[str], None]:
    """Return what tells a person how far a step is: silent unless asked (dh's rule)."""
    if not verbose and not os.environ.get("AIBOOTSTRAP_PROGRESS"):
        return lambda line: None

    def tell(line: str) -> None:
        print(f"dh_aibootstrap_{verb}: {line}", flush=True)

    return tell


def _failed(verb: str, layout: Layout, error: Error) -> int:
    from . import pipeline

    for line in str(error).splitlines():
        print(f"dh_aibootstrap_{verb}: error: {line}", file=sys.stderr)
    if verb != "check":
        try:
            status, message = pipeline.FAILED, str(error)
            pipeline.write_result(layout, status, error.status, message)
        except OSError:
            pass  # a full disk must not hide the error that was just told
    return error.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
