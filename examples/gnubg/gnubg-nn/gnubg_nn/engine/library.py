# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls the compiled engine (engine.c): arrays in, arrays out, in batches.

The engine keeps nets and databases in global variables: one Engine per process.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import NNError
from ..net import OUTPUTS, Floats, Net
from ..positions import KEY_BYTES, Keys
from ..weights import NETS

LIBRARY = "engine.so"
ONE_SIDED = "one-sided.bd"
TWO_SIDED = "two-sided.bd"
# A game has about 50 positions, of random nets about 90, and less than LONGEST_GAME.
ROOM_PER_GAME = 100
LONGEST_GAME = 2001

RECORD = np.dtype(
    [
        ("key", np.uint8, KEY_BYTES),
        ("class", np.uint8),
        ("reserved", np.uint8),
        ("game", np.uint32),
        ("value", np.float32, OUTPUTS),
        ("target", np.float32, OUTPUTS),
    ]
)
Records = npt.NDArray[Any]


@dataclass(frozen=True)
class PlayOptions:
    """How games against itself are played, and what their positions are to learn.

    With `all_rolls` a target is gnubg's evaluation one ply deep and lambda times what
    the next positions' say beyond their own; without, it is TD(lambda)'s return.
    """

    seed: int
    generation: int
    pruning: bool
    all_rolls: bool
    lambda_: float
    random_share: float = 0.2
    random_plies: int = 24
    explore_share: float = 0.03
    explore_choices: int = 4


class _Options(ctypes.Structure):
    _fields_ = [
        ("seed", ctypes.c_uint32),
        ("generation", ctypes.c_uint32),
        ("pruning", ctypes.c_int),
        ("all_rolls", ctypes.c_int),
        ("lambda_", ctypes.c_float),
        ("random_share", ctypes.c_float),
        ("random_plies", ctypes.c_int),
        ("explore_share", ctypes.c_float),
        ("explore_choices", ctypes.c_int),
    ]


def folded(seed: int) -> int:
    """Return the 32 bits of a seed of up to 64 that the engine takes."""
    return (seed ^ seed >> 32) & 0xFFFFFFFF


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


