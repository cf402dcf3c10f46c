"""How fetches of picture URLs end, counted for the metrics.

Counted in the cache, as any process may fetch and any may be asked; a cache that is emptied begins
again at zero, which Prometheus expects of a counter.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from django.core.cache import cache
from redis.exceptions import RedisError

from inference.outbound.errors import ImageUrlRefused

log = logging.getLogger(__name__)

# refused: an address that we do not connect to, or an answer that is no picture of ours.
NAMES = ("fetched", "refused", "timeout", "unreachable", "dropped")


def name_of(result: bytes | BaseException) -> str:
    if isinstance(result, bytes):
        return "fetched"
    if isinstance(result, ImageUrlRefused):
        return result.outcome
    # Another picture of the request was refused first.
    return "dropped" if isinstance(result, asyncio.CancelledError) else "unreachable"


def count(names: Iterable[str]) -> None:
    try:
        for name, number in Counter(names).items():
            cache.add(_key(name), 0, timeout=None)
            cache.incr(_key(name), number)
    except (RedisError, ValueError) as error:  # ValueError: emptied between the two
        log.warning("fetches not counted error=%r", error)


def totals() -> Mapping[str, int]:
    """Raises RedisError."""
    counts = cache.get_many([_key(name) for name in NAMES])
    return {name: int(counts.get(_key(name), 0)) for name in NAMES}


def _key(name: str) -> str:
    return f"image-urls:{name}"
