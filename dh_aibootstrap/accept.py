# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics against the criteria that were registered before the run. Pure."""

from __future__ import annotations

import json
import math
import operator
import re
from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from .manifest.model import Criterion
from .words import shown

DEPTH_LIMIT = 16
_TOO_DEEP = f"nested deeper than {DEPTH_LIMIT} levels"

# What a criterion can name, and a line of the record hold.
_NAME = re.compile(r"[A-Za-z0-9_.-]+")

_HOLDS = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Judgement:
    """One criterion, the value that was measured for it, and whether it holds."""

    criterion: Criterion
    value: float | None  # None: no stage reported the metric
    met: bool

    def __str__(self) -> str:
        verdict = "met" if self.met else "not met"
        value = "not reported" if self.value is None else repr(self.value)
        return f"{self.criterion.text}: {verdict} ({value})"


def judge(
    criteria: Iterable[Criterion], metrics: Mapping[str, float]
) -> tuple[Judgement, ...]:
    """Return the judgement of each criterion. What is not a finite number fails it."""
    return tuple(_judge_one(criterion, metrics) for criterion in criteria)


def _judge_one(criterion: Criterion, metrics: Mapping[str, float]) -> Judgement:
    value = metrics.get(criterion.metric)
    met = (
        value is not None
        and math.isfinite(value)
        and bool(_HOLDS[criterion.operator](value, criterion.bound))
    )
    return Judgement(criterion, value, met)


def parse_metrics(text: str) -> dict[str, float]:
    """Return the numbers of a metrics file by dotted path, as in `contact.error`.

    The file is JSON: numbers in objects, nested at will. Raises ValueError with a
    reason where it holds anything else, or one path twice.
    """
    metrics: dict[str, float] = {}
    try:
        value = json.loads(text, object_pairs_hook=_unique)
        if not isinstance(value, dict):
            raise ValueError('it is not an object of numbers, as in {"error": 0.1}')
        _flatten("", value, metrics, 1)
    except RecursionError:  # json's own, met before ours
        raise ValueError(_TOO_DEEP) from None
    return metrics


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"key '{key}' stands there twice")
    return dict(pairs)


def _flatten(path: str, value: Any, metrics: dict[str, float], depth: int) -> None:
    if isinstance(value, dict):
        if depth > DEPTH_LIMIT:
            raise ValueError(_TOO_DEEP)
        for key, item in value.items():
            if not _NAME.fullmatch(key):
                raise ValueError(
                    f"{shown(key)} is no name of a metric; write letters, digits, '_',"
                    " '-' and '.'"
                )
            _flatten(f"{path}.{key}" if path else key, item, metrics, depth + 1)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if path in metrics:
            raise ValueError(f"metric '{path}' stands there twice")
        try:
            metrics[path] = float(value)
        except OverflowError:
            raise ValueError(f"'{path}' is larger than any float") from None
    else:
        raise ValueError(f"'{path}' is {json.dumps(value)}, not a number")
