# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data outside their format are refused by row, column, value, bound and mend."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
from dh_aibootstrap.exact.data import (
    Block,
    Data,
    InputFormat,
    Inputs,
    Targets,
    quantise,
    quantise_as,
)
from dh_aibootstrap.exact.errors import ExactError
from dh_aibootstrap.exact.grid import Grid
from exact_support import values_of

HALVES = Block(np.array([3, 0]), Grid(1, 6.0), 9.0)
WIDE = Block(np.array([1, 2]), Grid(12, 8.0), 12.0)
FORMAT = InputFormat((HALVES,), WIDE)
PROBABILITY = Grid(16, 1.0)


def refusal(make: Callable[[], Any]) -> str:
    """Return why it is refused."""
    with pytest.raises(ExactError) as caught:
        make()
    return str(caught.value)


def rows(count: int = 3) -> tuple[Any, Any]:
    """Return matrices of FORMAT, in steps: 6, 1/2 and 0.5, -0.25."""
    return np.tile([12, 1], (count, 1)), np.tile([2048.0, -1024.0], (count, 1))


def test_what_is_within_its_format_is_taken() -> None:
    """The largest there is, the largest sum, both signs; bytes or binary64."""
    narrow, wide = rows()
    narrow[1] = -12, 6
    wide[2] = -8 * 4096, 4 * 4096
    held = Inputs(FORMAT, (narrow.astype(np.int8), wide))
    assert len(held) == 3
    assert values_of(held)[1].tolist() == [3.0, 0.5, -0.25, -6.0]
    assert values_of(held)[2].tolist() == [0.5, -8.0, 4.0, 6.0]


@pytest.mark.parametrize(
    "column, value, message",
    [
        (0, np.nan, "column 1: nan is not a finite number; mend the data"),
        (1, np.inf, "column 2: inf is not a finite number; mend the data"),
        (1, -np.inf, "column 2: -inf is not a finite number; mend the data"),
        (
            1,
            8 * 4096 + 1,
            "column 2: 8.000244140625 is outside -8 .. 8; scale the column down, or "
            "state a larger bound",
        ),
        (
            0,
            -9 * 4096,
            "column 1: -9.0 is outside -8 .. 8; scale the column down, or state a "
            "larger bound",
        ),
        (
            0,
            2048.5,
            "column 1: 0.5001220703125 is no multiple of 2**-12; round the data to it",
        ),
    ],
)
def test_a_wide_number_outside_its_format_is_refused(
    column: int, value: float, message: str
) -> None:
    """With the column as the user has it."""
    narrow, wide = rows()
    wide[2, column] = value
    assert refusal(lambda: Inputs(FORMAT, (narrow, wide))) == f"input row 2, {message}"


def test_a_narrow_number_outside_its_format_is_refused() -> None:
    """Beyond the bound, or between two steps."""
    narrow, wide = rows()
    narrow[1, 0] = 13
    assert refusal(lambda: Inputs(FORMAT, (narrow, wide))) == (
        "input row 1, column 3: 6.5 is outside -6 .. 6; scale the column down, or "
        "state a larger bound"
    )
    between = narrow.astype(np.float64)
    between[1, 0], between[0, 1] = 0, 1.5
    assert refusal(lambda: Inputs(FORMAT, (between, wide))) == (
        "input row 0, column 0: 0.75 is no multiple of 2**-1; round the data to it"
    )


def test_a_row_that_adds_up_to_too_much_is_refused() -> None:
    """The row, what it adds up to, what the format says, what to do."""
    narrow, wide = rows(70000)
    narrow[69999] = -12, 7
    assert refusal(lambda: Inputs(FORMAT, (narrow, wide))) == (
        "input row 69999: magnitudes add up to 9.5, the format says at most 9; state "
        "the larger sum"
    )


def test_a_place_beyond_the_first_piece_is_named_right() -> None:
    """Rows are looked at 65,536 at a time."""
    narrow, wide = rows(70000)
    wide[69998, 1] = np.nan
    assert refusal(lambda: Inputs(FORMAT, (narrow, wide))) == (
        "input row 69998, column 2: nan is not a finite number; mend the data"
    )


