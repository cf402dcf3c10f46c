"""How often a key and an account may call: windows of one minute, counted in the cache.

Calls that cost work are counted apart from all others, so that who polls can still submit.
Whoever is refused learns it from both families of headers: OpenAI's and the IETF's.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core.cache import cache

from accounts.models import ApiKey
from catalog.limits import CannotCount, count
from inference.api.errors import TooMany

WINDOW_S = 60
# A job that is submitted is asked for a few times; these calls cost a query or two.
OTHERS_A_SUBMIT = 10

__all__ = [
    "Calls",
    "CannotCount",
    "Window",
    "headers",
    "policy",
    "take_turn",
    "too_many_queued",
    "window_of",
]


class Calls(StrEnum):
    """What is counted together; the value is the policy's name in the IETF's headers."""

    SUBMITS = "api"
    OTHERS = "others"

    @property
    def most(self) -> int:
        """In a minute, by one key."""
        return self._times * int(settings.API_SUBMITS_PER_MINUTE)

    @property
    def most_of_account(self) -> int:
        return self._times * int(settings.API_SUBMITS_PER_MINUTE_ACCOUNT)

    @property
    def _times(self) -> int:
        return 1 if self is Calls.SUBMITS else OTHERS_A_SUBMIT


@dataclass(frozen=True)
class Window:
    """A minute, by its number: what it counts, and how many of them are left."""

    calls: Calls
    left: int
    number: int

    @property
    def is_over(self) -> bool:
        return self.number != _number()


def take_turn(key: ApiKey, calls: Calls) -> Window | None:
    """Count one call; raises TooMany, and CannotCount for a submission while the cache is away.

    The others go on uncounted then (None): whoever waits for a job should still hear of it.
    """
    try:
        counts = count(_names(key, calls), window_s=WINDOW_S)
    except CannotCount:
        if calls is Calls.SUBMITS:
            raise
        return None
    window = _window(calls, counts)
    if window.left < 0:
        reset_s = _reset_s()
        raise TooMany(
            f"That was more than {calls.most} requests in a minute."
            f" Please go on in {reset_s} seconds.",
            headers={"Retry-After": str(reset_s)},
        )
    return window


def too_many_queued() -> TooMany:
    """What somebody is told who has `settings.API_QUEUED_JOBS` waiting."""
    return TooMany(
        f"{settings.API_QUEUED_JOBS} of your jobs are waiting, the most there may be."
        " Wait for some of them to end.",
        code="too_many_queued",
        headers={"Retry-After": "10"},
    )


def window_of(key: ApiKey, calls: Calls) -> Window:
    """Without counting anything."""
    names = _names(key, calls)
    used = cache.get_many(names)
    return _window(calls, [int(used.get(name, 0)) for name in names])


def _window(calls: Calls, counts: Sequence[int]) -> Window:
    """Fewer than none are left where the key or its account has gone too far."""
    of_key, of_account = counts
    left = min(calls.most - of_key, calls.most_of_account - of_account)
    return Window(calls, left, _number())


def headers(window: Window) -> dict[str, str]:
    left = max(0, window.left)
    return policy(window.calls) | {
        "ratelimit": f'"{window.calls}";r={left};t={_reset_s()}',
        "x-ratelimit-remaining-requests": str(left),
        "x-ratelimit-reset-requests": f"{_reset_s()}s",
    }


def policy(calls: Calls) -> dict[str, str]:
    """What may be said to anybody."""
    return {
        "ratelimit-policy": f'"fixed window";"{calls}";q={calls.most};w={WINDOW_S}',
        "x-ratelimit-limit-requests": str(calls.most),
    }


def _names(key: ApiKey, calls: Calls) -> tuple[str, str]:
    """Windows stand still, all keys' at once: their end is known without asking for it."""
    window = _number()
    return f"{calls}:key:{key.pk}:{window}", f"{calls}:account:{key.user_id}:{window}"


def _number() -> int:
    return int(time.time() // WINDOW_S)


def _reset_s() -> int:
    return WINDOW_S - int(time.time() % WINDOW_S)
