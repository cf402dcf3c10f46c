"""How often a stranger may do a thing: fixed windows counted in the cache.

Refused             root; `str(error)` is a sentence for people
    TooOften        the limit is reached
    CannotCount     the cache is away: a limit that cannot be counted lets nobody through
"""

from http import HTTPStatus
from typing import ClassVar

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

HOUR_S = 3600


class Refused(Exception):
    """Not now; `status` and `retry_after_s` are what HTTP says of it."""

    status: ClassVar[HTTPStatus]
    retry_after_s: ClassVar[int]


class TooOften(Refused):
    """The limit is reached; the message says when to come back."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    retry_after_s = 600


class CannotCount(Refused):
    """The cache does not answer."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after_s = 10


def take_playground_turn(*, visitor: str, address: str) -> None:
    """Count one picture to be looked at; raises Refused for the session or the address."""
    if not _take(f"playground:session:{visitor}", settings.PLAYGROUND_JOBS_PER_HOUR_SESSION):
        raise TooOften("That was a lot of pictures for one hour. Please come back in a while.")
    if not _take(f"playground:address:{address}", settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS):
        raise TooOften(
            "Your network address has sent a lot of pictures this hour. Please come back later."
        )


def _take(key: str, most: int) -> bool:
    try:
        cache.add(key, 0, timeout=HOUR_S)
        return cache.incr(key) <= most
    except ValueError:  # the window ended between the two calls
        return True
    except RedisError as error:
        raise CannotCount(
            "A part of the site is being restarted. Nothing was lost: please send it again."
        ) from error
