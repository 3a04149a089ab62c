# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exceptions of this project, each with the exit status it ends a program with.

    Error                    1  failed to train from scratch, or anything that broke
    +-- UsageError           2  the command line or the manifest is wrong
    |   +-- ManifestError    2  ... with every problem of the manifest at once
    +-- NotAcceptedError     4  trained, but a pre-registered criterion is not met
    +-- RefutedError         4  what a stamp claims of its source or weights is not so
    +-- MissingError        75  an input or a resource is missing for now (EX_TEMPFAIL)
    +-- SkippedError        77  there is nothing to train, and the manifest says so
"""

from __future__ import annotations

from dataclasses import dataclass


class Error(Exception):
    """A message for a person; `status` is the exit status that goes with it."""

    status = 1


class UsageError(Error):
    """What the user wrote is wrong; running it again unchanged cannot help."""

    status = 2


class NotAcceptedError(Error):
    """The weights were made, and do not meet what was registered before the run."""

    status = 4


class RefutedError(Error):
    """A claim that stands in a stamp does not hold."""

    status = 4


class MissingError(Error):
    """An input or a resource is not there now; the same command may work later."""

    status = 75


class SkippedError(Error):
    """Nothing was done because the manifest asks for nothing."""

    status = 77


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a file: where it stands, and what was found and would be right."""

    file: str
    line: int
    where: str
    text: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}: {where}{self.text}"


class ManifestError(UsageError):
    """All problems of one manifest, in the order of its lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
