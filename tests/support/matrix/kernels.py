# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which BLAS, and which of its kernels, this process really multiplies with.

An OpenBLAS that is asked for a kernel which it lacks takes another without failing,
and a library path may lead elsewhere: so the process itself is asked.
"""

from __future__ import annotations

import ctypes
import importlib
from pathlib import Path
from typing import Any

import numpy as np

# Of Debian's numpy, and of the wheels of numpy with their own OpenBLAS.
_PRODUCTS = ("cblas_dgemm", "scipy_cblas_dgemm64_", "scipy_cblas_dgemm")
_NAMES = (
    "openblas_get_corename",
    "scipy_openblas_get_corename64_",
    "scipy_openblas_get_corename",
)


class _Place(ctypes.Structure):
    """Dl_info of dladdr(3)."""

    _fields_ = [
        ("path", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


def of_numpy() -> str:
    """Return "reference BLAS", "OpenBLAS Haswell" or the like: numpy's matmul."""
    core = getattr(np, "_core", None) or np.core
    module = ctypes.CDLL(core._multiarray_umath.__file__)
    for name in _PRODUCTS:
        if hasattr(module, name):
            return _of_library(_library(getattr(module, name)))
    return "a BLAS without a name"


def _library(function: object) -> str:
    """Return the path of the library that a function lies in."""
    place = _Place()
    address = ctypes.cast(function, ctypes.c_void_p)  # type: ignore[arg-type]
    if not ctypes.CDLL(None).dladdr(address, ctypes.byref(place)):
        return ""
    return bytes(place.path).decode()


def _of_library(path: str) -> str:
    library = ctypes.CDLL(path)
    for name in _NAMES:
        if hasattr(library, name):
            asked = getattr(library, name)
            asked.restype = ctypes.c_char_p
            return f"OpenBLAS {asked().decode()}"
    name = Path(path).resolve().parent.name
    return "reference BLAS" if name == "blas" else path


def of_torch() -> str:
    """Return the instructions that torch's own kernels use."""
    torch: Any = importlib.import_module("torch")
    for line in str(torch.__config__.show()).splitlines():
        _, found, capability = line.partition("CPU capability usage: ")
        if found:
            return f"ATen {capability.strip()}"
    return "ATen of unknown capability"
