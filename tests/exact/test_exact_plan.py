# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every bound of a plan is reached by operands at the edge of every format, exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Callable

import numpy as np
import pytest
from dh_aibootstrap.exact.activations import Linear, ReLU, Sigmoid, Softmax, Tanh
from dh_aibootstrap.exact.backend.numpy_backend import NumpyOperations
from dh_aibootstrap.exact.data import Block, InputFormat
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.grid import Grid
from dh_aibootstrap.exact.losses import CrossEntropy, SquaredError
from dh_aibootstrap.exact.parameters import Parameters
from dh_aibootstrap.exact.plan import (
    LEAST_WEIGHT,
    NARROW_DELTA,
    BlockPlan,
    Dense,
    LayerPlan,
    Plan,
    plan,
)


def block(first: int, count: int, exponent: int, largest: float, total: float) -> Block:
    """Return the format of some columns next to one another."""
    return Block(np.arange(first, first + count), Grid(exponent, largest), total)


COUNTS = block(0, 40, 0, 8.0, 30.0)
HALVES = block(40, 20, 1, 6.0, 24.0)
EVEN = block(0, 40, -1, 16.0, 60.0)
FINE = block(60, 30, 12, 5.0, 20.0)
PLANS = {
    "narrow and wide": plan(
        InputFormat((COUNTS, HALVES), FINE),
        (Dense(20, ReLU()), Dense(5, Sigmoid())),
        CrossEntropy(),
        300,
    ),
    "narrow": plan(
        InputFormat((COUNTS, HALVES), None),
        (Dense(9, Tanh()), Dense(3, Softmax())),
        CrossEntropy(),
        1000,
    ),
    "whole twos": plan(
        InputFormat((EVEN,), None), (Dense(7, Linear()),), SquaredError(), 500
    ),
    "wide and deep": plan(
        InputFormat((), block(0, 90, 12, 64.0, 5760.0)),
        (Dense(200, ReLU()), Dense(150, ReLU(256.0)), Dense(4, Linear())),
        SquaredError(),
        200,
    ),
    "weights held at 2": plan(
        InputFormat((COUNTS, HALVES), FINE),
        (Dense(16, Sigmoid(), largest=2.0), Dense(5, Sigmoid(), largest=1.0)),
        SquaredError(),
        64,
    ),
}


def row_of(part: Any, total: float) -> Any:
    """Return a row at the largest until its magnitudes add up to `total`, in steps."""
    steps = int(Fraction(total) * Fraction(2) ** part.inputs.exponent)
    most = int(part.inputs.steps)
    row = []
    for _ in range(part.rows):
        row.append(min(most, steps))
        steps -= row[-1]
    assert steps == 0, "the format's row sum cannot be reached"
    return row


def totals(net: Plan, number: int, block: BlockPlan) -> list[float]:
    """Return the row sum of each group of a block."""
    if number:
        below = net.layers[number - 1].dense
        return [below.units * below.activation.outputs.largest, 1.0]
    sums = {b.columns[0]: b.row_sum for b in net.inputs.blocks}
    return [1.0 if g.columns is None else sums[g.columns[0]] for g in block.groups]


def blocks() -> list[Any]:
    """Return every block of every plan: plan, layer's number, block's number."""
    return [
        pytest.param(net, number, place, id=f"{name}, layer {number + 1}, {place}")
        for name, net in PLANS.items()
        for number, layer in enumerate(net.layers)
        for place in range(len(layer.blocks))
    ]


def proved(layer: LayerPlan, block: BlockPlan, kind: str) -> Any:
    """Return the sum of this kind that the plan lists for the block."""
    name = "narrow" if block.single else "wide"
    found = [s for s in layer.sums if f", {name}, {kind}" in s.place]
    return found[0]


def used(net: Plan, number: int, place: int, signs: Any) -> Any:
    """Return the weights in use when all master weights are far beyond their bound."""
    held = Parameters(NumpyOperations(), net)
    layers = [(w + 1e9, b + 1e9) for w, b in held.result()]
    held.assign([(w.astype(np.float32), b.astype(np.float32)) for w, b in layers])
    assert held.held == net.parameters
    weights = held.used[number][place]
    groups = net.layers[number].blocks[place].groups
    start = 0
    for group in groups:
        # One step less here and there, so that the last digit counts.
        step = 2.0**-group.weights.exponent * group.unit
        assert (weights[start] == group.weights.largest * group.unit).all()
        weights[start, ::3] -= weights.dtype.type(step)
        start += group.rows
    weights *= signs.astype(weights.dtype)
    return weights


