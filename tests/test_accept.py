# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics and criteria: what is not a finite number on record meets nothing."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dh_aibootstrap.accept import judge, parse_metrics  # noqa: E402
from dh_aibootstrap.manifest.model import Criterion  # noqa: E402


def verdict(operator: str, bound: float, value: float | None) -> str:
    """Return what is said of one value under one criterion."""
    criterion = Criterion("m", operator, bound, f"m {operator} {bound}")
    metrics = {"other": 0.0} if value is None else {"m": value}
    (judgement,) = judge([criterion], metrics)
    assert judgement.met is (": met (" in str(judgement))
    return str(judgement)


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("<=", True, True, False),
        ("<", True, False, False),
        (">=", False, True, True),
        (">", False, False, True),
        ("==", False, True, False),
    ],
)
def test_operators(operator: str, below: bool, equal: bool, above: bool) -> None:
    """Each operator just below, at and just above its bound."""
    bound = 0.0125
    values = (math.nextafter(bound, 0), bound, math.nextafter(bound, 1))
    for value, met in zip(values, (below, equal, above)):
        word = "met" if met else "not met"
        assert verdict(operator, bound, value) == (
            f"m {operator} 0.0125: {word} ({value!r})"
        )


@pytest.mark.parametrize("operator", ["<=", "<", ">=", ">", "=="])
def test_what_is_no_finite_number_meets_nothing(operator: str) -> None:
    """Neither NaN nor an infinity nor silence passes, whatever is asked."""
    for value in (math.nan, math.inf, -math.inf):
        said = verdict(operator, 1.0, value)
        assert said == f"m {operator} 1.0: not met ({value!r})"
    assert verdict(operator, 1.0, None) == f"m {operator} 1.0: not met (not reported)"


def test_every_criterion_is_judged_in_its_order() -> None:
    """A failure does not hide the next one."""
    criteria = [
        Criterion("b", "<", 1.0, "b < 1"),
        Criterion("a.x", ">", 1.0, "a.x > 1"),
        Criterion("b", ">", 0.0, "b > 0"),
    ]
    said = [str(one) for one in judge(criteria, {"a.x": 0.5, "b": 3.0})]
    assert said == [
        "b < 1: not met (3.0)",
        "a.x > 1: not met (0.5)",
        "b > 0: met (3.0)",
    ]
    assert judge([], {"a": 1.0}) == ()


def test_metrics_by_dotted_path() -> None:
    """Objects nest at will; integers are numbers too."""
    text = '{"contact": {"error": 0.01, "n": 5}, "a-b_c": -1e-3, "x.y": 2, "e": {}}'
    metrics = parse_metrics(text)
    assert metrics == {
        "contact.error": 0.01,
        "contact.n": 5.0,
        "a-b_c": -0.001,
        "x.y": 2.0,
    }
    assert all(type(value) is float for value in metrics.values())
    assert parse_metrics("{}") == {}
    assert parse_metrics('{"a":' * 16 + "1" + "}" * 16) == {".".join("a" * 16): 1.0}


def test_metrics_that_are_not_finite_are_read() -> None:
    """A trainer that diverged says so; judge refuses the value."""
    metrics = parse_metrics('{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e999}')
    assert math.isnan(metrics.pop("a"))
    assert metrics == {"b": math.inf, "c": -math.inf, "d": math.inf}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "key 'a' stands there twice"),
        ('{"a.b": 1, "a": {"b": 2}}', "metric 'a.b' stands there twice"),
        ('{"a": true}', "'a' is true, not a number"),
        ('{"a": null}', "'a' is null, not a number"),
        ('{"a": {"b": "0.5"}}', "'a.b' is \"0.5\", not a number"),
        ('{"a": [1]}', "'a' is [1], not a number"),
        ("0.5", 'it is not an object of numbers, as in {"error": 0.1}'),
        ("[]", 'it is not an object of numbers, as in {"error": 0.1}'),
        (
            '{"a\\nb": 1}',
            "'a\\nb' is no name of a metric; write letters, digits, '_', '-' and '.'",
        ),
        (
            '{"a": {"": 1}}',
            "'' is no name of a metric; write letters, digits, '_', '-' and '.'",
        ),
        ('{"a": 1' + "0" * 400 + "}", "'a' is larger than any float"),
        ("[" * 100_000, "nested deeper than 16 levels"),
        ('{"a": ' * 100_000, "nested deeper than 16 levels"),
        ('{"a":' * 17 + "1" + "}" * 17, "nested deeper than 16 levels"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ('{"a": 1}x', "Extra data: line 1 column 9 (char 8)"),
    ],
    ids=lambda text: text[:20],
)
def test_metrics_that_are_none(text: str, reason: str) -> None:
    """One reason for each, in words; never another exception."""
    with pytest.raises(ValueError) as caught:
        parse_metrics(text)
    assert str(caught.value) == reason
