"""Charts lie neither about values nor beyond their edges."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import svg

FRAME = svg.Frame(width=200, height=100, left=10, right=20, top=5, bottom=15)
VALUES = st.floats(-1e6, 1e6)


def test_the_ends_of_a_scale_are_the_edges_of_the_plot() -> None:
    across, up = FRAME.across(3, 7), FRAME.up(0, 50)

    assert (across.at(3), across.at(5), across.at(7)) == (10, 95, 180)
    assert (up.at(0), up.at(50)) == (FRAME.floor, FRAME.top) == (85, 5)


def test_equal_factors_take_equal_room_on_a_logarithmic_scale() -> None:
    across = FRAME.across_by_log(1, 100)

    assert (across.at(1), across.at(10), across.at(100)) == (10, 95, 180)


def test_what_never_changes_runs_through_the_middle() -> None:
    assert FRAME.up(4, 4).at(4) == 45


@given(values=st.lists(VALUES, min_size=1))
def test_no_value_lies_outside_and_order_is_kept(values: list[float]) -> None:
    up = FRAME.up(min(values), max(values))

    positions = [up.at(value) for value in sorted(values)]

    assert all(FRAME.top <= y <= FRAME.floor for y in positions)
    assert positions == sorted(positions, reverse=True)


@pytest.mark.parametrize("most", [0, 1, 9, 10, 99, 100, 12_345, 10**9])
def test_an_axis_reaches_its_largest_value_and_has_a_whole_middle(most: int) -> None:
    top = svg.nice_top(most)

    assert top >= max(most, 2)
    assert top % 2 == 0


def test_the_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(svg).failed == 0
