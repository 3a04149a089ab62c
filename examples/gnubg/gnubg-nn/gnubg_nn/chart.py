# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Line charts as SVG text: the same numbers give the same bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 40, 45
# Told apart in grey too, by their dashes; colours of Okabe and Ito (2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#000000", "#cc79a7", "#e69f00")
DASHES = ("", "7 3", "2 3", "9 3 2 3", "1 2", "4 4")
FONT = 'font-family="sans-serif" font-size="13"'
MOST_TICKS = 10


@dataclass(frozen=True)
class Line:
    """Points (x, y) in rising x, and half the length of each one's error bar."""

    name: str
    points: Sequence[tuple[float, float]]
    bars: Sequence[float] = ()


@dataclass(frozen=True)
class Chart:
    """A panel: lines over x of at least 0, y from `low` to `high`, both linear."""

    title: str
    x_name: str
    lines: Sequence[Line]
    low: float
    high: float
    y_step: float


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


class _Scale:
    def __init__(self, chart: Chart, top: float) -> None:
        xs = [x for line in chart.lines for x, _ in line.points]
        self.first, self.last = min(xs), max(xs)
        self._chart, self.top = chart, top

    def x(self, value: float) -> float:
        span = max(self.last - self.first, 1e-9)
        part = (value - self.first) / span
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        held = min(max(value, self._chart.low), self._chart.high)
        part = (held - self._chart.low) / (self._chart.high - self._chart.low)
        return self.top + TOP + (1 - part) * (HEIGHT - TOP - BOTTOM)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    place = f'x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}"'
    return f"<text {place} {FONT}>{escape(text)}</text>"


def _stroke(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    ends = " ".join(
        f'{name}="{_number(value)}"'
        for name, value in (("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2))
    )
    return f'<line {ends} stroke="{colour}"/>'


def _ticks(first: float, last: float) -> range:
    """Return the multiples of 1, 2 or 5 times a power of ten between, not too many."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            ticks = range(math.ceil(first / step) * step, math.floor(last) + 1, step)
            if len(ticks) <= MOST_TICKS:
                return ticks
        power *= 10


def _axes(chart: Chart, scale: _Scale) -> list[str]:
    right, bottom = WIDTH - RIGHT, scale.top + HEIGHT - BOTTOM
    parts = [_text(LEFT, scale.top + 20, chart.title)]
    count = round((chart.high - chart.low) / chart.y_step)
    for index in range(count + 1):
        value = chart.low + index * chart.y_step
        y = scale.y(value)
        parts.append(_stroke(LEFT, y, right, y, "#d8d8d8"))
        parts.append(_text(LEFT - 8, y + 4, f"{value:.2f}", "end"))
    for value in _ticks(scale.first, scale.last):
        x = scale.x(value)
        parts.append(_stroke(x, scale.top + TOP, x, bottom, "#d8d8d8"))
        parts.append(_text(x, bottom + 18, f"{value:,}".replace(",", " "), "middle"))
    parts.append(_stroke(LEFT, bottom, right, bottom, "#000000"))
    parts.append(_text((LEFT + right) / 2, bottom + 36, chart.x_name, "middle"))
    return parts


def _line(line: Line, index: int, scale: _Scale) -> list[str]:
    colour, dash = COLOURS[index], DASHES[index]
    points = " ".join(
        f"{_number(scale.x(x))},{_number(scale.y(y))}" for x, y in line.points
    )
    style = f'fill="none" stroke="{colour}" stroke-width="2"'
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    parts = [f'<polyline points="{points}" {style}{dashes}/>']
    for (x, y), bar in zip(line.points, line.bars):
        at = scale.x(x)
        parts.append(_stroke(at, scale.y(y - bar), at, scale.y(y + bar), colour))
    return parts


def _legend(chart: Chart, scale: _Scale) -> list[str]:
    """Name each line at its end, in the order of the ends and a line's height apart."""
    right = WIDTH - RIGHT
    ends = sorted(
        (scale.y(line.points[-1][1]), index) for index, line in enumerate(chart.lines)
    )
    parts, at = [], 0.0
    for y, index in ends:
        at = max(y, at + 16)
        name = _text(right + 8, at + 4, chart.lines[index].name)
        parts.append(name.replace("<text ", f'<text fill="{COLOURS[index]}" '))
    return parts


def draw(charts: Sequence[Chart]) -> str:
    """Return an SVG picture with the charts below each other."""
    height = HEIGHT * len(charts)
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>']
    parts.append(f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>')
    for number, chart in enumerate(charts):
        scale = _Scale(chart, number * HEIGHT)
        parts += _axes(chart, scale)
        for index, line in enumerate(chart.lines):
            parts += _line(line, index, scale)
        parts += _legend(chart, scale)
    return "\n".join([*parts, "</svg>", ""])
