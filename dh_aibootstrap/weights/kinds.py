# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats that are read: which one a file is, by what it holds and not its name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from . import gguf, npy, npz, onnx, safetensors, text
from .source import Source
from .tensor import Tensor

# The last two have no magic number, and look at everything.
_FORMATS = {
    "npy": npy,
    "npz": npz,
    "gguf": gguf,
    "safetensors": safetensors,
    "onnx": onnx,
    "text": text,
}


@dataclass(frozen=True)
class Weights:
    """The tensors of a file, in its order, and the name of its format."""

    format: str
    tensors: tuple[Tensor, ...]


def read(source: Source) -> Weights | None:
    """Return the tensors; None where the format is none of those that are read.

    Raises Error where a file begins as one of them and is not wholly one.
    """
    for name, module in _FORMATS.items():
        if module.looks_like(source):
            return Weights(name, _with_own_names(module.read(source)))
    return None


def _with_own_names(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Give a tensor whose name was there before a number behind it."""
    seen: dict[str, int] = {}
    found = []
    for tensor in tensors:
        count = seen[tensor.name] = seen.get(tensor.name, 0) + 1
        name = tensor.name if count == 1 else f"{tensor.name} #{count}"
        found.append(dataclasses.replace(tensor, name=name))
    return tuple(found)
