# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading mappings of known keys: every helper notes a problem instead of stopping."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Callable, Collection, Mapping, Union

from ..errors import Problem
from ..words import shown
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
        """Note that `text` is wrong with `node`, unless the reader refused it."""
        if not node.refused:
            self.problem(node.line, node.where, text)

    def has(self, where: str) -> bool:
        """Tell whether a problem is noted at the key path `where` or below it."""
        below = (where + ".", where + "[")
        return any(
            problem.where == where or problem.where.startswith(below)
            for problem in self.problems
        )

    def mapping(self, node: Node, wanted: str) -> Found:
        """Return the entries of a mapping; of anything else, none."""
        self.lines[node.where] = node.line
        if isinstance(node.value, dict):
            for entry in node.value.values():
                self.lines[entry.where] = entry.line
            return node.value
        self.at(node, f"found {kind(node)}; write {wanted}")
        return {}

    def section(
        self, node: Node, known: Collection[str], needed: Mapping[str, str]
    ) -> Found:
        """Return the entries of a mapping whose keys are known; note the others.

        `needed` has the keys that must be there, each with what to write for it.
        """
        entries = self.mapping(node, "a mapping of " + ", ".join(known))
        missing = [key for key in needed if key not in entries]
        for key, entry in entries.items():
            if key in known:
                continue
            text = f"unknown key {shown(key)}; {suggest(key, known)}"
            self.problem(entry.line, node.where, text)
            # A needed key with a slip of the pen is one mistake, not two.
            missing = [name for name in missing if name not in _close(key, known)]
        if isinstance(node.value, dict):
            for key in missing:
                self.at(node, f"key '{key}' is missing; {needed[key]}")
        return {key: entry for key, entry in entries.items() if key in known}

    def items(self, node: Node, wanted: str) -> list[Node]:
        """Return the items of a list; of anything else, none."""
        if not isinstance(node.value, list):
            self.at(node, f"found {kind(node)}; write {wanted}")
            return []
        for item in node.value:
            self.lines[item.where] = item.line
        return node.value

    def texts(
        self, node: Node, wanted: str, check: Check | None = None
    ) -> tuple[str, ...]:
        """Return the texts of a list, '' for each item that is none."""
        return tuple(self.text(item, check) for item in self.items(node, wanted))

    def text(
        self, node: Node, check: Check | None = None, wanted: str = "a text"
    ) -> str:
        """Return a text that `check` finds no fault with, or note the fault."""
        if not isinstance(node.value, str) or node.value == "":
            self.at(node, f"found {kind(node)}; write {_with_quotes(node, wanted)}")
            return ""
        fault = check(node.value) if check else None
        if fault:
            self.at(node, fault)
        return node.value

    def maybe_empty(self, node: Node) -> str:
        """Return a text that may be empty where it is written in quotes."""
        if node.value == "" and not node.plain:
            return ""
        return self.text(node)

    def choice(self, node: Node, options: Collection[str]) -> str:
        """Return one of the words `options`, or note what was found instead."""
        word = self.text(node, wanted=either(options))
        if word and word not in options:
            self.at(node, f"found {shown(word)}; write {either(options)}")
        return word


def _with_quotes(node: Node, wanted: str) -> str:
    """Return what to write; YAML takes a {placeholder} for a mapping of one word."""
    if isinstance(node.value, dict) and len(node.value) == 1:
        name, entry = next(iter(node.value.items()))
        if entry.value == "" and entry.plain:
            return f'it in quotes: "{{{shown(name)[1:-1]}}}"'
    return wanted


def kind(node: Node) -> str:
    """Return in words what a node is, for 'found ...'."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    return shown(node.value) if node.value else "nothing"


def either(options: Collection[str]) -> str:
    """Return 'a', 'a or b', 'a, b or c'."""
    words = list(options)
    if len(words) == 1:
        return words[0]
    return ", ".join(words[:-1]) + " or " + words[-1]


def suggest(word: str, known: Collection[str]) -> str:
    """Return 'did you mean ...?' for a slip of the pen, else the words that fit."""
    close = _close(word, known)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known here: " + ", ".join(known) if known else "there are none here"


def _close(word: str, known: Collection[str]) -> list[str]:
    return difflib.get_close_matches(word, known, n=1)
