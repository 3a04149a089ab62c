# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probabilities from the installed gnubg, asked through its socket.

`external localhost:PORT` makes gnubg listen; a line
`evaluation fibsboard board:... PLIES n CUBELESS` is answered by one line of numbers
(external.c:389-430, external_y.y:470-505).
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from typing import Iterator

import numpy as np
import numpy.typing as npt

from .errors import NNError
from .positions import Boards

GNUBG = "/usr/games/gnubg"
LABELLER_VERSION = "1.07.001"
_WAIT = 30.0


def fibs_boards(boards: Boards) -> list[str]:
    """Return the positions as FIBS boards with X, on roll, moving down.

    Point 1 is the ace point of the player on roll, whose chequers are positive;
    25 is its bar and 0 the opponent's (ProcessFIBSBoardInfo, drawboard.c:967).
    """
    points = np.zeros((len(boards), 26), np.int64)
    points[:, 1:25] = boards[:, 1, :24]
    points[:, 1:25] -= boards[:, 0, 23::-1]
    points[:, 25] = boards[:, 1, 24]
    points[:, 0] = -boards[:, 0, 24].astype(np.int64)
    tail = "1:0:0:0:0:1:1:1:0:1:-1:0:25:0:0:0:0:0:0:0:0"
    return [
        f"board:a:b:0:0:0:{':'.join(map(str, row))}:{tail}" for row in points.tolist()
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _connect(port: int, process: "subprocess.Popen[bytes]") -> socket.socket:
    end = time.monotonic() + _WAIT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=_WAIT)
        except OSError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise NNError(f"gnubg does not listen: {error}") from None
            time.sleep(0.1)


@contextmanager
def listening_gnubg() -> Iterator[socket.socket]:
    """Run gnubg for the length of the block and yield a connection to it."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        try:
            process = subprocess.Popen(
                [GNUBG, "-t", "-q", "-r"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=home,
            )
        except OSError:
            raise NNError(
                "gnubg cannot be started: install the package gnubg"
            ) from None
        try:
            assert process.stdin is not None
            process.stdin.write(f"external 127.0.0.1:{port}\n".encode())
            process.stdin.flush()
            with _connect(port, process) as connection:
                yield connection
        finally:
            process.kill()
            process.wait()


def _answer(line: bytes, asked: str) -> list[float]:
    try:
        values = [float(text) for text in line.split()]
    except ValueError:
        values = []
    if len(values) != 6:
        raise NNError(f"gnubg answered {line!r} to {asked!r}: expected six numbers")
    return values[:5]


def label(boards: Boards, plies: int) -> npt.NDArray[np.float64]:
    """Return gnubg's five cubeless probabilities of each board, (n, 5)."""
    options = f"PLIES {plies} CUBELESS PRUNE"
    asked = [f"evaluation fibsboard {text} {options}" for text in fibs_boards(boards)]
    out = np.empty((len(boards), 5))
    with listening_gnubg() as connection, connection.makefile("rb") as replies:
        for row, text in enumerate(asked):
            connection.sendall(text.encode("ascii") + b"\n")
            out[row] = _answer(replies.readline(400), text)
    return out