def integers(values: Any, exponent: int) -> Any:
    """Return numbers on a grid of 2**-exponent as Python's integers."""
    steps = [Fraction(float(v)) * Fraction(2) ** exponent for v in values.ravel()]
    assert all(s.denominator == 1 for s in steps)
    whole = np.array([int(s) for s in steps], object)
    return whole.reshape(values.shape)


def in_orders(a: Any, b: Any) -> list[Any]:
    """Return the product added in several orders."""
    order = np.random.default_rng(1).permutation(a.shape[1])
    half = a.shape[1] // 2
    return [
        a @ b,
        (b.T @ a.T).T,
        a[:, order] @ b[order],
        a[:, ::-1] @ b[::-1],
        a[:, :half] @ b[:half] + a[:, half:] @ b[half:],
        np.einsum("ik,kj->ij", a, b),
    ]


@pytest.mark.parametrize("net, number, place", blocks())
def test_forward_sums_are_exact_at_the_edge(net: Plan, number: int, place: int) -> None:
    """Rows that add up to their most, all weights at their bound; none needs less."""
    layer = net.layers[number]
    chosen = layer.blocks[place]
    row: list[int] = []
    exponents: list[int] = []
    for group, total in zip(chosen.groups, totals(net, number, chosen)):
        row += row_of(group, total)
        exponents += [group.inputs.exponent] * group.rows
    kind = np.float32 if chosen.single else np.float64
    signs = np.random.default_rng(2).choice((-1, 1), len(row))
    scale = [
        2.0**-e * (1 / g.unit)
        for g, e in zip(
            [g for g in chosen.groups for _ in range(g.rows)],
            exponents,
        )
    ]
    x = (np.array(row) * signs * scale).astype(kind)[None, :]
    weights = used(net, number, place, signs[:, None])
    first = chosen.groups[0]
    steps = first.inputs.exponent + first.weights.exponent
    units = [g.unit for g in chosen.groups for _ in range(g.rows)]
    expected = sum(
        integers(x[:, i] * u, 60)[0] * integers(weights[i] / u, 60)
        for i, u in enumerate(units)
    )
    for found in in_orders(x, weights):
        assert (integers(found[0], 120) == expected).all()
    claim = proved(layer, chosen, "forward")
    reached = max(abs(int(e)) for e in expected) / Fraction(2) ** (120 - steps)
    assert reached.denominator == 1
    assert claim.steps * Fraction(99, 100) < reached <= claim.steps
    assert claim.steps <= 2**claim.available


@pytest.mark.parametrize("net, number, place", blocks())
def test_gradient_sums_are_exact_at_the_edge(
    net: Plan, number: int, place: int
) -> None:
    """All inputs at their largest, all slopes at 2**digits steps, the whole batch."""
    layer = net.layers[number]
    chosen = layer.blocks[place]
    kind = np.float32 if chosen.single else np.float64
    column = [
        float(g.inputs.steps) if g.unit != 1 else g.inputs.largest
        for g in chosen.groups
    ]
    scales = [1.0 if g.unit != 1 else 2.0**g.inputs.exponent for g in chosen.groups]
    x = np.tile(np.array(column, kind), (net.batch, 1))
    d = np.full((net.batch, 2), 2.0**layer.delta_digits, kind)
    # The last digit counts.
    d[::3] -= 1
    d[:, 1] *= -1
    x[::5] -= kind(1) / np.array(scales, kind)
    whole = integers(x * np.array(scales, kind), 0).T @ integers(d, 0)
    total = np.zeros(whole.shape)
    worst = 0
    for start in range(0, net.batch, chosen.tile):
        tile = slice(start, start + chosen.tile)
        part = integers(x[tile] * np.array(scales, kind), 0).T @ integers(d[tile], 0)
        for found in in_orders(np.ascontiguousarray(x[tile].T), d[tile]):
            assert found.dtype == kind
            scaled = found.astype(np.float64) * np.array(scales)[:, None]
            assert (integers(scaled, 0) == part).all()
        worst = max(worst, int(abs(part).max()))
        total += found
    assert (integers(total * np.array(scales)[:, None], 0) == whole).all()
    tiles = proved(layer, chosen, f"gradient of {chosen.tile} rows")
    batch = proved(layer, chosen, "gradient of the batch")
    assert batch.available == 53
    for claim, reached in ((tiles, worst), (batch, int(abs(whole).max()))):
        assert claim.steps * Fraction(4, 5) < reached <= claim.steps
        assert claim.steps <= 2**claim.available


