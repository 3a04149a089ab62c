# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""torch gives numpy's bits: each operation, each function, and whole trainings."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np
import pytest
from support.matrix.configurations import CONFIGURATIONS

from dh_aibootstrap.exact import activations, checkpoint, elementary, philox
from dh_aibootstrap.exact.activations import Activation
from dh_aibootstrap.exact.backend import Operations, choose
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.losses import CrossEntropy, SquaredError
from dh_aibootstrap.exact.optimisers import clipped, norm
from dh_aibootstrap.exact.trainer import Trainer

ROOT = Path(__file__).resolve().parent.parent.parent
NUMPY = choose("numpy")
TORCH = choose("torch")

# So that vectors of 4, 8 and 16 are full, and some are left over; and a long one.
LENGTHS = (1, 3, 17, 64, 1023, 100_003)
ODD = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 8388607.5, 2.0**-126, 2.0**60]


def numbers(count: int, stream: int = 1) -> Any:
    """Return binary32 numbers of both signs from 2**-40 to 2**40, odd ones first."""
    words = philox.words(5, stream, 2 * count).reshape(count, 2)
    mantissa = 1 + (words[:, 0] >> np.uint64(9)).astype(np.float32) * np.float32(
        2**-23
    )
    exponent = (words[:, 1] % np.uint64(81)).astype(np.int32) - 40
    sign = 1 - 2 * (words[:, 1] >> np.uint64(31)).astype(np.int32)
    values = (np.ldexp(mantissa, exponent) * sign).astype(np.float32)
    odd = np.array(ODD, np.float32)[:count]
    values[: len(odd)] = odd
    return values


def integers(rows: int, columns: int, digits: int, stream: int) -> Any:
    """Return whole numbers of both signs below 2**digits."""
    words = philox.words(6, stream, rows * columns) >> np.uint64(32 - digits)
    signed = words.astype(np.int64) * (1 - 2 * (words.astype(np.int64) & 1))
    return signed.reshape(rows, columns).astype(np.float64)


def both(compute: Callable[[Operations], Any]) -> tuple[bytes, bytes]:
    """Return the bytes of what both backends compute."""
    found = []
    for ops in (NUMPY, TORCH):
        result = compute(ops)
        if not isinstance(result, (int, float, Fraction)):
            result = ops.host(result)
        found.append(repr(result).encode() if np.isscalar(result) else result.tobytes())
    return found[0], found[1]


def same(compute: Callable[[Operations], Any]) -> None:
    """Fail unless both backends compute the same bits."""
    first, second = both(compute)
    assert first == second


def filled(ops: Operations, values: Any, kind: str = "single") -> Any:
    """Return a new array of the backend with these values."""
    out = ops.empty(values.shape, kind)
    ops.copy(ops.array(values), out)
    return out


def binary(name: str, count: int, second: Any = None) -> Callable[[Operations], Any]:
    """Return an operation of two arrays, or of an array and a number."""

    def compute(ops: Operations) -> Any:
        a = filled(ops, numbers(count))
        b = filled(ops, numbers(count, 2)[::-1]) if second is None else second
        if name == "divide":
            # 0 / 0 has no one bit pattern.
            ops.copy(ops.array(np.abs(numbers(count, 3)) + np.float32(0.5)), b)
        out = ops.empty((count,), "single")
        getattr(ops, name)(a, b, out)
        return out

    return compute


def subtract_from(count: int) -> Callable[[Operations], Any]:
    """Return number - a."""

    def compute(ops: Operations) -> Any:
        out = ops.empty((count,), "single")
        ops.subtract_from(1.5, filled(ops, numbers(count)), out)
        return out

    return compute


def floor(count: int) -> Callable[[Operations], Any]:
    """Return the floor of numbers of both signs."""

    def compute(ops: Operations) -> Any:
        out = ops.empty((count,), "single")
        ops.floor(filled(ops, numbers(count)), out)
        return out

    return compute


def give_sign(count: int) -> Callable[[Operations], Any]:
    """Return magnitudes with the signs of other numbers, zeros among them."""

    def compute(ops: Operations) -> Any:
        a = filled(ops, np.abs(numbers(count)))
        ops.give_sign(a, filled(ops, numbers(count, 2)))
        return a

    return compute


