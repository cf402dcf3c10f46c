"""How often a key and an account may call: windows of one minute, counted in the cache.

Calls that cost work are counted apart from all others, so that a client that polls can still
submit; images of an account are counted beside them. A refusal carries both families of headers,
OpenAI's and the IETF's, and says which limit it was: of the key, of the account, or of images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core.cache import cache

from accounts.models import ApiKey, User
from catalog.limits import CannotCount
from inference.api.errors import TooMany
from inference.jobs import call_rates
from inference.jobs.call_rates import WINDOW_S, seconds_to_reset, window_number

# A job that is submitted is polled a few times; these calls cost a query or two.
OTHER_CALLS_PER_SUBMISSION = 10

__all__ = [
    "CannotCount",
    "ImageWindow",
    "RateLimit",
    "Scope",
    "Window",
    "count_call",
    "count_images",
    "current_window",
    "headers",
    "image_headers",
    "images_of",
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

    def calls_of(self, user: User) -> tuple[int, int]:
        """Most of one key, and of the account; what the admin allows a person, one key may use."""
        if user.max_calls_per_minute is None:
            return self.calls_per_key, self.calls_per_account
        own = self._factor * user.max_calls_per_minute
        return own, own

    @property
    def _factor(self) -> int:
        return 1 if self is RateLimit.SUBMISSIONS else OTHER_CALLS_PER_SUBMISSION


class Scope(StrEnum):
    """Whose calls a limit counts, or what else; refusals and their header name it so."""

    KEY = "key"
    ACCOUNT = "account"
    IMAGES = "images"


WORDS = {
    Scope.KEY: "{:,} calls in a minute by one API key",
    Scope.ACCOUNT: "{:,} calls in a minute by all API keys of your account",
    Scope.IMAGES: "{:,} images in a minute by your account",
}


@dataclass(frozen=True)
class Window:
    """One minute, by its number; `remaining` is negative once the limit has been passed.

    `scope` is the narrower one of key and account at this moment, and `quota` its limit.
    """

    limit: RateLimit
    remaining: int
    number: int
    scope: Scope = Scope.KEY
    quota: int = 0

    @property
    def is_over(self) -> bool:
        return self.number != window_number()


@dataclass(frozen=True)
class ImageWindow:
    quota: int
    remaining: int


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
    window = _window(key.user, limit, counts)
    if window.remaining < 0:
        raise _too_many(window.scope, window.quota)
    return window


def count_images(user: User, images: int) -> ImageWindow:
    """Count the images of a call; raises TooMany and CannotCount."""
    quota = images_of(user)
    window = ImageWindow(quota, quota - call_rates.count_images(user.pk, images))
    if window.remaining < 0:
        refusal = _too_many(Scope.IMAGES, quota)
        refusal.headers |= image_headers(window)
        raise refusal
    return window


def images_of(user: User) -> int:
    own = user.max_images_per_minute
    return int(settings.API_IMAGES_PER_MINUTE) if own is None else own


def _too_many(scope: Scope, quota: int) -> TooMany:
    reset_s = seconds_to_reset()
    return TooMany(
        f"That was more than {WORDS[scope].format(quota)}. Please go on in {reset_s} seconds.",
        metadata={"limit": scope.value, "allowed": quota, "window_s": WINDOW_S},
        headers={"Retry-After": str(reset_s), "X-RateLimit-Limited-By": scope.value},
    )


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
    return _window(key.user, limit, [int(counts.get(cache_key, 0)) for cache_key in cache_keys])


def _window(user: User, limit: RateLimit, counts: Sequence[int]) -> Window:
    key_count, account_count = counts
    of_key, of_account = limit.calls_of(user)
    left_of_key, left_of_account = of_key - key_count, of_account - account_count
    if left_of_account < left_of_key:
        return Window(limit, left_of_account, window_number(), Scope.ACCOUNT, of_account)
    return Window(limit, left_of_key, window_number(), Scope.KEY, of_key)


def headers(window: Window) -> dict[str, str]:
    remaining = max(0, window.remaining)
    return policy_headers(window.limit, quota=window.quota) | {
        "ratelimit": f'"{window.limit}";r={remaining};t={seconds_to_reset()}',
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": f"{seconds_to_reset()}s",
    }


def image_headers(window: ImageWindow) -> dict[str, str]:
    return {
        "x-ratelimit-limit-images": str(window.quota),
        "x-ratelimit-remaining-images": str(max(0, window.remaining)),
        "x-ratelimit-reset-images": f"{seconds_to_reset()}s",
    }


def policy_headers(limit: RateLimit, *, quota: int | None = None) -> dict[str, str]:
    """Of a caller whose limit is not known: what anybody has."""
    calls = limit.calls_per_key if quota is None else quota
    return {
        "ratelimit-policy": f'"fixed window";"{limit}";q={calls};w={WINDOW_S}',
        "x-ratelimit-limit-requests": str(calls),
    }
