# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A training's bits are one: cut, shared, reversed, ended and resumed at every step."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dh_aibootstrap.exact import checkpoint
from dh_aibootstrap.exact.activations import (
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    TableSigmoid,
    Tanh,
)
from dh_aibootstrap.exact.backend.numpy_backend import NumpyOperations
from dh_aibootstrap.exact.data import Data, Targets, quantise
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.losses import CrossEntropy, SquaredError
from dh_aibootstrap.exact.optimisers import SGD, Adam, AdamW
from dh_aibootstrap.exact.plan import Dense, plan
from dh_aibootstrap.exact.schedules import Smooth
from dh_aibootstrap.exact.trainer import Recipe, Report, Trainer
from exact_support import Hub, Reversed, data, inputs, recipe, small, trained

# 700 rows in batches of 300: the last has 100, and no number of workers divides all.
ROWS, BATCH = 700, 300


def kinds() -> list[Any]:
    """Return trainings of every kind: recipe and data."""
    held = inputs(ROWS, narrow=12, wide=5)
    rate = Smooth(Fraction(1, 50), 2)
    made = []
    for name, layers, loss, optimiser, most, masked in (
        (
            "adamw",
            (Dense(24, Tanh()), Dense(16, ReLU()), Dense(3, Sigmoid())),
            SquaredError(),
            AdamW(Fraction(1, 10)),
            0.05,
            True,
        ),
        (
            "sgd",
            (Dense(24, TableSigmoid()), Dense(4, Softmax())),
            CrossEntropy(),
            SGD(),
            None,
            False,
        ),
        (
            "adam",
            (Dense(20, Sigmoid()), Dense(2, Linear())),
            SquaredError(),
            Adam(),
            1.0,
            False,
        ),
    ):
        net = plan(held.format, layers, loss, BATCH)
        chosen = Recipe(net, optimiser, rate, 2, 7, most)
        made.append(pytest.param(chosen, data(net, held, masked=masked), id=name))
    return made


KINDS = kinds()


@pytest.mark.parametrize("chosen, material", KINDS)
def test_digest_does_not_depend_on_pieces_or_order(
    chosen: Recipe, material: Data
) -> None:
    """Pieces of 7, 100 and 512 rows, rows of each batch reversed, matrices turned."""
    found = {trained(chosen, material, rows) for rows in (7, 100, 512)}
    found.add(trained(chosen, material, group=Reversed()))
    rows = material.inputs
    turned = type(rows)(rows.format, tuple(np.asfortranarray(m) for m in rows.matrices))
    found.add(trained(chosen, Data(turned, material.targets)))
    assert len(found) == 1
    assert trained(replace(chosen, seed=8), material) not in found


@pytest.mark.parametrize("chosen, material", KINDS)
def test_digest_does_not_depend_on_workers(chosen: Recipe, material: Data) -> None:
    """One to seven threads that add their gradients, in pieces of other sizes."""
    alone = trained(chosen, material)
    for size in (1, 2, 3, 4, 7):
        found = Hub(size).run(
            lambda worker: trained(chosen, material, 40 + 90 * worker.rank, worker)
        )
        assert set(found) == {alone}


def test_more_workers_than_rows_change_nothing() -> None:
    """Three rows in the last batch for five workers."""
    net, material = small(rows=35, batch=32)
    alone = trained(recipe(net), material)
    found = Hub(5).run(lambda worker: trained(recipe(net), material, 512, worker))
    assert set(found) == {alone}


@pytest.mark.parametrize("chosen, material", KINDS)
def test_resuming_at_every_step_ends_in_the_same_bits(
    chosen: Recipe, material: Data, tmp_path: Path
) -> None:
    """By way of the file; the second half in pieces of another size."""
    whole = trained(chosen, material)
    first = Trainer(NumpyOperations(), chosen, material)
    assert first.steps == 6
    names = "master", *chosen.optimiser.moments
    path = tmp_path / "net.checkpoint"
    for step in range(first.steps + 1):
        assert first.step == step
        checkpoint.save(path, first.checkpoint("net 1"))
        ops = NumpyOperations()
        ops.rows = 90
        second = Trainer(ops, chosen, material)
        second.run(2)
        state = checkpoint.load(path, "net 1", names, chosen.plan.parameters)
        second.resume(state)
        assert second.digest() == first.digest()
        report = second.run()
        assert report.steps == first.steps - step
        assert second.digest() == whole
        first.run(1)


def test_a_training_learns() -> None:
    """From 200 rows of a function that a net can have; the loss falls by 20."""
    random = np.random.default_rng(1)
    values = random.uniform(-1, 1, (200, 6))
    held = quantise(values)
    layers = Dense(16, Tanh()), Dense(1, Sigmoid())
    net = plan(held.format, layers, SquaredError(), 50)
    wanted = 0.5 + 0.4 * np.tanh(values[:, :1] - 2 * values[:, 1:2] * values[:, 2:3])
    material = Data(held, Targets.rounded(wanted, net.target_grid))
    trainer = Trainer(NumpyOperations(), recipe(net, passes=100), material)
    before, after = trainer.run(4).loss, trainer.run().loss
    assert trainer.run(3).steps == 0
    last = float(((trainer.predict(material) - wanted) ** 2).mean() / 2)
    assert last < 0.001 < before / 10
    assert before > after > 0


