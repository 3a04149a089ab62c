# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage needs of the machine, before it starts: memory and disk."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ..errors import MissingError
from ..manifest.model import Resources
from ..words import size


def check_room(resources: Resources, work: Path) -> None:
    """Raise MissingError where less memory or disk is free than the manifest asks."""
    if resources.memory is not None:
        free = _available_memory()
        if free < resources.memory:
            wanted = size(resources.memory)
            raise MissingError(
                f"it takes {wanted} of memory, and {size(free)} are free"
            )
    if resources.disk is not None:
        free = shutil.disk_usage(work).free
        if free < resources.disk:
            wanted = size(resources.disk)
            raise MissingError(
                f"it takes {wanted} of disk, and {size(free)} are free in {work}"
            )


def _available_memory() -> int:
    """Return MemAvailable of /proc/meminfo in bytes (proc(5))."""
    text = Path("/proc/meminfo").read_text("ascii")
    match = re.search(r"^MemAvailable:\s+([0-9]+) kB$", text, re.MULTILINE)
    return int(match[1]) << 10 if match else 0