def conversion(count: int) -> Iterator[Callable[[Operations], Any]]:
    """Yield copies between all formats that the library copies between."""
    # Halfway between two numbers of binary32, and next to it.
    ties = numbers(count).astype(np.float64) * (1 + 2.0**-24)
    ties[1::3] *= 1 + 2.0**-50
    tables = [ties, numbers(count), (np.arange(count) % 251).astype(np.uint8)]
    tables.append((np.arange(count) * 7919 - 2**20).astype(np.int32))
    for values in tables:
        for kind in ("single", "double"):
            yield lambda ops, v=values, k=kind: filled(ops, v, k)


def product(
    turned_a: bool, turned_b: bool, digits: int, kind: str
) -> Callable[[Operations], Any]:
    """Return a product of integer matrices, each by rows or by columns."""

    def compute(ops: Operations) -> Any:
        a = integers(33, 250, digits, 1)
        b = integers(250, 17, digits, 2)
        left = filled(ops, a if not turned_a else a.T.copy(), kind)
        right = filled(ops, b if not turned_b else b.T.copy(), kind)
        out = ops.empty((33, 17), kind)
        ops.matmul(
            ops.transpose(left) if turned_a else left,
            ops.transpose(right) if turned_b else right,
            out,
        )
        assert np.array_equal(ops.host(out), a @ b)
        return out

    return compute


def gathered(count: int) -> Callable[[Operations], Any]:
    """Return rows of a table of bytes, out of order and twice."""

    def compute(ops: Operations) -> Any:
        table = ops.array((np.arange(count * 5) % 200).astype(np.uint8).reshape(-1, 5))
        rows = np.arange(count)[::-1] // 2
        out = ops.empty((count, 7), "single")
        ops.gather(table, rows, out[:, :5])
        return out

    return compute


def looked_up(count: int) -> Callable[[Operations], Any]:
    """Return numbers of a table by whole numbers in an array's bits."""

    def compute(ops: Operations) -> Any:
        places = ops.bits(ops.empty((count, 1), "single"))
        ops.whole(
            filled(ops, (np.arange(count) % 31).astype(np.float32)[:, None]), places
        )
        out = ops.empty((count, 1), "single")
        ops.look_up(ops.array(numbers(31)), places, out)
        return out

    return compute


def shifted(count: int) -> Callable[[Operations], Any]:
    """Return the shifted bits of magnitudes."""

    def compute(ops: Operations) -> Any:
        out = ops.bits(ops.empty((count,), "single"))
        ops.shift_right(ops.bits(filled(ops, np.abs(numbers(count)))), 9, out)
        return out

    return compute


def whole(count: int) -> Callable[[Operations], Any]:
    """Return numbers without their fractions."""

    def compute(ops: Operations) -> Any:
        out = ops.bits(ops.empty((count,), "single"))
        values = np.clip(numbers(count), -(2**30), 2**30).astype(np.float32)
        ops.whole(filled(ops, values), out)
        return out

    return compute


def by_row(name: str, count: int) -> Callable[[Operations], Any]:
    """Return a number for each row."""

    def compute(ops: Operations) -> Any:
        values = integers(count, 13, 18, 3).astype(np.float32)
        out = ops.empty((count, 1), "single")
        getattr(ops, name)(filled(ops, values), out)
        return out

    return compute


def cleared(count: int) -> Callable[[Operations], Any]:
    """Return what clear() leaves."""

    def compute(ops: Operations) -> Any:
        out = filled(ops, numbers(count))
        ops.clear(out)
        return out

    return compute


def dot(count: int) -> Callable[[Operations], Any]:
    """Return an exact dot product: 16 digits each, and 17 for the count."""

    def compute(ops: Operations) -> float:
        a, b = (filled(ops, integers(count, 1, 16, s), "double") for s in (4, 5))
        return float(ops.dot(a, b))

    return compute


def bounded(name: str, bound: float, count: int) -> Callable[[Operations], Any]:
    """Return numbers held at a bound; a zero's sign is anyone's, and taken off."""

    def compute(ops: Operations) -> Any:
        out = ops.empty((count,), "single")
        getattr(ops, name)(filled(ops, numbers(count)), bound, out)
        ops.add(out, 0.0, out)
        return out

    return compute


