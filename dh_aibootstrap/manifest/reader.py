# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML text -> a tree of nodes that know their line and key path.

Only what a declaration needs of YAML is read: mappings, lists and scalars. Anchors,
aliases, tags and second documents are refused, so a small file stays small and means
one thing. Scalars keep the text that was written; scalars.py makes values of them
where a value is wanted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, Union

import yaml

from ..errors import Problem
from ..words import shown
from .syntax import Stopped, explain

DEPTH_LIMIT = 16

# What is printable in YAML (1.2, section 5.1), less the line breaks that editors do
# not count and a byte order mark in the middle.
_UNPRINTABLE = re.compile(
    "[^\\t\\n\\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    "\U00010000-\U0010ffff]|\\r(?!\\n)"
)
_UNPRINTABLE_IN_TEXT = re.compile("[^\\t\\n\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]")


@dataclass(frozen=True)
class Node:
    """A value of the file: a text, a list of nodes, or a mapping to nodes."""

    line: int
    where: str
    value: Union[str, list["Node"], dict[str, "Node"]]
    plain: bool = False  # a scalar written without quotes
    refused: bool = False  # noted as a problem already; nothing more to say of it


def read(data: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """Return the root node of a YAML file and the problems met on the way.

    The node is None where the text cannot be read to its end.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return None, [Problem(file, line, "", found)]
    text = text.removeprefix("\ufeff")
    unprintable = _unprintable(text, file)
    if unprintable:
        return None, unprintable
    builder = _Builder(file)
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return builder.document(yaml.parse(text, Loader=loader)), builder.problems
    except yaml.MarkedYAMLError as error:
        line, said = explain(_stopped(error), text)
        return None, builder.problems + [Problem(file, line, "", said)]
    except _Refused:
        return None, builder.problems


def _stopped(error: yaml.MarkedYAMLError) -> Stopped:
    mark, context = error.problem_mark, error.context_mark
    return Stopped(
        said=str(error.problem),
        line=mark.line if mark else 0,
        column=mark.column if mark else 0,
        context=error.context or "",
        context_line=context.line if context else 0,
    )


def _unprintable(text: str, file: str) -> list[Problem]:
    problems = []
    for match in _UNPRINTABLE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        found = f"character U+{ord(match[0]):04X} is not printable; take it out"
        problems.append(Problem(file, line, "", found))
        if len(problems) == 10:
            break  # no text file at all
    return problems


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
                self._stop(event, "", "a second document begins; write one only")
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
            self._stop(event, "", f"nested deeper than {DEPTH_LIMIT} levels")
        if isinstance(event, yaml.AliasEvent):
            text = f"found the alias '*{event.anchor}'; write the value itself"
            self._note(event, where, text)
            return Node(line, where, "", refused=True)
        refused = self._check_properties(event, where)
        if isinstance(event, yaml.MappingStartEvent):
            return Node(line, where, self._mapping(events, where, depth))
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(line, where, self._sequence(events, where, depth))
        assert isinstance(event, yaml.ScalarEvent)
        plain = not event.style  # '' or None, as the parser has it
        return Node(line, where, "" if refused else event.value, plain, refused)

    def _check_properties(self, event: yaml.Event, where: str) -> bool:
        """Note what hangs on a value; tell if the value itself cannot be used."""
        if event.anchor is not None:
            text = f"found the anchor '&{event.anchor}'; leave it out"
            self._note(event, where, text)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._note(event, where, f"found the tag {shown(tag)}; leave it out")
        if isinstance(event, yaml.ScalarEvent):
            match = _UNPRINTABLE_IN_TEXT.search(event.value)
            if match:
                text = f"the text holds character U+{ord(match[0]):04X}; take it out"
                self._note(event, where, text)
                return True
        return False

    def _mapping(
        self, events: Iterator[yaml.Event], where: str, depth: int
    ) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                found = "a mapping"
                if isinstance(event, yaml.SequenceStartEvent):
                    found = "a list"
                self._stop(event, where, f"found {found} as a key; write a word")
            self._check_properties(event, where)
            key, line = event.value, _line(event)
            word = shown(key)[1:-1]
            below = f"{where}.{word}" if where else word
            node = self._node(next(events), events, below, line, depth + 1)
            if key in entries:
                first = entries[key].line
                text = f"duplicate key {shown(key)}; it stands in line {first} already"
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

    def _note(self, event: yaml.Event, where: str, text: str) -> None:
        self.problems.append(Problem(self.file, _line(event), where, text))

    def _stop(self, event: yaml.Event, where: str, text: str) -> None:
        self._note(event, where, text)
        raise _Refused


def _line(event: yaml.Event) -> int:
    return int(event.start_mark.line) + 1