@pytest.mark.parametrize("net, number, place", [b for b in blocks() if b.values[1]])
def test_backward_sums_are_exact_at_the_edge(
    net: Plan, number: int, place: int
) -> None:
    """All slopes at 2**digits steps, all weights at their bound."""
    layer = net.layers[number]
    chosen = layer.blocks[place]
    units = layer.dense.units
    signs = np.random.default_rng(3).choice((-1, 1), (1, units))
    weights = used(net, number, place, signs)[:-1]
    d = 2.0**layer.delta_digits * signs
    d[0, ::2] -= signs[0, ::2]
    exponent = chosen.groups[0].weights.exponent
    expected = integers(d, 0) @ integers(weights, exponent).T
    for found in in_orders(d, np.ascontiguousarray(weights.T)):
        assert (integers(found, exponent) == expected).all()
    claim = proved(layer, chosen, "backward")
    reached = int(abs(expected).max())
    assert claim.steps * Fraction(99, 100) < reached <= claim.steps
    assert claim.steps <= 2**claim.available


def test_formats_are_as_fine_as_the_digits_allow() -> None:
    """One digit more for weights or slopes, and some sum or rounding would not do."""
    for net in PLANS.values():
        for number, layer in enumerate(net.layers):
            for chosen in layer.blocks:
                mine = [s for s in layer.sums if "forward" in s.place]
                mine += [s for s in layer.sums if "backward" in s.place]
                tight = any(s.needed == s.available for s in mine)
                tight |= any(g.weights.steps == 2**22 for g in chosen.groups)
                assert tight, (number, chosen)
            assert layer.delta_digits in (NARROW_DELTA, 22) or any(
                s.needed == s.available for s in layer.sums if "batch" in s.place
            )


def test_proof_lists_every_sum() -> None:
    """A line for each: what, the digits it needs, the digits it has."""
    assert list(PLANS["narrow and wide"].proof()) == PROOF


PROOF = [
    "layer 1, narrow, forward: 24 of 24 digits",
    "layer 1, narrow, gradient of 300 rows: 22 of 24 digits",
    "layer 1, narrow, gradient of the batch: 22 of 53 digits",
    "layer 1, wide, forward: 39 of 53 digits",
    "layer 1, wide, gradient of 300 rows: 33 of 53 digits",
    "layer 1, wide, gradient of the batch: 33 of 53 digits",
    "layer 2, wide, forward: 46 of 53 digits",
    "layer 2, wide, gradient of 300 rows: 50 of 53 digits",
    "layer 2, wide, gradient of the batch: 50 of 53 digits",
    "layer 2, wide, backward: 47 of 53 digits",
]


def refusal(make: Callable[[], Any]) -> str:
    """Return why it is refused."""
    with pytest.raises(ExactError) as caught:
        make()
    return str(caught.value)


def narrow(total: float, exponent: int = 0, largest: float = 1.0) -> InputFormat:
    """Return a format of one narrow block."""
    return InputFormat((block(0, 4096, exponent, largest, total),), None)


def of_inputs(
    inputs: InputFormat, batch: int = 32, largest: float | None = None
) -> Callable[[], Plan]:
    """Return what plans one layer for these inputs."""
    layer = Dense(4, Linear(), largest=largest)
    return lambda: plan(inputs, (layer,), SquaredError(), batch)


COARSE = (
    f"leave weights steps of 2**-{LEAST_WEIGHT - 1}, at least 2**-{LEAST_WEIGHT} are "
    "needed; take coarser or wide inputs, or weights with a smaller bound"
)


def test_narrow_rows_end_where_weights_would_be_too_coarse() -> None:
    """So much and the bias's 1, times 8, in the coarsest steps allowed, are 2**24."""
    most = 2.0 ** (21 - LEAST_WEIGHT) - 1
    assert of_inputs(narrow(most))().layers[0].sums[0].steps == 2**24
    assert refusal(of_inputs(narrow(most + 1))) == (
        f"layer 1: 4096 inputs in steps of 2**0 {COARSE}"
    )


