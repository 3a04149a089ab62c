# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One BLAS thread for a process: more would change the order of sums, so the bits."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator

# What BLAS libraries read once, when they are loaded.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let processes that are started meanwhile begin with one BLAS thread."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
