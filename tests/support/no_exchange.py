# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel that cannot swap two names: `no_exchange.py ERRNO COMMAND...` runs on one.

A seccomp filter (seccomp(2), SECCOMP_RET_ERRNO) answers every renameat2(2) that has
the flag RENAME_EXCHANGE with that error, as old kernels and some file systems do, for
COMMAND and all of its children. Any user may lay it; nothing else is touched.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
RENAME_EXCHANGE = 2

# struct seccomp_data: nr at 0, args[4] (the flags) at 16 + 4 * 8, low half first.
NUMBER_AT, FLAGS_AT = 0, 48 if sys.byteorder == "little" else 52

# renameat2 in <asm/unistd.h>; 276 is that of all newer architectures.
NUMBERS = {"x86_64": 316, "i686": 353, "armv7l": 382, "ppc64le": 357, "s390x": 347}
NUMBER = NUMBERS.get(platform.machine(), 276)


class _Program(ctypes.Structure):
    """struct sock_fprog of <linux/filter.h>."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def lay(error: int) -> None:
    """Let the kernel answer RENAME_EXCHANGE with `error` from now on."""
    code = b"".join(
        struct.pack("=HBBI", *line)
        for line in (
            (LOAD, 0, 0, NUMBER_AT),
            (JUMP_IF_EQUAL, 0, 3, NUMBER),
            (LOAD, 0, 0, FLAGS_AT),
            (JUMP_IF_EQUAL, 0, 1, RENAME_EXCHANGE),
            (RETURN, 0, 0, RET_ERRNO | error),
            (RETURN, 0, 0, RET_ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(code) // 8, code)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")


if __name__ == "__main__":
    lay(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
