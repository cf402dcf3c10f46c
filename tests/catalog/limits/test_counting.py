"""Several things are counted in one round trip, each for its own time."""

import time

from django.core.cache import cache

from catalog import limits


def test_each_is_counted_by_itself() -> None:
    assert limits.count(["a", "b"], window_s=60) == [1, 1]
    assert limits.count(["b", "c"], window_s=60) == [2, 1]

    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": 2, "c": 1}


def test_a_window_begins_with_its_first_count_and_ends() -> None:
    limits.count(["a"], window_s=1)
    time.sleep(0.7)
    assert limits.count(["a"], window_s=1) == [2]
    time.sleep(0.5)

    assert limits.count(["a"], window_s=1) == [1]


def test_what_is_beyond_the_most_is_refused() -> None:
    assert [limits.take("a", 2) for _ in range(3)] == [True, True, False]


def test_several_limits_are_counted_together_or_not_at_all() -> None:
    roomy, tight = limits.Limit("roomy", 9, 60), limits.Limit("tight", 1, 30)

    assert limits.spend([roomy, tight]) == 0
    assert 0 < limits.spend([roomy, tight]) <= 30
    assert limits.wait_before_next([roomy]) == 0
    assert limits.wait_before_next([tight, roomy]) > 0

    assert cache.get_many(["roomy", "tight"]) == {"roomy": 1, "tight": 1}


def test_the_wait_is_that_of_the_limit_that_lasts_longest() -> None:
    hour, minute = limits.Limit("hour", 1, 3600), limits.Limit("minute", 1, 60)
    limits.spend([hour, minute])

    assert 3590 < limits.spend([minute, hour]) <= 3600


def test_several_at_once_are_counted_all_or_none() -> None:
    limit = limits.Limit("several", 10, 60)

    waits = [limits.spend([limit], by=by) for by in (7, 4, 3, 1)]

    assert [wait > 0 for wait in waits] == [False, True, False, True]
    assert cache.get("several") == 10
