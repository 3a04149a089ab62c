# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training lines: `<20 letters A to P> w wg wbg lg lbg`, for who is on roll.

As gnubg-nn's buildnet.py:160-165 writes them, five decimals; `#` begins a comment.
The letters are the ten bytes of the key, four bits each (py/pytrainer.cc:35-50).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import numpy as np
import numpy.typing as npt

from ..classes import PositionClass, classify
from ..dataset import TrainingSet
from ..errors import NNError
from ..net import OUTPUTS
from ..positions import Boards, Keys, keys_from_letters
from .text import (
    LETTERS,
    NUMBER,
    Block,
    Faults,
    Mistakes,
    blocks,
    consistent,
    legal_boards,
    probability_faults,
    shown,
)

_LINE = re.compile(rb"\s*(" + LETTERS + rb")((?:\s+" + NUMBER + rb"){5})\s*")
_LETTERS = re.compile(LETTERS)
_NUMBER = re.compile(NUMBER)


@dataclass(frozen=True)
class _Part:
    """The positions of a block in the order of its lines."""

    keys: Keys
    boards: Boards
    targets: npt.NDArray[np.float32]
    classes: npt.NDArray[np.uint8]


def _fault(words: Sequence[bytes]) -> str:
    """Return what is wrong with a line that is not of the form."""
    if len(words) != 1 + OUTPUTS:
        count = f"{len(words)} fields" if len(words) > 1 else "1 field"
        return f"{count}: expected 20 letters and {OUTPUTS} numbers"
    if not _LETTERS.fullmatch(words[0]):
        return f"{shown(words[0])}: expected 20 letters A to P"
    word = next(word for word in words[1:] if not _NUMBER.fullmatch(word))
    return f"{shown(word)}: expected a decimal number"


def _read(block: Block, faults: Faults) -> _Part:
    """Return the positions of a block; what is wrong goes to `faults`, by line."""
    letters, numbers, lines = [], [], []
    for line, text in enumerate(block.lines, block.start):
        match = _LINE.fullmatch(text)
        if match:
            letters.append(match[1])
            numbers.append(match[2])
            lines.append(line)
        elif (words := text.split()) and not words[0].startswith(b"#"):
            faults[line] = _fault(words)
    values = np.array(list(map(float, b"".join(numbers).split())))
    values = values.reshape(-1, OUTPUTS)
    probability_faults(values, lines, faults)
    keys = keys_from_letters(letters)
    boards = legal_boards(keys, lines, faults)
    classes = classify(boards)
    for row in np.flatnonzero(classes < PositionClass.RACE).tolist():
        name = PositionClass(int(classes[row])).name.lower()
        what = f"class {name}: not one that a net is trained for"
        faults.setdefault(lines[row], what)
    return _Part(keys, boards, consistent(values), classes)


def _merged(parts: Sequence[_Part]) -> _Part:
    """Return all positions by ascending key; of equal ones the last."""
    keys = np.concatenate([part.keys for part in parts])
    order = np.lexsort(keys.T[::-1])
    ordered = keys[order]
    last = np.ones(len(keys), np.bool_)
    last[:-1] = (ordered[1:] != ordered[:-1]).any(axis=1)
    rows = order[last]
    return _Part(
        ordered[last],
        np.concatenate([part.boards for part in parts])[rows],
        np.concatenate([part.targets for part in parts])[rows],
        np.concatenate([part.classes for part in parts])[rows],
    )


def read_training_lines(paths: Sequence[Path]) -> TrainingSet:
    """Return the positions of one or several files, plain or .gz, .bz2 or .xz.

    Classes may be mixed. Of a position that occurs twice the last line counts, as
    one that was rolled out again and added does. The digest is the sha256 of keys and
    targets. Raises NNError with file and line of every mistake, up to ten.
    """
    mistakes = Mistakes()
    parts: list[_Part] = []
    for path in paths:
        useful = 0
        for block in blocks(path):
            faults: Faults = {}
            part = _read(block, faults)
            mistakes.extend(path, faults)
            parts.append(part)
            useful += len(part.keys) + len(faults)
        if not useful:
            raise NNError(f"{path}: no position: expected training lines")
    mistakes.check()
    merged = _merged(parts)
    digest = hashlib.sha256(merged.keys.tobytes())
    digest.update(merged.targets.astype("<f4").tobytes())
    names = ", ".join(path.name for path in paths)
    return TrainingSet(
        lineage=f"training lines of {names}",
        labelling="as in these files",
        keys=merged.keys,
        boards=merged.boards,
        targets=merged.targets,
        classes=merged.classes,
        digest=digest.hexdigest(),
    )
