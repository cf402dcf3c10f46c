"""Several things are counted in one round trip; what others put into the cache is not unpacked."""

import pickle
import time

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from pytest_django import Settings
from redis import Redis

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


_ran: list[str] = []


def run(what: str) -> None:
    _ran.append(what)


class Code:
    """To unpickle it is to run what it says."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return run, ("it ran",)


@pytest.mark.parametrize("before", [b"", b"x" * 32], ids=["bare", "with a guess at a signature"])
def test_what_somebody_else_put_there_is_not_unpacked(before: bytes) -> None:
    pickle.loads(pickle.dumps(Code()))  # noqa: S301  to see that it would
    assert _ran.pop() == "it ran"
    with Redis.from_url(django_settings.REDIS_URL) as redis:
        redis.set(cache.make_key("page"), before + pickle.dumps(Code()))

    assert cache.get("page", "not there") == "not there"
    assert cache.get_or_set("page", lambda: ["ours"]) == ["ours"]
    assert _ran == []


def test_what_the_site_put_there_is_read_also_after_a_new_secret_key(settings: Settings) -> None:
    cache.set("page", {"html": "<p>"})
    assert cache.get("page") == {"html": "<p>"}

    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert cache.get("page") == {"html": "<p>"}
    settings.SECRET_KEY_FALLBACKS = []
    assert cache.get("page") is None
