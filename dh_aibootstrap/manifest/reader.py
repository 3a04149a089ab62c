# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML text -> a tree of nodes that know their line and key path.

Only what a declaration needs of YAML 1.2's core schema is read: mappings, lists and
scalars. Anchors, aliases, tags and second documents are refused, so a small file
stays small and means one thing. Scalars keep the text that was written: `1.10` is
the version 1.10 where a text is wanted, and a number only where a number is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, Union

import yaml

from ..errors import Problem
from .model import Scalar

DEPTH_LIMIT = 16

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Node:
    """A value of the file: a text, a list of nodes, or a mapping to nodes."""

    line: int
    where: str
    value: Union[str, list["Node"], dict[str, "Node"]]
    plain: bool = False  # a scalar written without quotes

    def scalar(self) -> Scalar:
        """Return the scalar's value by the core schema (YAML 1.2, section 10.3.2)."""
        text = str(self.value)
        if not self.plain:
            return text
        if text in ("true", "false"):
            return text == "true"
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        return text


def read(data: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """Return the root node of a YAML file and the problems met on the way.

    The node is None where the text is not YAML at all.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [Problem(file, line, "", "not UTF-8 text")]
    builder = _Builder(file)
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return builder.document(yaml.parse(text, Loader=loader)), builder.problems
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return None, [Problem(file, line, "", f"not YAML: {error.problem}")]
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        return None, [Problem(file, 1, "", f"not YAML: {reason}")]
    except _Refused:
        return None, builder.problems


class _Refused(Exception):
    """Something stands in the file that stops the reading of it."""


class _Builder:
    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def document(self, events: Iterator[yaml.Event]) -> Node | None:
        root: Node | None = None
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if root is not None:
                self._refuse(event, "", "a second document; write one only")
            root = self._node(next(events), events, "", _line(event), 0)
        return root

    def _node(
        self,
        event: yaml.Event,
        events: Iterator[yaml.Event],
        where: str,
        line: int,
        depth: int,
    ) -> Node:
        if depth > DEPTH_LIMIT:
            self._refuse(event, where, f"nested deeper than {DEPTH_LIMIT} levels")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._refuse(event, where, "anchors and aliases are not read; write it out")
        if event.tag is not None and event.tag != "!":
            self._refuse(event, where, f"tags are not read; leave '{event.tag}' out")
        if isinstance(event, yaml.MappingStartEvent):
            return Node(line, where, self._mapping(events, where, depth))
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(line, where, self._sequence(events, where, depth))
        assert isinstance(event, yaml.ScalarEvent)
        return Node(line, where, event.value, plain=event.implicit[0])

    def _mapping(
        self, events: Iterator[yaml.Event], where: str, depth: int
    ) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(event, where, "a key must be a word")
            key, line = event.value, _line(event)
            below = f"{where}.{key}" if where else key
            node = self._node(next(events), events, below, line, depth + 1)
            if key in entries:
                first = entries[key].line
                text = f"duplicate key '{key}'; it stands in line {first} already"
                self.problems.append(Problem(self.file, line, where, text))
            else:
                entries[key] = node
        return entries

    def _sequence(
        self, events: Iterator[yaml.Event], where: str, depth: int
    ) -> list[Node]:
        nodes: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            below = f"{where}[{len(nodes)}]"
            nodes.append(self._node(event, events, below, _line(event), depth + 1))
        return nodes

    def _refuse(self, event: yaml.Event, where: str, text: str) -> None:
        self.problems.append(Problem(self.file, _line(event), where, text))
        raise _Refused


def _line(event: yaml.Event) -> int:
    return int(event.start_mark.line) + 1