class Engine:
    """The engine of a folder that build.py filled."""

    def __init__(self, folder: Path) -> None:
        try:
            self._library = ctypes.CDLL(str((folder / LIBRARY).absolute()))
        except OSError as error:
            raise NNError(f"{folder / LIBRARY}: cannot load: {error}") from None
        self._players: set[int] = set()
        self._library.engine_play.restype = ctypes.c_size_t
        names = ONE_SIDED, TWO_SIDED
        files = [str(folder / name).encode() for name in names]
        bad = self._library.engine_begin(*files)
        if bad:
            raise NNError(f"{folder / names[bad - 1]}: cannot read this database")

    def load(self, nets: Sequence[Net], player: int = 0) -> None:
        """Let a player (0, or 1 in duels) play with these six nets."""
        for index, net in enumerate(nets):
            arrays = [np.ascontiguousarray(a, np.float32) for a in net.arrays()]
            inputs, hidden, _ = net.shape
            shapes = [ctypes.c_int(n) for n in (player, index, inputs, hidden)]
            if self._library.engine_net(*shapes, *map(_pointer, arrays)):
                expected = f"expected {NETS[index].inputs} inputs, at most 1024 hidden"
                found = f"{inputs} inputs, {hidden} hidden units"
                raise NNError(f"{NETS[index].name} net: {found}: {expected}")
        self._players.add(player)

    def _check_loaded(self, *players: int) -> None:
        """Raise RuntimeError rather than let the engine follow no pointer."""
        if not self._players.issuperset(players):
            raise RuntimeError("no nets were loaded")

    def _over(
        self, name: str, before: Sequence[Any], keys: Keys, after: Sequence[Any]
    ) -> None:
        """Call a function that goes over keys; NNError for one that is no position."""
        keys = np.ascontiguousarray(keys)
        call = getattr(self._library, f"engine_{name}")
        call.restype = ctypes.c_size_t
        count = ctypes.c_size_t(len(keys))
        done = call(*before, _pointer(keys), count, *after)
        if done != len(keys):
            raise NNError(f"position {done}: a side has more than 15 chequers")

    def classify(self, keys: Keys) -> npt.NDArray[np.uint8]:
        """Return the classes (n,) of keys (n, 10), numbered as PositionClass."""
        out = np.empty(len(keys), np.uint8)
        self._over("classify", [], keys, [_pointer(out)])
        return out

    def encode(self, net: int, keys: Keys) -> Floats:
        """Return what the net at this place of the file is fed, (n, inputs)."""
        out = np.empty((len(keys), NETS[net].inputs), np.float32)
        self._over("encode", [net], keys, [_pointer(out)])
        return out

    def forward(self, net: int, keys: Keys) -> Floats:
        """Return the raw outputs (n, 5) of one net of player 0."""
        self._check_loaded(0)
        out = np.empty((len(keys), OUTPUTS), np.float32)
        self._over("forward", [net], keys, [_pointer(out)])
        return out

    def evaluate(self, keys: Keys, plies: int = 0, pruning: bool = True) -> Floats:
        """Return gnubg's chances (n, 5), cubeless, for whom is on roll."""
        self._check_loaded(0)
        out = np.empty((len(keys), OUTPUTS), np.float32)
        flags = ctypes.c_int(plies), ctypes.c_int(pruning)
        self._over("evaluate", [], keys, [*flags, _pointer(out)])
        return out

    def moves(self, keys: Keys, dice: npt.NDArray[Any]) -> Keys:
        """Return the keys (n, 10) after player 0's best moves at 0-ply.

        dice is (n, 2), 1 to 6; afterwards the opponent is on roll.
        """
        self._check_loaded(0)
        rolls = np.ascontiguousarray(dice, np.uint8)
        if rolls.shape != (len(keys), 2) or not np.isin(rolls, range(1, 7)).all():
            raise ValueError("dice: expected (n, 2) numbers from 1 to 6")
        out = np.empty((len(keys), KEY_BYTES), np.uint8)
        self._over("moves", [_pointer(rolls)], keys, [_pointer(out)])
        return out

    def sanity(self, keys: Keys, chances: Floats) -> Floats:
        """Return chances (n, 5) as gnubg corrects them for these positions."""
        out = np.array(chances, np.float32, order="C")
        self._over("sanity", [], keys, [_pointer(out)])
        return out

    def play(self, options: PlayOptions, first: int, games: int) -> Records:
        """Play games and return their positions in order, an array of RECORD."""
        self._check_loaded(0)
        given = _Options(
            folded(options.seed),
            options.generation,
            options.pruning,
            options.all_rolls,
            options.lambda_,
            options.random_share,
            options.random_plies,
            options.explore_share,
            options.explore_choices,
        )
        space = games * ROOM_PER_GAME + LONGEST_GAME
        while True:
            records = np.empty(space, RECORD)
            room = ctypes.c_size_t(space)
            made = self._library.engine_play(
                ctypes.byref(given), first, games, _pointer(records), room
            )
            if made < space:
                return records[:made].copy()
            space *= 2

    def duel(self, seed: int, first: int, pairs: int) -> Floats:
        """Return player 0's points per game, (pairs,), in games with shared dice."""
        self._check_loaded(0, 1)
        out = np.empty(pairs, np.float32)
        self._library.engine_duel(folded(seed), first, pairs, _pointer(out))
        return out

    def rollout(
        self, keys: Keys, trials: int, seed: int, first: int = 0, pruning: bool = True
    ) -> tuple[Floats, Floats]:
        """Return mean chances (n, 5) of rollouts without luck, and their errors (n,).

        The errors are the standard errors of the money equity.
        """
        self._check_loaded(0)
        means = np.empty((len(keys), OUTPUTS), np.float32)
        errors = np.empty(len(keys), np.float32)
        flags = ctypes.c_int(trials), ctypes.c_int(pruning)
        places = _pointer(means), _pointer(errors)
        self._over("rollout", [folded(seed), first], keys, [*flags, *places])
        return means, errors


@functools.cache
def open_engine(folder: Path) -> Engine:
    """Return the engine of a folder, whose databases a process reads once."""
    return Engine(folder)