def test_report_counts_what_was_held_back() -> None:
    """Activations by step, weights by step; a person reads both."""
    held = inputs(64)
    layers = Dense(8, ReLU(0.5), largest=0.5), Dense(2, Linear())
    net = plan(held.format, layers, SquaredError(), 32)
    material = data(net, held)
    trainer = Trainer(NumpyOperations(), recipe(net, passes=40), material)
    reports = [trainer.run(1) for _ in range(trainer.steps)]
    assert sum(r.activations for r in reports) > 1000
    assert sum(r.weights for r in reports) == trainer.network.parameters.held > 20
    assert np.abs(trainer.weights()[0][0]).max() == 0.5
    assert reports[0].weights > 5, "first weights count too"
    whole = Trainer(NumpyOperations(), recipe(net, passes=40), material).run()
    assert whole.activations == sum(r.activations for r in reports)
    assert whole.weights == sum(r.weights for r in reports)
    assert str(whole) == (
        f"loss {whole.loss:.6f}, {whole.activations} activations and {whole.weights} "
        "weights held back"
    )


def test_a_quiet_training_holds_nothing_back() -> None:
    """The count is not always there."""
    net, material = small()
    report = Trainer(NumpyOperations(), recipe(net), material).run()
    assert (report.activations, report.weights) == (0, 0)
    assert report.steps == 6 and report.loss > 0


def test_every_report_has_a_loss() -> None:
    """The first of its steps is looked at, though 1 is no multiple of 16."""
    net, material = small()
    trainer = Trainer(NumpyOperations(), recipe(net), material)
    assert [trainer.run(1).loss > 0 for _ in range(6)] == [True] * 6
    assert trainer.run(1) == Report(0, 0.0, 0, 0)


def test_looking_at_the_loss_leaves_no_trace() -> None:
    """Steps one by one, each looked at, end in the same bits as all at once."""
    net, material = small()
    whole = Trainer(NumpyOperations(), recipe(net), material)
    whole.run()
    slow = Trainer(NumpyOperations(), recipe(net), material)
    while slow.run(1).steps:
        pass
    assert slow.digest() == whole.digest()


def refusal(make: Any) -> str:
    """Return why it is refused."""
    with pytest.raises(ExactError) as caught:
        make()
    return str(caught.value)


def test_data_of_another_net_are_refused() -> None:
    """Targets' grid and columns, inputs' format, no rows at all."""
    net, material = small()
    ops = NumpyOperations()
    tanh, _ = small(last=Tanh())
    assert refusal(lambda: Trainer(ops, recipe(tanh), material)) == (
        "targets are on Grid(exponent=16, largest=1.0), the outputs on "
        "Grid(exponent=15, largest=1.0)"
    )
    narrow = Targets(net.target_grid, material.targets.values[:, :1])
    assert refusal(
        lambda: Trainer(ops, recipe(net), Data(material.inputs, narrow))
    ) == ("targets have 1 columns, the net 3 outputs")
    other = data(net, inputs(96, seed=9, wide=3))
    expected = (
        "inputs are in another format than the plan's: other columns in a block, a "
        "finer grid, a larger bound or row sum; state one format for all data"
    )
    assert refusal(lambda: Trainer(ops, recipe(net), other)) == expected
    trainer = Trainer(ops, recipe(net), material)
    assert refusal(lambda: trainer.predict(other)) == expected
    rows = material.inputs
    none = type(rows)(rows.format, tuple(m[:0] for m in rows.matrices))
    empty = Data(none, Targets(net.target_grid, material.targets.values[:0]))
    assert refusal(lambda: Trainer(ops, recipe(net), empty)) == "no rows to train on"
    assert trainer.predict(empty).shape == (0, 3)


def test_predict_takes_any_number_of_rows() -> None:
    """Batch by batch, in order."""
    net, material = small(rows=96, batch=32)
    trainer = Trainer(NumpyOperations(), recipe(net), material)
    trainer.run()
    whole = trainer.predict(material)
    assert whole.shape == (96, 3) and whole.dtype == np.float32
    rows = material.inputs
    for count in (1, 31, 33, 96):
        first = type(rows)(rows.format, tuple(m[:count] for m in rows.matrices))
        targets = Targets(net.target_grid, material.targets.values[:count])
        assert (trainer.predict(Data(first, targets)) == whole[:count]).all()


def test_a_state_of_another_training_is_refused_and_nothing_changes() -> None:
    """Other vectors, other lengths, beyond the end, numbers that are none."""
    net, material = small()
    trainer = Trainer(NumpyOperations(), recipe(net), material)
    trainer.run(2)
    before = trainer.digest()
    good = trainer.checkpoint("net")
    count = net.parameters
    names = "['master', 'mean', 'square']"
    sgd = Trainer(NumpyOperations(), recipe(net, SGD()), material).checkpoint("net")
    assert refusal(lambda: trainer.resume(sgd)) == (
        f"a checkpoint of ['master', 'momentum']: expected {names} of {count} numbers "
        "each"
    )
    short = replace(good, arrays={n: a[1:] for n, a in good.arrays.items()})
    assert refusal(lambda: trainer.resume(short)) == (
        f"a checkpoint of {names}: expected {names} of {count} numbers each"
    )
    late = replace(good, step=7)
    assert refusal(lambda: trainer.resume(late)) == (
        "a checkpoint after step 7 of a training of 6 steps"
    )
    bad = {n: a.copy() for n, a in good.arrays.items()}
    bad["square"][3] = np.nan
    assert refusal(lambda: trainer.resume(replace(good, arrays=bad))) == (
        "a checkpoint with numbers that are not finite"
    )
    assert trainer.digest() == before and trainer.step == 2
    trainer.resume(good)
    assert trainer.digest() == before and trainer.step == 2


def test_a_checkpoint_is_a_copy() -> None:
    """Training on does not change what was taken."""
    net, material = small()
    trainer = Trainer(NumpyOperations(), recipe(net), material)
    taken = trainer.checkpoint("net")
    before = checkpoint.to_bytes(taken)
    trainer.run()
    assert checkpoint.to_bytes(taken) == before
