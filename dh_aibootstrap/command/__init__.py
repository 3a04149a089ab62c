# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-commands of `aibootstrap` that have a module of their own."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = object


class Command(Protocol):
    """A module of this folder."""

    def add(self, commands: Commands) -> None:
        """Add the parser; its default `function` takes options and returns a status."""
