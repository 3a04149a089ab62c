# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring up the loopback of a fresh network namespace, then become another program.

Run by its path: `loopback.py PROGRAM ARGUMENT...`. A namespace starts with even `lo`
down (network_namespaces(7)), and trainers that work in parallel talk over it.
"""

import fcntl
import os
import socket
import struct
import sys

# netdevice(7), <linux/sockios.h>, <net/if.h>
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1


def bring_up(name: str) -> None:
    """Set the interface `name` up; raises OSError where that is not allowed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", name.encode("ascii"), 0)
        answer = fcntl.ioctl(control, SIOCGIFFLAGS, request)
        flags = struct.unpack("16sh22x", answer)[1] | IFF_UP
        request = struct.pack("16sh22x", name.encode("ascii"), flags)
        fcntl.ioctl(control, SIOCSIFFLAGS, request)


if __name__ == "__main__":
    bring_up("lo")
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)
