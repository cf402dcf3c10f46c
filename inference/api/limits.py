"""How often a key and an account may call: windows of one minute, counted in the cache.

Calls that cost work are counted apart from all others, so that a client that polls can still
submit. A refusal carries both families of headers: OpenAI's and the IETF's.
"""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core.cache import cache

from accounts.models import ApiKey
from catalog.limits import CannotCount, count
from inference.api.errors import TooMany

WINDOW_S = 60
# A job that is submitted is polled a few times; these calls cost a query or two.
OTHER_CALLS_PER_SUBMISSION = 10

__all__ = [
    "CannotCount",
    "RateLimit",
    "Window",
    "count_call",
    "count_waste",
    "current_window",
    "headers",
    "policy_headers",
    "too_many_queued",
]


class RateLimit(StrEnum):
    """What is counted together; the value is the policy's name in the IETF's headers."""

    SUBMISSIONS = "api"
    OTHERS = "others"

    @property
    def calls_per_key(self) -> int:
        return self._factor * int(settings.API_SUBMITS_PER_MINUTE)

    @property
    def calls_per_account(self) -> int:
        return self._factor * int(settings.API_SUBMITS_PER_MINUTE_ACCOUNT)

    @property
    def _factor(self) -> int:
        return 1 if self is RateLimit.SUBMISSIONS else OTHER_CALLS_PER_SUBMISSION


@dataclass(frozen=True)
class Window:
    """One minute, by its number; `remaining` is negative once the limit has been passed."""

    limit: RateLimit
    remaining: int
    number: int

    @property
    def is_over(self) -> bool:
        return self.number != _window_number()


def count_call(key: ApiKey, limit: RateLimit) -> Window | None:
    """Count one call; raises TooMany.

    While the cache is away, raises CannotCount for a submission. Other calls go on uncounted
    (None): a client that waits for a job should still get its answer.
    """
    try:
        counts = count(_cache_keys(key, limit), window_s=WINDOW_S)
    except CannotCount:
        if limit is RateLimit.SUBMISSIONS:
            raise
        return None
    window = _window(limit, counts)
    if window.remaining < 0:
        reset_s = _seconds_to_reset()
        raise TooMany(
            f"That was more than {limit.calls_per_key} requests in a minute."
            f" Please go on in {reset_s} seconds.",
            headers={"Retry-After": str(reset_s)},
        )
    return window


def count_waste(key: ApiKey, seconds: float) -> None:
    """Count work that a call's input wasted as further submissions, one for each second begun."""
    with suppress(CannotCount):
        count(_cache_keys(key, RateLimit.SUBMISSIONS), window_s=WINDOW_S, by=math.ceil(seconds))


def too_many_queued() -> TooMany:
    return TooMany(
        f"{settings.API_QUEUED_JOBS} of your jobs are waiting, the most there may be."
        " Wait for some of them to end.",
        code="too_many_queued",
        headers={"Retry-After": "10"},
    )


def current_window(key: ApiKey, limit: RateLimit) -> Window:
    cache_keys = _cache_keys(key, limit)
    counts = cache.get_many(cache_keys)
    return _window(limit, [int(counts.get(cache_key, 0)) for cache_key in cache_keys])


def _window(limit: RateLimit, counts: Sequence[int]) -> Window:
    key_count, account_count = counts
    remaining = min(limit.calls_per_key - key_count, limit.calls_per_account - account_count)
    return Window(limit, remaining, _window_number())


def headers(window: Window) -> dict[str, str]:
    remaining = max(0, window.remaining)
    return policy_headers(window.limit) | {
        "ratelimit": f'"{window.limit}";r={remaining};t={_seconds_to_reset()}',
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": f"{_seconds_to_reset()}s",
    }


def policy_headers(limit: RateLimit) -> dict[str, str]:
    # These depend on nobody's calls, so a caller without a key may see them, too.
    return {
        "ratelimit-policy": f'"fixed window";"{limit}";q={limit.calls_per_key};w={WINDOW_S}',
        "x-ratelimit-limit-requests": str(limit.calls_per_key),
    }


def _cache_keys(key: ApiKey, limit: RateLimit) -> tuple[str, str]:
    # Fixed windows, the same for all keys: when they end is known without a look-up.
    number = _window_number()
    return f"{limit}:key:{key.pk}:{number}", f"{limit}:account:{key.user_id}:{number}"


def _window_number() -> int:
    return int(time.time() // WINDOW_S)


def _seconds_to_reset() -> int:
    return WINDOW_S - int(time.time() % WINDOW_S)
