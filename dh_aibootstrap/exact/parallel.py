# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who shares a batch: this process alone, or workers of torch.distributed.

Workers add their exact gradients, so that neither their number nor the order in
which they are added shows, and each makes the same step after it. A worker may
compute with numpy, another with torch.
"""

from __future__ import annotations

from typing import Any, Protocol

from .backend import Array, Operations
from .errors import ExactError


class Group(Protocol):
    """The workers of one training."""

    rank: int
    size: int

    def share(self, rows: Any) -> Any:
        """Return this worker's part of the rows of a batch."""

    def largest(self, value: float) -> float:
        """Return the largest of the workers' values, the same to all."""

    def total(self, ops: Operations, flat: Array) -> None:
        """Replace a binary64 vector by its sum over the workers."""


def cut(count: int, number: int, parts: int) -> tuple[int, int]:
    """Return begin and end of part `number` of `count` things in even parts."""
    return count * number // parts, count * (number + 1) // parts


class Alone:
    """One process."""

    rank, size = 0, 1

    def share(self, rows: Any) -> Any:
        """Return all rows."""
        return rows

    def largest(self, value: float) -> float:
        """Return the value."""
        return value

    def total(self, ops: Operations, flat: Array) -> None:
        """Leave the vector as it is."""


class Distributed:
    """The process group that torchrun describes in the environment, over gloo."""

    def __init__(self) -> None:
        try:
            import torch
            import torch.distributed
        except ImportError as error:
            raise ExactError("workers need the package python3-torch") from error
        self._torch: Any = torch
        self._group: Any = torch.distributed
        if not self._group.is_available():
            raise ExactError("workers need a torch that was built with distributed")
        if not self._group.is_initialized():
            self._group.init_process_group("gloo")
        self.rank = int(self._group.get_rank())
        self.size = int(self._group.get_world_size())

    def share(self, rows: Any) -> Any:
        """Return this worker's rows."""
        begin, end = cut(len(rows), self.rank, self.size)
        return rows[begin:end]

    def largest(self, value: float) -> float:
        """Return the largest value; infinity if one of them is not a number."""
        # A NaN would be lost in a maximum: it is sent as infinity, and refused.
        sent = value if value == value else float("inf")
        tensor = self._torch.tensor([sent], dtype=self._torch.float64)
        self._all_reduce(tensor, self._group.ReduceOp.MAX)
        return float(tensor[0])

    def total(self, ops: Operations, flat: Array) -> None:
        """Replace the vector by its sum, in place."""
        tensor = self._torch.from_numpy(ops.host(flat))
        self._all_reduce(tensor, self._group.ReduceOp.SUM)

    def _all_reduce(self, tensor: Any, operation: Any) -> None:
        try:
            self._group.all_reduce(tensor, op=operation)
        except RuntimeError as error:
            last = str(error).splitlines()[-1]
            raise ExactError(
                f"worker {self.rank} lost the others: {last}; start all of them again, "
                "from the last checkpoint"
            ) from error

    def close(self) -> None:
        """Leave the group."""
        self._group.destroy_process_group()
