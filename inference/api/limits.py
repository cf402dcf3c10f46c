"""How often a key and an account may submit: windows of one minute, counted in the cache.

Whoever is refused learns it from both families of headers: OpenAI's and the IETF's.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache

from accounts.models import ApiKey
from catalog.limits import CannotCount, count
from inference.api.errors import TooMany

WINDOW_S = 60

__all__ = [
    "CannotCount",
    "Window",
    "headers",
    "policy",
    "take_turn",
    "too_many_queued",
    "window_of",
]


@dataclass(frozen=True)
class Window:
    """A minute, by its number: the requests it allows, and what is left of them."""

    most: int
    left: int
    number: int

    @property
    def is_over(self) -> bool:
        return self.number != _number()


def take_turn(key: ApiKey) -> Window:
    """Count one submission; raises TooMany, and CannotCount while the cache is away."""
    counts = count(_names(key), window_s=WINDOW_S)
    if any(used > most for used, most in zip(counts, _mosts(), strict=True)):
        reset_s = _reset_s()
        raise TooMany(
            f"That was more than {_most()} requests in a minute."
            f" Please go on in {reset_s} seconds.",
            headers={"Retry-After": str(reset_s)},
        )
    return _window(counts)


def too_many_queued() -> TooMany:
    """What somebody is told who has `settings.API_QUEUED_JOBS` waiting."""
    return TooMany(
        f"{settings.API_QUEUED_JOBS} of your jobs are waiting, the most there may be."
        " Wait for some of them to end.",
        code="too_many_queued",
        headers={"Retry-After": "10"},
    )


def window_of(key: ApiKey) -> Window:
    """Without counting anything."""
    names = _names(key)
    used = cache.get_many(names)
    return _window([int(used.get(name, 0)) for name in names])


def _window(counts: Sequence[int]) -> Window:
    lefts = [most - used for used, most in zip(counts, _mosts(), strict=True)]
    return Window(_most(), max(0, min(lefts)), _number())


def headers(window: Window) -> dict[str, str]:
    return policy() | {
        "ratelimit": f'"api";r={window.left};t={_reset_s()}',
        "x-ratelimit-remaining-requests": str(window.left),
        "x-ratelimit-reset-requests": f"{_reset_s()}s",
    }


def policy() -> dict[str, str]:
    """What may be said to anybody."""
    return {
        "ratelimit-policy": f'"fixed window";"api";q={_most()};w={WINDOW_S}',
        "x-ratelimit-limit-requests": str(_most()),
    }


def _most() -> int:
    return int(settings.API_SUBMITS_PER_MINUTE)


def _mosts() -> tuple[int, int]:
    return _most(), int(settings.API_SUBMITS_PER_MINUTE_ACCOUNT)


def _names(key: ApiKey) -> tuple[str, str]:
    """Windows stand still, all keys' at once: their end is known without asking for it."""
    window = _number()
    return f"api:key:{key.pk}:{window}", f"api:account:{key.user_id}:{window}"


def _number() -> int:
    return int(time.time() // WINDOW_S)


def _reset_s() -> int:
    return WINDOW_S - int(time.time() % WINDOW_S)