# By operation: the computations of it for arrays of so many numbers.
CASES: dict[str, Callable[[int], list[Callable[[Operations], Any]]]] = {
    **{
        name: lambda n, o=name: [binary(o, n), binary(o, n, 1.5)]
        for name in ("add", "subtract", "multiply")
    },
    "subtract_from": lambda n: [subtract_from(n)],
    "divide": lambda n: [binary("divide", n)],
    "absolute": lambda n: [
        lambda ops: (a := filled(ops, numbers(n)), ops.absolute(a, a))[0]
    ],
    "at_most": lambda n: [bounded("at_most", b, n) for b in (0.0, -1.5, 100.0)],
    "at_least": lambda n: [bounded("at_least", b, n) for b in (0.0, -1.5, 100.0)],
    "row_largest": lambda n: [by_row("row_largest", n)],
    "row_sum": lambda n: [by_row("row_sum", n)],
    # Of a zero, either sign.
    "largest": lambda n: [lambda ops: abs(ops.largest(filled(ops, numbers(n))))],
    "above": lambda n: [lambda ops: int(ops.above(filled(ops, numbers(n)), 1.5))],
    "dot": lambda n: [dot(n)],
    "bits": lambda n: [lambda ops: ops.bits(filled(ops, numbers(n)))],
    "shift_right": lambda n: [shifted(n)],
    "whole": lambda n: [whole(n)],
    "empty": lambda n: [lambda ops: ops.empty((n, 2), "double")],
    "array": lambda n: [lambda ops: ops.array(numbers(2 * n).reshape(2, n).T)],
    "host": lambda n: [lambda ops: ops.array(numbers(n))],
    "clear": lambda n: [cleared(n)],
    "floor": lambda n: [floor(n)],
    "give_sign": lambda n: [give_sign(n)],
    "copy": lambda n: list(conversion(n)),
    "gather": lambda n: [gathered(n)],
    "look_up": lambda n: [looked_up(n)],
    "matmul": lambda n: [
        product(a, b, digits, kind)
        for a in (False, True)
        for b in (False, True)
        for digits, kind in ((8, "single"), (22, "double"))
    ],
    "transpose": lambda n: [
        lambda ops: filled(ops, numbers(2 * n).reshape(2, n).T.copy())
    ],
}


def test_every_operation_has_cases() -> None:
    """An operation that is added is compared too, or this fails."""
    operations = {n for n in vars(Operations) if not n.startswith("_")} - {
        "name",
        "rows",
    }
    assert operations == set(CASES)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", CASES)
def test_operation(name: str, length: int) -> None:
    """Each operation gives the same bits, at the ends of vectors too."""
    for compute in CASES[name](length):
        same(compute)


@pytest.mark.parametrize("name", ("exp", "log", "reciprocal_root"))
def test_elementary_function(name: str) -> None:
    """Elementary functions are the same sequences of operations."""
    values = np.abs(numbers(100_003)) + np.float32(2.0**-60)
    if name == "exp":
        values = np.clip(numbers(100_003), -80, 80).astype(np.float32)

    def compute(ops: Operations) -> Any:
        x = filled(ops, values)
        y, work = ops.empty(values.shape, "single"), ops.empty(values.shape, "single")
        getattr(elementary, name)(ops, x, y, work)
        return y

    same(compute)


