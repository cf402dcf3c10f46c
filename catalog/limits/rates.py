"""How often somebody may do a thing: fixed windows counted in the cache.

Refused             root; `str(error)` is a sentence for people
    TooOften        the limit is reached
    CannotCount     the cache is away: a limit that cannot be counted lets nobody through
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import ClassVar, cast

from django.core.cache import cache
from redis.exceptions import RedisError

from catalog.limits.counting_cache import CountingCache

HOUR_S = 3600
DAY_S = 24 * HOUR_S


class Refused(Exception):
    """Not now; `status` and `retry_after_s` are what HTTP says of it."""

    status: ClassVar[HTTPStatus]
    retry_after_s: int


class TooOften(Refused):
    status = HTTPStatus.TOO_MANY_REQUESTS
    retry_after_s = 600

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s


class CannotCount(Refused):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after_s = 10


@dataclass(frozen=True)
class Limit:
    """At most `most` in a window of `window_s` seconds that begins with the first."""

    key: str
    most: int
    window_s: int = HOUR_S


def network_of(address: str) -> str:
    """What an address counts as: itself, or its /64 for IPv6.

    >>> network_of("203.0.113.7"), network_of("2001:db8:1:2:3::4"), network_of("")
    ('203.0.113.7', '2001:db8:1:2::/64', '')
    """
    known = _parsed(address)
    if known is None or isinstance(known, IPv4Address):
        return str(known or address)
    # One household or server gets at least a /64, and may use a new address for each request.
    return str(ip_network((known, 64), strict=False))


def wide_network_of(address: str) -> str:
    """What one customer of a provider can easily have many addresses of: an IPv4 /24, an IPv6 /48.

    >>> wide_network_of("203.0.113.7"), wide_network_of("2001:db8:1:2:3::4"), wide_network_of("")
    ('203.0.113.0/24', '2001:db8:1::/48', '')
    """
    known = _parsed(address)
    if known is None:
        return address
    prefix = 24 if isinstance(known, IPv4Address) else 48
    return str(ip_network((known, prefix), strict=False))


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """An IPv4 address that is written as IPv6 is one; None: a unix socket has no address."""
    try:
        known = ip_address(address)
    except ValueError:
        return None
    return getattr(known, "ipv4_mapped", None) or known


def take(key: str, most: int, *, window_s: int = HOUR_S) -> bool:
    """Count one more under `key`; False beyond `most` in this window. Raises CannotCount."""
    return count([key], window_s=window_s)[0] <= most


def count(keys: Sequence[str], *, window_s: int, by: int = 1) -> list[int]:
    """Count one more, or `by`, under each key; what each has come to. Raises CannotCount."""
    try:
        return cast(CountingCache, cache).count(keys, timeout_s=window_s, by=by)
    except RedisError as error:
        raise _cannot_count() from error


def spend(limits: Sequence[Limit], *, by: int = 1) -> int:
    """Count `by` more under all of the limits, or none under any of them. Raises CannotCount.

    Returns 0, or, where one has no room, the seconds until all have. A refused try costs nothing:
    whoever comes back after that time gets through.
    """
    return _count_within(limits, step=by)


def wait_before_next(limits: Sequence[Limit]) -> int:
    """What `spend` would return now, without counting. Raises CannotCount."""
    return _count_within(limits, step=0)


def _count_within(limits: Sequence[Limit], *, step: int) -> int:
    bounds = [(limit.key, limit.most, limit.window_s) for limit in limits]
    try:
        wait_ms = cast(CountingCache, cache).count_within(bounds, step=step)
    except RedisError as error:
        raise _cannot_count() from error
    return math.ceil(wait_ms / 1000)


def _cannot_count() -> CannotCount:
    return CannotCount(
        "A part of the site is being restarted. Nothing was lost: please send it again."
    )


def wait_in_words(seconds: int) -> str:
    """How long to wait, rounded up.

    >>> wait_in_words(1), wait_in_words(61), wait_in_words(7200), wait_in_words(7201)
    ('1 minute', '2 minutes', '2 hours', '3 hours')
    """
    number, unit = math.ceil(seconds / 60), "minute"
    if number > 90:
        number, unit = math.ceil(seconds / HOUR_S), "hour"
    return f"{number} {unit}{'' if number == 1 else 's'}"
