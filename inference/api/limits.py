"""How often a key and an account may call: windows of one minute, counted in the cache.

Calls that cost work are counted apart from all others, so that a client that polls can still
submit. A refusal carries both families of headers: OpenAI's and the IETF's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core.cache import cache

from accounts.models import ApiKey
from catalog.limits import CannotCount
from inference.api.errors import TooMany
from inference.jobs import call_rates
from inference.jobs.call_rates import WINDOW_S, seconds_to_reset, window_number

# A job that is submitted is polled a few times; these calls cost a query or two.
OTHER_CALLS_PER_SUBMISSION = 10

__all__ = [
    "CannotCount",
    "RateLimit",
    "Window",
    "count_call",
    "current_window",
    "headers",
    "policy_headers",
    "too_many_queued",
]


class RateLimit(StrEnum):
    """What is counted together; the value is the policy's name in the IETF's headers."""

    SUBMISSIONS = call_rates.SUBMISSIONS
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
        return self.number != window_number()


def count_call(key: ApiKey, limit: RateLimit) -> Window | None:
    """Count one call; raises TooMany.

    While the cache is away, raises CannotCount for a submission. Other calls go on uncounted
    (None): a client that waits for a job should still get its answer.
    """
    try:
        counts = call_rates.count_call(key.pk, key.user_id, limit=limit)
    except CannotCount:
        if limit is RateLimit.SUBMISSIONS:
            raise
        return None
    window = _window(limit, counts)
    if window.remaining < 0:
        reset_s = seconds_to_reset()
        raise TooMany(
            f"That was more than {limit.calls_per_key} requests in a minute."
            f" Please go on in {reset_s} seconds.",
            headers={"Retry-After": str(reset_s)},
        )
    return window


def too_many_queued() -> TooMany:
    return TooMany(
        f"{settings.API_QUEUED_JOBS} of your jobs are waiting, the most there may be."
        " Wait for some of them to end.",
        code="too_many_queued",
        headers={"Retry-After": "10"},
    )


def current_window(key: ApiKey, limit: RateLimit) -> Window:
    cache_keys = call_rates.cache_keys(key.pk, key.user_id, limit=limit)
    counts = cache.get_many(cache_keys)
    return _window(limit, [int(counts.get(cache_key, 0)) for cache_key in cache_keys])


def _window(limit: RateLimit, counts: Sequence[int]) -> Window:
    key_count, account_count = counts
    remaining = min(limit.calls_per_key - key_count, limit.calls_per_account - account_count)
    return Window(limit, remaining, window_number())


def headers(window: Window) -> dict[str, str]:
    remaining = max(0, window.remaining)
    return policy_headers(window.limit) | {
        "ratelimit": f'"{window.limit}";r={remaining};t={seconds_to_reset()}',
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": f"{seconds_to_reset()}s",
    }


def policy_headers(limit: RateLimit) -> dict[str, str]:
    # These depend on nobody's calls, so a caller without a key may see them, too.
    return {
        "ratelimit-policy": f'"fixed window";"{limit}";q={limit.calls_per_key};w={WINDOW_S}',
        "x-ratelimit-limit-requests": str(limit.calls_per_key),
    }