def _kinds(base: type[Activation]) -> Iterator[type[Activation]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


ACTIVATIONS = sorted(set(_kinds(Activation)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activation(kind: type[Activation]) -> None:
    """Values, slopes and counts of what was held are the same."""
    shape = 4001, 7
    z = np.clip(numbers(shape[0] * shape[1]), -1000, 1000).astype(np.float32)
    held = []

    def value(ops: Operations) -> Any:
        y = ops.empty(shape, "single")
        work = ops.empty(shape, "single"), ops.empty(shape, "single")
        held.append(kind().apply(ops, filled(ops, z.reshape(shape)), y, work))
        return y

    def slope(ops: Operations) -> Any:
        q = filled(ops, numbers(len(z), 9).reshape(shape))
        work = ops.empty(shape, "single"), ops.empty(shape, "single")
        kind().slope(ops, value(ops), q, work)
        # A zero of either sign is rounded to one in what follows.
        ops.add(q, 0.0, q)
        return q

    same(value)
    if kind is not activations.Softmax:
        same(slope)
    assert len(set(held)) == 1


@pytest.mark.parametrize("loss", (SquaredError(), CrossEntropy()))
def test_loss(loss: Any) -> None:
    """A loss is the same fraction, its slopes the same numbers."""
    shape, last = (1003, 5), activations.Sigmoid()
    y, t = (np.abs(integers(*shape, 16, s)) * 2.0**-16 for s in (7, 8))

    def value(ops: Operations) -> Any:
        mask = filled(ops, np.abs(integers(*shape, 1, 9)))
        return loss.value(ops, last, filled(ops, y), filled(ops, t), mask)

    def delta(ops: Operations) -> Any:
        q = ops.empty(shape, "single")
        loss.delta(ops, last, filled(ops, y), filled(ops, t), q)
        return q

    assert value(NUMPY) == value(TORCH) > 0
    same(delta)


def test_norm() -> None:
    """The length of a gradient of several pieces, and the scale that clips it."""
    values = numbers(70_001).astype(np.float64)
    same(lambda ops: norm(ops, filled(ops, values, "double"), 2.0**-9))
    same(lambda ops: clipped(ops, filled(ops, values, "double"), 2.0**-9, 0.01))


@pytest.fixture(scope="module")
def digests() -> dict[str, str]:
    """What numpy learns."""
    found = {}
    for name, shape in CONFIGURATIONS.items():
        training = shape.training()
        trainer = Trainer(NUMPY, training.recipe, training.data)
        trainer.run()
        found[name] = trainer.digest()
    return found


@pytest.mark.parametrize("threads", (1, 2))
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_training(name: str, threads: int, digests: dict[str, str]) -> None:
    """Whole trainings end with the same weights and moments."""
    training = CONFIGURATIONS[name].training()
    trainer = Trainer(choose("torch", threads), training.recipe, training.data)
    trainer.run()
    assert trainer.digest() == digests[name]


@pytest.mark.parametrize("first, then", ((NUMPY, TORCH), (TORCH, NUMPY)))
def test_going_on_with_the_other(
    first: Operations, then: Operations, digests: dict[str, str], tmp_path: Path
) -> None:
    """A checkpoint of one backend is one of the other."""
    training = CONFIGURATIONS["small"].training()
    begun = Trainer(first, training.recipe, training.data)
    begun.run(11)
    checkpoint.save(tmp_path / "state", begun.checkpoint("small"))
    count, names = training.recipe.plan.parameters, ("master", "mean", "square")
    state = checkpoint.load(tmp_path / "state", "small", names, count)
    ended = Trainer(then, training.recipe, training.data)
    ended.resume(state)
    ended.run()
    assert ended.digest() == digests["small"]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_unknown_backend() -> None:
    """The message names what there is."""
    with pytest.raises(ExactError) as caught:
        choose("jax")
    assert str(caught.value) == "backend 'jax': expected numpy or torch"


def _without_torch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where torch refuses to be imported."""
    (folder / "torch.py").write_text("raise ImportError('refused')\n")
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment
    )


def test_torch_is_missing(tmp_path: Path) -> None:
    """The message names the package, and that numpy would do as well."""
    module = "dh_aibootstrap.exact.selftest"
    done = _without_torch(tmp_path, "-m", module, "torch")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "dh_aibootstrap.exact: error: the backend torch needs the package "
        "python3-torch; the backend numpy gives the same bits\n"
    )


def test_workers_without_torch(tmp_path: Path) -> None:
    """Workers need torch, whatever they compute with."""
    script = (
        "from dh_aibootstrap.exact.errors import ExactError\n"
        "from dh_aibootstrap.exact.parallel import Distributed\n"
        "try:\n    Distributed()\nexcept ExactError as error:\n    print(error)\n"
    )
    done = _without_torch(tmp_path, "-c", script)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "workers need the package python3-torch\n"


def test_numpy_does_without_torch(tmp_path: Path) -> None:
    """The backend numpy never imports torch."""
    done = _without_torch(tmp_path, "-m", "dh_aibootstrap.exact.selftest", "numpy")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("numpy: ")
