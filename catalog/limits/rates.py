"""How often somebody may do a thing: fixed windows counted in the cache.

Refused             root; `str(error)` is a sentence for people
    TooOften        the limit is reached
    CannotCount     the cache is away: a limit that cannot be counted lets nobody through
"""

from collections.abc import Sequence
from http import HTTPStatus
from ipaddress import IPv4Address, ip_address, ip_network
from typing import ClassVar, cast

from django.core.cache import cache
from redis.exceptions import RedisError

from catalog.limits.counting_cache import CountingCache

HOUR_S = 3600
DAY_S = 24 * HOUR_S


class Refused(Exception):
    """Not now; `status` and `retry_after_s` are what HTTP says of it."""

    status: ClassVar[HTTPStatus]
    retry_after_s: ClassVar[int]


class TooOften(Refused):
    status = HTTPStatus.TOO_MANY_REQUESTS
    retry_after_s = 600


class CannotCount(Refused):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after_s = 10


def network_of(address: str) -> str:
    """What an address counts as: itself, or its /64 for IPv6.

    >>> network_of("203.0.113.7"), network_of("2001:db8:1:2:3::4"), network_of("")
    ('203.0.113.7', '2001:db8:1:2::/64', '')
    """
    try:
        known = ip_address(address)
    except ValueError:  # a unix socket has none
        return address
    if isinstance(known, IPv4Address):
        return address
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    # One household or server gets at least a /64, and may use a new address for each request.
    return str(ip_network((known, 64), strict=False))


def take(key: str, most: int, *, window_s: int = HOUR_S) -> bool:
    """Count one more under `key`; False beyond `most` in this window. Raises CannotCount."""
    return count([key], window_s=window_s)[0] <= most


def count(keys: Sequence[str], *, window_s: int, by: int = 1) -> list[int]:
    """Count one more, or `by`, under each key; what each has come to. Raises CannotCount."""
    try:
        return cast(CountingCache, cache).count(keys, timeout_s=window_s, by=by)
    except RedisError as error:
        raise CannotCount(
            "A part of the site is being restarted. Nothing was lost: please send it again."
        ) from error
