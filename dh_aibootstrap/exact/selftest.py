# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this machine's arithmetic what the proof assumes? Asked before every training.

    python3 -m dh_aibootstrap.exact.selftest [numpy|torch]

Products of integer matrices are compared with Python's integers, at the 24 and 53
digits that the proof claims; then single operations, functions and a few steps of
training must give one known digest. A BLAS whose binary32 product for 64-bit ARM was
wrong under an emulator, and a square root that was, have been met: a training there
would have gone through without a word.
"""

from __future__ import annotations

import hashlib
import sys
from fractions import Fraction

import numpy as np

from . import elementary, philox
from .activations import ReLU, Sigmoid, Softmax, TableSigmoid, Tanh
from .backend import Array, Host, Operations, choose
from .data import Data, Tables, Targets, quantise
from .errors import ExactError
from .grid import DOUBLE, SINGLE
from .losses import CrossEntropy, SquaredError
from .network import Network
from .optimisers import SGD, Adam, Optimiser, Step, clipped
from .parallel import Alone
from .plan import Dense, Plan, plan

GOLDEN = "4c51e1909ed8dfe3a2cffbb089ba05bab9f016393f0e0e18508b3777dae4916b"
_ROWS, _INNER, _COLUMNS = 37, 250, 19
_NAMES = {SINGLE: "binary32", DOUBLE: "binary64"}


def _integers(stream: int, shape: tuple[int, int], digits: int) -> Host:
    """Return random integers above half of 2**digits, up to it, as int64."""
    count = shape[0] * shape[1]
    pairs = philox.words(1, stream, 2 * count).reshape(count, 2)
    values = pairs[:, 0] << np.uint64(21) ^ pairs[:, 1]
    values = np.uint64(1 << digits) - values % np.uint64(1 << digits - 1)
    return values.astype(np.int64).reshape(shape)


def wrong_products(ops: Operations, digits: int) -> int:
    """Return how many of the entries of eight products differ from the integers'.

    All operands are positive and large, so that the last partial sums come near what
    the claim allows: 2**8 terms of operands with digits - 8 digits together. These are
    shared evenly, then unevenly, as units that drop digits take those of an operand.
    """
    both = digits - 8
    return sum(_wrong(ops, digits, left, both - left) for left in (both // 2, 3))


def _wrong(ops: Operations, digits: int, left: int, right: int) -> int:
    a = _integers(1, (_ROWS, _INNER), left)
    b = _integers(2, (_INNER, _COLUMNS), right)
    expected = (a.astype(object) @ b.astype(object)).reshape(-1)
    kind = "single" if digits == SINGLE else "double"
    wrong = 0
    for turned_a in (False, True):
        for turned_b in (False, True):
            out = ops.empty((_ROWS, _COLUMNS), kind)
            ops.matmul(
                _laid(ops, a, kind, turned_a), _laid(ops, b, kind, turned_b), out
            )
            found = ops.host(out).reshape(-1)
            wrong += sum(int(f) != e for f, e in zip(found, expected, strict=True))
    return wrong


def _laid(ops: Operations, values: Host, kind: str, turned: bool) -> Array:
    """Return the matrix in memory by rows, or by columns."""
    if turned:
        return ops.transpose(_laid(ops, values.T, kind, False))
    out = ops.empty(values.shape, kind)
    ops.copy(ops.array(np.ascontiguousarray(values).astype(np.float64)), out)
    return out


def digest(ops: Operations) -> str:
    """Return the SHA-256 over operations, functions and some steps of training."""
    total = hashlib.sha256()
    for values in (*_operations(ops), *_functions(ops), *_trainings(ops)):
        total.update(np.ascontiguousarray(values).astype("<f4").tobytes())
    return total.hexdigest()


def _numbers(stream: int, count: int) -> Host:
    """Return numbers from 2**-24 up to 4096, float32, of all magnitudes between."""
    words = philox.words(2, stream, 2 * count).reshape(count, 2)
    mantissa = 1 + (words[:, 0] >> np.uint64(9)).astype(np.float32) * np.float32(
        2**-23
    )
    exponent = (words[:, 1] % np.uint64(36)).astype(np.int32) - 24
    result: Host = np.ldexp(mantissa, exponent).astype(np.float32)
    return result


def _operations(ops: Operations) -> list[Host]:
    a, b = ops.array(_numbers(1, 4096)), ops.array(_numbers(2, 4096))
    results = []
    for operation in (ops.add, ops.subtract, ops.multiply, ops.divide):
        out = ops.empty((4096,), "single")
        operation(a, b, out)
        results.append(ops.host(out))
    return results


def _functions(ops: Operations) -> list[Host]:
    results = []
    for number, function in enumerate(
        (elementary.exp, elementary.log, elementary.reciprocal_root)
    ):
        x = ops.array(_numbers(3 + number, 4096))
        if function is elementary.exp:
            ops.at_most(x, 80.0, x)
        y, work = ops.empty((4096,), "single"), ops.empty((4096,), "single")
        function(ops, x, y, work)
        results.append(np.array(ops.host(y)))
    return results


def _trainings(ops: Operations) -> list[Host]:
    """Return what small nets of every kind have learnt in three steps."""
    count, inputs, outputs = 96, 30, 4
    words = philox.words(3, 1, count * inputs).reshape(count, inputs)
    values = (words % np.uint64(3)).astype(np.float64)
    values[:, 20:] = (words[:, 20:] % np.uint64(4097)).astype(np.float64) / 4096
    data = quantise(values)
    wanted = philox.words(3, 2, count * outputs).reshape(count, outputs)
    # Nearly probabilities, by division of integers: an x87 rounds others twice.
    shares = (wanted << np.uint64(16)) // wanted.sum(axis=1, keepdims=True)
    targets = shares.astype(np.float64) / 65536
    hidden = Dense(16, Tanh()), Dense(16, ReLU())
    kinds: list[tuple[Plan, Optimiser, float | None]] = [
        (
            plan(data.format, (*hidden, Dense(4, Sigmoid())), SquaredError(), count),
            Adam(decay=Fraction(1, 100)),
            0.05,
        ),
        (
            plan(
                data.format,
                (Dense(24, TableSigmoid()), Dense(4, Softmax())),
                CrossEntropy(),
                count,
            ),
            SGD(),
            None,
        ),
    ]
    results = []
    for net, optimiser, most in kinds:
        goal = Targets.rounded(targets, net.target_grid)
        results += _train(ops, net, optimiser, most, Data(data, goal))
    return results


def _train(
    ops: Operations, net: Plan, optimiser: Optimiser, most: float | None, data: Data
) -> list[Host]:
    network, tables = Network(ops, net), Tables.of(ops, data)
    network.parameters.start(4)
    state = [ops.empty((net.parameters,), "single") for _ in optimiser.moments]
    rows = np.arange(len(data))
    for number in range(1, 4):
        network.gradient(tables, rows, Alone(), watch=False)
        scale = 1 / 128
        if most is not None:
            scale = clipped(ops, network.parameters.gradient, scale, most)
        step = Step(number, Fraction(1, 50), scale)
        optimiser.update(ops, network.parameters, state, step)
    return [np.array(ops.host(v)) for v in (network.parameters.master, *state)]


def faults(ops: Operations) -> list[str]:
    """Return what is wrong with this machine's arithmetic: nothing, if all is well."""
    result = []
    for digits in (SINGLE, DOUBLE):
        wrong = wrong_products(ops, digits)
        if wrong:
            entries = 8 * _ROWS * _COLUMNS
            result.append(
                f"{wrong} of {entries} entries of {_NAMES[digits]} matrix products of "
                "integers are wrong: the BLAS computes wrongly or drops digits"
            )
    if not result and digest(ops) != GOLDEN:
        result.append(
            "single operations do not give the known result: a division, a conversion "
            "or a rounding of this machine is not that of IEEE 754"
        )
    return result


_PASSED: set[type] = set()


def require(ops: Operations) -> None:
    """Raise ExactError unless the self-test passes; asked once in a process."""
    if type(ops) in _PASSED:
        return
    found = faults(ops)
    if found:
        raise ExactError(
            f"self-test with {ops.name}: {'; '.join(found)}; take another BLAS (see "
            "update-alternatives --list libblas.so.3), backend or machine"
        )
    _PASSED.add(type(ops))


def main(arguments: list[str]) -> int:
    """Print the digest, or what is wrong; return the exit status."""
    name = arguments[0] if arguments else "numpy"
    try:
        ops = choose(name)
        require(ops)
    except ExactError as error:
        print(f"dh_aibootstrap.exact: error: {error}", file=sys.stderr)
        return 1
    print(f"{ops.name}: {digest(ops)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
