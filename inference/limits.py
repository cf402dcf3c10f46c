"""How often a stranger may do a thing: fixed windows counted in the cache."""

from django.conf import settings
from django.core.cache import cache

HOUR_S = 3600


class TooOften(Exception):
    """The limit is reached; the message says when to come back."""


def take_playground_turn(*, visitor: str, address: str) -> None:
    """Count one playground job; raises TooOften for the session or the address.

    If the cache is gone, so is the count, and the cache's own error reaches the visitor: a limit
    that cannot be counted is not a limit.
    """
    if not _take(f"playground:session:{visitor}", settings.PLAYGROUND_JOBS_PER_HOUR_SESSION):
        raise TooOften("That was a lot of pictures for one hour. Please come back in a while.")
    if not _take(f"playground:address:{address}", settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS):
        raise TooOften(
            "Your network address has sent a lot of pictures this hour. Please come back later."
        )


def _take(key: str, most: int) -> bool:
    cache.add(key, 0, timeout=HOUR_S)
    try:
        return cache.incr(key) <= most
    except ValueError:  # the window ended between the two calls
        return True