def test_matrices_that_do_not_fit_the_format_are_refused() -> None:
    """Their number, their rows, their columns, their dimensions."""
    narrow, wide = rows()
    assert refusal(lambda: Inputs(FORMAT, (narrow,))) == (
        "inputs: 1 matrices, the format has 2 blocks"
    )
    assert refusal(lambda: Inputs(FORMAT, (narrow, wide[:2]))) == (
        "inputs: matrices of 2 and of 3 rows"
    )
    assert refusal(lambda: Inputs(FORMAT, (narrow, wide[:, :1]))) == (
        "inputs: a matrix of shape (3, 1), expected (rows, 2)"
    )
    assert refusal(lambda: Inputs(FORMAT, (narrow[:, 0], wide))) == (
        "inputs: a matrix of shape (3,), expected (rows, 2)"
    )


@pytest.mark.parametrize("columns", [[0, 2], [1, 1], [2], [], [-1, 1], [1, 3]])
def test_a_format_must_have_every_column_once(columns: list[int]) -> None:
    """None twice, none left out, and at least one."""
    wide = Block(np.array(columns, np.intp), Grid(12, 8.0), 12.0)
    narrow = () if not columns else (Block(np.array([0]), Grid(0, 1.0), 1.0),)
    assert refusal(lambda: InputFormat(narrow, wide)) == (
        "inputs: every column belongs to one block, each to one"
    )


def test_quantise_finds_narrow_columns_and_rounds_the_others() -> None:
    """Steps of 1, 1/2 .. 1/16, up to 16 of them; ties to even on the wide grid."""
    values = np.array(
        [
            [0, 0.5, 1 / 16, 16, 17, 0.1, 2.5 / 4096, 8.5],
            [3, -8, -1.0, 0, 0, 1, 1.5 / 4096, 1],
        ]
    )
    held = quantise(values)
    found = [(b.columns.tolist(), b.grid, b.row_sum) for b in held.format.narrow]
    assert found == [
        ([0, 3], Grid(0, 16.0), 16.0),
        ([1], Grid(1, 8.0), 8.0),
        ([2], Grid(4, 1.0), 1.0),
    ]
    assert held.format.wide is not None
    assert held.format.wide.columns.tolist() == [4, 5, 6, 7]
    assert held.format.wide.grid == Grid(12, 17.0)
    expected = values.copy()
    expected[:, 5] = 410 / 4096, 1
    expected[:, 6] = 2 / 4096
    assert (values_of(held) == expected).all()
    assert all(m.dtype == np.float32 for m in held.matrices)


def test_quantise_refuses_what_no_grid_holds() -> None:
    """NaN, infinity, beyond the wide grid, no matrix, no columns."""
    values = np.zeros((3, 2))
    values[2, 1] = np.nan
    assert refusal(lambda: quantise(values)) == (
        "input row 2, column 1: nan is not a finite number; mend the data"
    )
    values[2, 1] = 64.5
    assert refusal(lambda: quantise(values)) == (
        "input row 2, column 1: 64.5 is outside -64 .. 64; scale the column down, or "
        "state a larger bound"
    )
    assert len(quantise(values, Grid(8, 128.0))) == 3
    assert refusal(lambda: quantise(np.zeros(3))) == (
        "inputs of shape (3,), expected (rows, columns)"
    )
    assert refusal(lambda: quantise(np.zeros((3, 0)))) == (
        "inputs: every column belongs to one block, each to one"
    )


def test_quantise_of_no_rows_is_empty() -> None:
    """A format all the same."""
    held = quantise(np.zeros((0, 2)))
    assert len(held) == 0 and held.format.width == 2


