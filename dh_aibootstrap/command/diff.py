# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-command `aibootstrap diff`: two files of weights, tensor by tensor."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from ..digest import sha256_file
from ..errors import Error, UsageError
from ..weights import (
    ADDED,
    EQUAL,
    REMOVED,
    SHAPE,
    Difference,
    Tensor,
    Weights,
    compare,
    dimensions,
    open_source,
    read,
)
from ..words import shown
from . import Commands

UNEQUAL = 1
_FAR = 1024


@dataclass(frozen=True)
class _File:
    """A file of weights, and what it is as a whole."""

    weights: Weights
    sha256: str
    size: int


def add(commands: Commands) -> None:
    """Add the parser of `diff`."""
    parser = commands.add_parser(
        "diff",
        help="compare two files of weights, tensor by tensor; exit status 1 where"
        " they differ",
    )
    parser.add_argument("old", metavar="OLD", type=Path)
    parser.add_argument("new", metavar="NEW", type=Path)
    parser.add_argument(
        "--json", action="store_true", help="print JSON, the same for the same files"
    )
    parser.set_defaults(function=_diff)


def _diff(options: argparse.Namespace) -> int:
    try:
        old, new = _open(options.old), _open(options.new)
        differences = compare(old.weights, new.weights)
    except (Error, OSError) as error:
        # As diff(1) has it: 1 is for files that differ, so trouble is another.
        raise UsageError(str(error)) from None
    if options.json:
        print(json.dumps(_as_json(old, new, differences), indent=1, allow_nan=False))
    else:
        print("\n".join(_as_text(old, new, differences)))
    equal = all(difference.status == EQUAL for difference in differences)
    return 0 if equal else UNEQUAL


def _open(path: Path) -> _File:
    source = open_source(path, str(path), follow=True)
    weights = read(source)
    if weights is None:
        raise source.error(
            "is in no format that is read: text tables, .npy, .npz, safetensors, ONNX,"
            " GGUF"
        )
    return _File(weights, sha256_file(path), source.size)


def _as_json(
    old: _File, new: _File, differences: tuple[Difference, ...]
) -> dict[str, Any]:
    return {
        "format": 1,
        "old": _file_as_json(old),
        "new": _file_as_json(new),
        "identical": old.sha256 == new.sha256,
        "equal": all(difference.status == EQUAL for difference in differences),
        "tensors": [_difference_as_json(difference) for difference in differences],
    }


def _file_as_json(file: _File) -> dict[str, Any]:
    return {"format": file.weights.format, "sha256": file.sha256, "size": file.size}


def _difference_as_json(difference: Difference) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": difference.name, "status": difference.status}
    for key, tensor in (("old", difference.old), ("new", difference.new)):
        if tensor is not None:
            order = "fortran" if tensor.fortran else "c"
            entry[key] = {
                "dtype": tensor.dtype.name,
                "shape": list(tensor.shape),
                "order": order,
            }
    figures = difference.figures
    if figures is not None:
        entry |= {
            "count": figures.count,
            "different": figures.different,
            "non_finite": list(figures.non_finite),
            "max": figures.maximum,
            "rms": figures.rms,
            "relative_l2": figures.relative,
            "cosine": figures.cosine,
            "ulp": _ranges(figures.places),
        }
    return entry


def _ranges(places: Mapping[int, int] | None) -> dict[str, int] | None:
    if places is None:
        return None
    return {_range(first): count for first, count in places.items()}


def _range(first: int) -> str:
    return str(first) if first < 2 else f"{first}-{2 * first - 1}"


def _as_text(old: _File, new: _File, differences: tuple[Difference, ...]) -> list[str]:
    lines = [_line(difference) for difference in differences]
    equal = sum(difference.status == EQUAL for difference in differences)
    lines.append(f"{equal} of {len(differences)} tensors are equal")
    if old.sha256 == new.sha256:
        lines.append("the files are identical")
    elif equal == len(differences):
        lines.append("the files differ outside of the numbers of their tensors")
    return lines


def _line(difference: Difference) -> str:
    name, old, new = shown(difference.name)[1:-1], difference.old, difference.new
    both = [_kind(tensor) for tensor in (old, new) if tensor is not None]
    kind = " -> ".join(dict.fromkeys(both))
    figures = difference.figures
    if difference.status in (ADDED, REMOVED, SHAPE) or figures is None:
        words = {ADDED: "only in the new file", REMOVED: "only in the old file"}
        return f"{name}: {kind}: {words.get(difference.status, 'not comparable')}"
    if difference.status == EQUAL:
        text = "equal"
    else:
        text = f"{figures.different} of {figures.count} differ"
        for label, value in (
            ("max", figures.maximum),
            ("rms", figures.rms),
            ("relative L2", figures.relative),
            ("cosine", figures.cosine),
        ):
            if value is not None:
                text += f", {label} {value:.9g}"
        if figures.places is not None:
            text += "; ULP " + _bins(figures.places)
    if any(figures.non_finite):
        text += "; not finite: {} old, {} new".format(*figures.non_finite)
    return f"{name}: {kind}: {text}"


def _bins(places: Mapping[int, int]) -> str:
    """Return the ranges as far as they tell numerics from another training."""
    bins = [f"{_range(at)}: {n}" for at, n in places.items() if at < _FAR]
    far = sum(count for at, count in places.items() if at >= _FAR)
    return ", ".join([*bins, f"{_FAR} and more: {far}"] if far else bins)


def _kind(tensor: Tensor) -> str:
    order = " Fortran order" if tensor.fortran else ""
    return f"{dimensions(tensor.shape)} {tensor.dtype.name}{order}"
