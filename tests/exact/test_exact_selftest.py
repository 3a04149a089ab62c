# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that computes wrongly is found before it makes a step."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dh_aibootstrap.exact import selftest
from dh_aibootstrap.exact.backend.numpy_backend import NumpyOperations
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.trainer import Trainer
from exact_support import recipe, small

ROOT = Path(__file__).resolve().parents[2]
MEND = (
    "; take another BLAS (see update-alternatives --list libblas.so.3), backend or "
    "machine"
)
SINGLE_OPERATIONS = (
    "single operations do not give the known result: a division, a conversion or a "
    "rounding of this machine is not that of IEEE 754"
)


def kept(values: Any, digits: int) -> Any:
    """Return binary64 numbers with so many digits, the others dropped."""
    mantissa, exponent = np.frexp(values.astype(np.float64))
    return np.ldexp(np.trunc(mantissa * 2.0**digits), exponent - digits)


class Tensor(NumpyOperations):
    """Takes 11 digits of the operands of binary32 products, as TF32 does."""

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        """Set out."""
        if a.dtype == np.float32:
            a, b = kept(a, 11).astype(np.float32), kept(b, 11).astype(np.float32)
        super().matmul(a, b, out)


class Short(NumpyOperations):
    """Adds up the products of binary32 in 23 digits."""

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        """Set out."""
        super().matmul(a, b, out)
        if a.dtype == np.float32:
            out[...] = kept(out, 23)


class Emulated(NumpyOperations):
    """Takes 30 digits of the operands of binary64 products."""

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        """Set out."""
        if a.dtype == np.float64:
            a, b = kept(a, 30), kept(b, 30)
        super().matmul(a, b, out)


class Fifty(NumpyOperations):
    """Adds up the products of binary64 in 52 digits."""

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        """Set out."""
        super().matmul(a, b, out)
        if a.dtype == np.float64:
            out[...] = kept(out, 52)


class Turned(NumpyOperations):
    """Is wrong in one entry, where the left operand lies in memory by columns."""

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        """Set out."""
        super().matmul(a, b, out)
        if not a.flags.c_contiguous:
            out[-1, -1] += 1


class Quotient(NumpyOperations):
    """Divides one place beside the nearest, now and then."""

    def divide(self, a: Any, b: Any, out: Any) -> None:
        """Set out."""
        wrong = np.nextafter(a / b, np.float32(0))
        out[...] = np.where(np.arange(a.size).reshape(a.shape) % 97, a / b, wrong)


class Odd(NumpyOperations):
    """Rounds sums to odd where they are not exact."""

    def add(self, a: Any, b: Any, out: Any) -> None:
        """Set out."""
        if out.dtype != np.float32:
            return super().add(a, b, out)
        exact = np.asarray(a, np.float64) + np.asarray(b, np.float64)
        near = exact.astype(np.float32)
        inexact = near.astype(np.float64) != exact
        even = near.view(np.int32) % 2 == 0
        side = np.where(exact > near, np.inf, -np.inf).astype(np.float32)
        out[...] = np.where(inexact & even, np.nextafter(near, side), near)


class Truncated(NumpyOperations):
    """Converts to binary32 by dropping digits."""

    def copy(self, a: Any, out: Any) -> None:
        """Set out."""
        super().copy(a, out)
        if a.dtype == np.float64 and out.dtype == np.float32:
            over = np.abs(out.astype(np.float64)) > np.abs(a)
            out[over] = np.nextafter(out[over], np.float32(0))


class Approximate(NumpyOperations):
    """Multiplies by way of logarithms, as fast as it is wrong."""

    def multiply(self, a: Any, b: Any, out: Any) -> None:
        """Set out."""
        super().multiply(a, b, out)
        if out.dtype == np.float32 and np.ndim(b):
            out *= np.float32(1 + 2.0**-23)


def products(kind: str) -> str:
    """Return the pattern of the message on products."""
    return (
        r"self-test with numpy: [1-9]\d* of 5624 entries of "
        + kind
        + " matrix products of integers are wrong: the BLAS computes wrongly or drops "
        "digits"
    )


@pytest.mark.parametrize(
    "broken, kinds",
    [
        (Tensor, ["binary32"]),
        (Short, ["binary32"]),
        (Emulated, ["binary64"]),
        (Fifty, ["binary64"]),
        (Turned, ["binary32", "binary64"]),
    ],
)
def test_wrong_products_are_refused(
    broken: type[NumpyOperations], kinds: list[str]
) -> None:
    """How many entries are wrong, of which products; no trainer comes of it."""
    net, material = small()
    with pytest.raises(ExactError) as caught:
        Trainer(broken(), recipe(net), material)
    message = str(caught.value)
    assert message.endswith(MEND)
    found = message[: -len(MEND)].split("; ")
    assert len(found) == len(kinds)
    found[1:] = [f"self-test with numpy: {each}" for each in found[1:]]
    for each, kind in zip(found, kinds):
        assert re.fullmatch(products(kind), each)


@pytest.mark.parametrize("broken", [Quotient, Odd, Truncated, Approximate])
def test_wrong_operations_are_refused(broken: type[NumpyOperations]) -> None:
    """Divided, rounded or converted otherwise; no trainer comes of it."""
    net, material = small()
    with pytest.raises(ExactError) as caught:
        Trainer(broken(), recipe(net), material)
    assert str(caught.value) == f"self-test with numpy: {SINGLE_OPERATIONS}{MEND}"


def test_products_are_asked_near_what_the_proof_claims() -> None:
    """The entries need all 24, all 53 digits: a unit with one less is found."""
    for digits in (24, 53):
        entries: list[float] = []

        class Noting(NumpyOperations):
            """Notes what products give."""

            def matmul(self, a: Any, b: Any, out: Any) -> None:
                super().matmul(a, b, out)
                entries.extend(float(v) for v in out.ravel())

        assert selftest.wrong_products(Noting(), digits) == 0
        assert 2 ** (digits - 1) < max(entries) <= 2**digits
        assert any(entry % 2 for entry in entries)


def test_this_machine_passes_and_gives_the_known_digest() -> None:
    """Numpy and its BLAS, whatever they are."""
    assert selftest.faults(NumpyOperations()) == []
    assert selftest.digest(NumpyOperations()) == selftest.GOLDEN
    selftest.require(NumpyOperations())


def test_a_machine_that_passed_does_not_vouch_for_another() -> None:
    """Each kind of operations is asked, though it says the same name."""
    selftest.require(NumpyOperations())
    with pytest.raises(ExactError):
        selftest.require(Quotient())


def test_digest_does_not_depend_on_pieces() -> None:
    """As a machine with another cache would cut them."""
    for rows in (5, 33, 4096):
        ops = NumpyOperations()
        ops.rows = rows
        assert selftest.digest(ops) == selftest.GOLDEN


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Return what the command prints."""
    module = "dh_aibootstrap.exact.selftest"
    return subprocess.run(
        [sys.executable, "-B", "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_command_prints_the_digest() -> None:
    """With numpy unless told otherwise."""
    for arguments in ([], ["numpy"]):
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"numpy: {selftest.GOLDEN}\n"


def test_command_says_what_is_wrong() -> None:
    """Status 1, nothing on standard output."""
    done = run("abacus")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "dh_aibootstrap.exact: error: backend 'abacus': expected numpy or torch\n"
    )
