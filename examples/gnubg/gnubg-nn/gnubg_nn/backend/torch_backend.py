# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training with torch, on a CUDA device where there is one, else on the processor.

The same explicit gradient and the same Adam as optimise.py, in float32: torch's
autograd would differentiate the table's jumps. One thread, deterministic algorithms.
"""

from __future__ import annotations

import importlib
import math
import os
from typing import Any, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import NNError
from ..net import OUTPUTS, SIGMOID_TABLE
from ..optimise import Adam, Vectors
from . import EPSILON, Float32
from .material import Material


def _torch() -> Any:
    # cuBLAS reads it once, when it starts; without it sums may change their order.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise NNError(f"--backend torch: cannot import torch: {error}") from None
        what = "install python3-torch, or leave --backend out"
        raise NNError(f"--backend torch: torch is not installed: {what}") from None
    except (ImportError, OSError) as error:
        raise NNError(f"--backend torch: cannot import torch: {error}") from None
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    return torch


class TorchBackend(Float32):
    """torch, once it could be imported."""

    name = "torch"

    def __init__(self) -> None:
        self._torch = _torch()
        self.device = "cuda" if self._torch.cuda.is_available() else "cpu"

    def trainer(
        self, material: Material, hidden: int, start: Vectors
    ) -> "TorchTrainer":
        """Return a trainer in the state `start`; material goes to the device whole."""
        return TorchTrainer(self._torch, self.device, material, hidden, start)


class _Layers:
    """A flat tensor of parameters, seen as the layers of optimise.Layers."""

    def __init__(self, flat: Any, inputs: int, hidden: int) -> None:
        parts = flat.split([inputs * hidden, OUTPUTS * hidden, hidden, OUTPUTS])
        self.flat = flat
        self.u = parts[0].view(inputs, hidden)
        self.w2 = parts[1].view(OUTPUTS, hidden)
        self.v, self.b2 = parts[2:]


class TorchTrainer:
    """One net, trained step by step in place."""

    def __init__(
        self, torch: Any, device: str, material: Material, hidden: int, start: Vectors
    ) -> None:
        def on_device(array: npt.NDArray[Any]) -> Any:
            return torch.from_numpy(array.copy()).to(device)

        inputs = material.inputs
        width = inputs.doubled.shape[1]
        self._torch, self._on_device = torch, on_device
        self._doubled, self._fine = on_device(inputs.doubled), on_device(inputs.fine)
        self._columns = inputs.columns
        self._targets = on_device(material.targets)
        self._mask = on_device(material.mask)
        self._table = on_device(SIGMOID_TABLE)
        self._points = on_device(np.array([2, 1, 1, -1, -1], np.float32))
        flat, self._mean, self._square = (on_device(vector) for vector in start)
        self._layers = _Layers(flat, width, hidden)
        self._slope = _Layers(torch.zeros_like(flat), width, hidden)

    def epoch(
        self,
        rows: npt.NDArray[np.int64],
        batch: int,
        rates: Sequence[float],
        done: int,
        epsilon: float = EPSILON,
    ) -> float:
        """Learn from these rows once; see Trainer.epoch."""
        torch = self._torch
        where = self._on_device(rows)
        # Stays on the device: fetching it would wait for every step.
        squares = torch.zeros((), dtype=torch.float64, device=where.device)
        with torch.no_grad():
            for index, rate in enumerate(rates):
                part = where[index * batch : (index + 1) * batch]
                error = self._gradient(part)
                self._adam(rate, done + index + 1, epsilon)
                squares += error.double().square().sum()
        return math.sqrt(float(squares) / len(rows))

    def _batch(self, rows: Any) -> Any:
        out = self._doubled[rows].float()
        out *= 0.5
        out[:, self._columns] = self._fine[rows]
        return out

    def _sigmoid(self, x: Any) -> Any:
        """Return what net.table_sigmoid returns."""
        torch = self._torch
        tenths = x.abs().mul_(10).clamp_(max=100)
        # What is not a number stays so; it only must not become an index.
        bins = tenths.to(torch.int64).clamp_(0, 100)
        tenths -= bins
        tenths += 10
        tenths *= self._table[bins]
        tenths += 1
        return torch.copysign(0.5 - tenths.reciprocal(), x) + 0.5

    def _gradient(self, rows: Any) -> Any:
        """Fill the slope as optimise.gradient does; return the equity errors, (n,)."""
        layers, slope = self._layers, self._slope
        inputs, mask = self._batch(rows), self._mask[rows]
        hidden = self._sigmoid(inputs @ layers.u + layers.v)
        y = self._sigmoid(hidden @ layers.w2.T + layers.b2)
        error = (y - self._targets[rows]) * mask
        delta = error * (1 / len(rows))
        slope.w2.copy_(delta.T @ hidden)
        slope.b2.copy_(delta.sum(dim=0))
        back = (delta @ layers.w2) * hidden * (1 - hidden)
        slope.u.copy_(inputs.T @ back)
        slope.v.copy_(back.sum(dim=0))
        return error @ self._points

    def _adam(self, rate: float, number: int, epsilon: float) -> None:
        """Move the parameters as optimise.Adam.step does."""
        slope = self._slope.flat
        self._mean.mul_(Adam.BETA1).add_(slope, alpha=1 - Adam.BETA1)
        self._square.mul_(Adam.BETA2).addcmul_(slope, slope, value=1 - Adam.BETA2)
        correction = math.sqrt(1 - Adam.BETA2**number)
        below = self._square.sqrt().add_(epsilon * correction)
        step = rate * correction / (1 - Adam.BETA1**number)
        self._layers.flat.addcdiv_(self._mean, below, value=-step)

    def vectors(self) -> Vectors:
        """Return copies of the parameters and of Adam's two vectors."""
        flat, mean, square = (
            vector.cpu().numpy().copy()
            for vector in (self._layers.flat, self._mean, self._square)
        )
        return flat, mean, square
