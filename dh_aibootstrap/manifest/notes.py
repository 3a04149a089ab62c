# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading mappings of known keys: every helper notes a problem instead of stopping."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Callable, Collection, Union

from ..errors import Problem
from .reader import Node

Found = dict[str, Node]
Check = Callable[[str], Union[str, None]]


@dataclass(frozen=True)
class Notes:
    """Collects the problems of one file, and remembers the line of each key path."""

    file: str
    problems: list[Problem]
    lines: dict[str, int]

    def problem(self, line: int, where: str, text: str) -> None:
        """Note that `text` is wrong at `line`, key path `where`."""
        self.problems.append(Problem(self.file, line, where, text))

    def at(self, node: Node, text: str) -> None:
        """Note that `text` is wrong with `node`."""
        self.problem(node.line, node.where, text)

    def mapping(self, node: Node, wanted: str) -> Found:
        """Return the entries of a mapping; of anything else, none."""
        self.lines[node.where] = node.line
        if isinstance(node.value, dict):
            for entry in node.value.values():
                self.lines[entry.where] = entry.line
            return node.value
        self.at(node, f"found {kind(node)}; write {wanted}")
        return {}

    def section(self, node: Node, known: Collection[str], needed: str = "") -> Found:
        """Return the entries of a mapping whose keys are known; note the others.

        `needed` lists, separated by blanks, the keys that must be there.
        """
        entries = self.mapping(node, "a mapping of " + ", ".join(known))
        for key, entry in entries.items():
            if key not in known:
                text = f"unknown key '{key}'; {suggest(key, known)}"
                self.problem(entry.line, node.where, text)
        if isinstance(node.value, dict):
            for key in needed.split():
                if key not in entries:
                    self.at(node, f"key '{key}' is missing")
        return {key: entry for key, entry in entries.items() if key in known}

    def texts(self, node: Node, wanted: str) -> tuple[str, ...]:
        """Return a list of texts; of anything else, an empty one."""
        if not isinstance(node.value, list):
            self.at(node, f"found {kind(node)}; write {wanted}")
            return ()
        return tuple(self.text(item) for item in node.value)

    def text(self, node: Node, check: Check | None = None) -> str:
        """Return a text that `check` finds no fault with, or note the fault."""
        if not isinstance(node.value, str):
            self.at(node, f"found {kind(node)}; write a text")
            return ""
        if node.value == "":
            self.at(node, "found nothing; write a text")
            return ""
        fault = check(node.value) if check else None
        if fault:
            self.at(node, fault)
        return node.value

    def choice(self, node: Node, options: Collection[str]) -> str:
        """Return one of the words `options`, or note what was found instead."""
        word = self.text(node)
        if word and word not in options:
            self.at(node, f"found '{word}'; write {either(options)}")
        return word


def kind(node: Node) -> str:
    """Return in words what a node is, for 'found ...'."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    return f"'{node.value}'" if node.value else "nothing"


def either(options: Collection[str]) -> str:
    """Return 'a', 'a or b', 'a, b or c'."""
    words = list(options)
    if len(words) == 1:
        return words[0]
    return ", ".join(words[:-1]) + " or " + words[-1]


def suggest(word: str, known: Collection[str]) -> str:
    """Return 'did you mean ...?' for a slip of the pen, else the words that fit."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known here: " + ", ".join(known) if known else "there are none here"
