# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that speaks to the user."""


class NNError(Exception):
    """Something the user can mend; its text is one line: where, what, what to do."""


def one_line(program: str, error: BaseException) -> str:
    """Return `PROGRAM: error: TEXT` without line breaks."""
    return f"{program}: error: {' '.join(str(error).split())}"
