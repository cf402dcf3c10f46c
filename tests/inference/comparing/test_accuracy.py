"""Intervals and tests against values that others have published or computed."""

import doctest
from itertools import product

import pytest

from inference.comparing import photos
from inference.comparing.results import accuracy, cells, exports
from inference.comparing.results.accuracy import compare, exact_mcnemar, holm, wilson_interval


@pytest.mark.parametrize("module", [photos, exports, cells])
def test_the_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
        # Medicine 17 (1998), table I, method 3 (score, without continuity correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_newcombes(right: int, of: int, low: float, high: float) -> None:
    assert wilson_interval(right, of) == pytest.approx((low, high), abs=5e-5)


def test_an_interval_holds_its_share_and_stays_within_0_and_1() -> None:
    for of in range(1, 40):
        for right in range(of + 1):
            low, high = wilson_interval(right, of)
            assert 0 <= low <= right / of <= high <= 1
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 0.0625),
        (6, 0, 0.03125),  # the fewest that can tell
        (3, 3, 1.0),
        (8, 2, 0.109375),
        (2, 8, 0.109375),
    ],
)
def test_mcnemar_is_the_exact_binomial(first: int, second: int, p: float) -> None:
    assert exact_mcnemar(first, second) == pytest.approx(p)


def test_mcnemar_is_a_sum_over_all_ways_a_fair_coin_can_fall() -> None:
    for first, second in product(range(7), range(7)):
        n = first + second
        falls = [sum(fall) for fall in product((0, 1), repeat=n)]
        as_far = [abs(heads - n / 2) >= abs(first - n / 2) for heads in falls]

        assert exact_mcnemar(first, second) == pytest.approx(sum(as_far) / len(as_far))


def test_holm_raises_the_smallest_most_and_keeps_the_order() -> None:
    # Holm (1979) by hand: 3 * 0.01, max(0.03, 2 * 0.02), max(0.04, 0.04).
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_eight_against_seven_of_eight_says_nothing_yet() -> None:
    [pair] = compare(["L/14", "B/32"], [[True] * 8, [True] * 7 + [False]])

    assert pair.score_words == "8 against 7 of 8"
    assert not pair.is_telling
    assert "nothing yet" in pair.verdict


def test_twenty_against_twelve_of_twenty_says_something_and_names_the_better_first() -> None:
    [pair] = compare(["B/32", "L/14"], [[True] * 12 + [False] * 8, [True] * 20])

    assert (pair.first, pair.only_first, pair.only_second) == ("L/14", 8, 0)
    assert pair.is_telling
    assert "more than chance" in pair.verdict


def test_only_photos_that_both_have_answered_count() -> None:
    assert compare(["a", "b"], [[True, None], [None, True]]) == []
    [pair] = compare(["a", "b"], [[True, None, False], [True, True, True]])
    assert (pair.of, pair.differing) == (2, 1)


def test_several_pairs_are_held_to_a_higher_bar() -> None:
    six = [True] * 6
    pairs = compare(["a", "b", "c"], [six, [False] * 6, six])

    assert [pair.p for pair in pairs if pair.differing] == pytest.approx([0.09375, 0.09375])


def test_confusions_are_counted_and_the_most_frequent_come_first() -> None:
    found = accuracy.confusions([("a", "b"), ("a", "a"), ("a", "b")])

    assert [(one.truth, one.answer, one.count, one.is_right) for one in found] == [
        ("a", "b", 2, False),
        ("a", "a", 1, True),
    ]