def test_formats_hold_what_is_within_them() -> None:
    """Coarser steps, smaller bounds and sums; the columns must be the same."""
    assert FORMAT.holds(FORMAT)
    coarse = Block(HALVES.columns, Grid(0, 5.0), 8.0)
    assert FORMAT.holds(InputFormat((coarse,), WIDE))
    assert not InputFormat((coarse,), WIDE).holds(FORMAT)
    for other in (
        Block(HALVES.columns, Grid(2, 6.0), 9.0),
        Block(HALVES.columns, Grid(1, 6.5), 9.0),
        Block(HALVES.columns, Grid(1, 6.0), 9.5),
        Block(HALVES.columns[::-1], Grid(1, 6.0), 9.0),
    ):
        assert not FORMAT.holds(InputFormat((other,), WIDE))
    alone = InputFormat((), Block(np.arange(4), Grid(12, 8.0), 12.0))
    assert not FORMAT.holds(alone) and not alone.holds(FORMAT)


def test_targets_outside_their_grid_are_refused() -> None:
    """By row and column too."""
    good = np.full((3, 2), 0.5, np.float32)
    for value, message in (
        (np.nan, "nan is not a finite number; mend the data"),
        (
            1.5,
            "1.5 is outside -1 .. 1; scale the column down, or state a larger bound",
        ),
        (
            2.0**-17,
            "7.62939453125e-06 is no multiple of 2**-16; round the data to it",
        ),
    ):
        bad = good.copy()
        bad[1, 0] = value
        expected = f"target row 1, column 0: {message}"
        assert refusal(lambda: Targets(PROBABILITY, bad)) == expected
        if value != 2.0**-17:
            assert refusal(lambda: Targets.rounded(bad, PROBABILITY)) == expected
    assert (
        Targets.rounded(np.array([[1.5 * 2.0**-16]]), PROBABILITY).values
        == 2.0**-15
    )
    assert refusal(lambda: Targets(PROBABILITY, good[0])) == (
        "targets of shape (2,), expected (rows, columns)"
    )
    assert refusal(lambda: Targets.rounded(good[0], PROBABILITY)) == (
        "targets of shape (2,), expected (rows, columns)"
    )


def test_masks_are_of_zeros_and_ones_for_each_target() -> None:
    """Nothing between, not NaN, no other shape."""
    good = np.full((3, 2), 0.5, np.float32)
    ones = np.ones((3, 2), np.float32)
    assert Targets(PROBABILITY, good, ones).mask is ones
    for value in (0.5, np.nan, -1, 2):
        mask = ones.copy()
        mask[2, 1] = value
        assert refusal(lambda: Targets(PROBABILITY, good, mask)) == (
            "mask of targets: expected 0 and 1 only"
        )
    for shape in ((3,), (2, 2), (3, 1)):
        mask = np.ones(shape, np.float32)
        assert refusal(lambda: Targets(PROBABILITY, good, mask)) == (
            f"mask of shape {shape}, expected (3, 2), that of the targets"
        )


def test_inputs_and_targets_have_the_same_rows() -> None:
    """Counted, both."""
    held = Inputs(FORMAT, rows())
    targets = Targets(PROBABILITY, np.zeros((4, 1), np.float32))
    assert refusal(lambda: Data(held, targets)) == (
        "3 rows of inputs, 4 of targets: expected as many"
    )


def test_other_rows_in_the_same_format() -> None:
    """As quantise() holds them; what the format has no room for is refused."""
    random = np.random.Generator(np.random.PCG64(8))
    values = np.concatenate(
        [random.integers(0, 9, (50, 3)) / 2, random.random((50, 2))], axis=1
    )
    whole = quantise(values)
    part = quantise_as(whole.format, values[20:30])
    assert part.format is whole.format
    for mine, all_rows in zip(part.matrices, whole.matrices):
        assert (mine == all_rows[20:30]).all()
    refused = (
        (values[:, :4], "inputs: 4 columns, the format has 5"),
        (
            np.where(values == values[3, 0], 0.25, values),
            "is no multiple of 2**-1; round the data to it",
        ),
        (values * 100, "scale the column down, or state a larger bound"),
    )
    for rows, message in refused:
        with pytest.raises(ExactError) as caught:
            quantise_as(whole.format, rows)
        assert message in str(caught.value)