def test_the_finest_narrow_inputs_decide_how_coarse_weights_are() -> None:
    """Steps of 1/16 have the coarsest weights."""
    most = 2.0 ** (17 - LEAST_WEIGHT) - 1
    of_inputs(narrow(most, 4))()
    assert refusal(of_inputs(narrow(most + 1, 4))) == (
        f"layer 1: 4096 inputs in steps of 2**-4 {COARSE}"
    )


def test_a_batch_of_2_to_the_25_passes_and_one_row_more_does_not() -> None:
    """2**25 rows of 2**18 steps leave ten digits for the slopes."""
    wide = InputFormat((), block(0, 9, 12, 64.0, 576.0))
    assert of_inputs(wide, 2**25)().layers[0].delta_digits == 10
    assert refusal(of_inputs(wide, 2**25 + 1)) == (
        "layer 1: a batch of 33554433 leaves 9 digits for the slopes, at least 10 are "
        "needed; take a smaller batch or coarser inputs"
    )


def test_narrow_steps_end_where_products_would_have_15_rows() -> None:
    """16 rows of so many steps and slopes are 2**24: the gradient product's limit."""
    most = 2.0 ** (18 - NARROW_DELTA)
    chosen = of_inputs(narrow(most, 2, most), largest=0.5)().layers[0]
    assert chosen.blocks[0].tile == 16
    assert [s.steps for s in chosen.sums if "of 16 rows" in s.place] == [2**24]
    beyond = narrow(most + 0.25, 2, most + 0.25)
    assert refusal(of_inputs(beyond, largest=0.5)) == (
        f"layer 1: narrow inputs of up to {int(4 * most) + 1} steps allow products of "
        "15 rows, fewer than 16; make them wide"
    )


def test_units_end_where_weights_would_be_too_coarse() -> None:
    """So many times 2**22 * 64 in the coarsest steps allowed are 2**53: backward."""
    wide = InputFormat((), block(0, 9, 12, 64.0, 576.0))

    def of_units(units: int) -> Callable[[], Plan]:
        layers = Dense(4, ReLU()), Dense(units, Linear())
        return lambda: plan(wide, layers, SquaredError(), 1)

    most = 2 ** (25 - LEAST_WEIGHT)
    last = of_units(most)().layers[1].sums[-1]
    assert (last.place, last.steps) == ("layer 2, wide, backward", 2**53)
    expected = f"layer 2: 4 inputs in steps of 2**-14 {COARSE}"
    assert refusal(of_units(most + 1)) == expected


def test_wide_inputs_up_to_512_pass_and_beyond_do_not() -> None:
    """Squares of gradients would leave the range of Adam's root."""
    of_inputs(InputFormat((), block(0, 2, 4, 512.0, 600.0)))()
    beyond = InputFormat((), block(0, 2, 4, 513.0, 600.0))
    assert refusal(of_inputs(beyond)) == (
        "inputs of up to 513, at most 512 can be; scale them down"
    )


@pytest.mark.parametrize(
    "layers, message",
    [
        ((), "a net needs a layer, and a batch a row"),
        (
            (Dense(4, Linear(), largest=3.0),),
            "layer 1: largest is 3, expected a power of two",
        ),
        (
            (Dense(4, Linear(), largest=-8.0),),
            "layer 1: largest is -8, expected a power of two",
        ),
        (
            (Dense(4, ReLU()), Dense(4, Linear(), spread=64.5)),
            "layer 2: spread is 64.5, first weights would be held back at 64; take a "
            "smaller spread, or state a larger bound",
        ),
        (
            (
                Dense(4, ReLU(512.0)),
                Dense(4, ReLU(1024.0)),
                Dense(4, Linear(2.0**20)),
            ),
            "layer 2: outputs of up to 1024, at most 512 can be; scale them down",
        ),
        (
            (Dense(4, Softmax()), Dense(4, Linear())),
            "Softmax is for the last layer",
        ),
    ],
)
def test_layers_that_make_no_net_are_refused(
    layers: tuple[Dense, ...], message: str
) -> None:
    """Before anything is computed."""
    wide = InputFormat((), FINE.__class__(np.arange(9), Grid(12, 8.0), 72.0))
    assert refusal(lambda: plan(wide, layers, SquaredError(), 8)) == message


def test_an_empty_batch_is_refused() -> None:
    """There would be nothing to divide by."""
    assert refusal(of_inputs(narrow(9.0), 0)) == (
        "a net needs a layer, and a batch a row"
    )
