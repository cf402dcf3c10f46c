"""How many calls that cost work an account has made in this minute, wasted work included.

The API counts each call (inference.api.limits). Work that a call's input wasted counts as further
calls: whoever sends damaged images, or addresses that lead nowhere, is not charged for them and
would otherwise keep us busy for nothing.
"""

import math
import time
from collections.abc import Sequence
from contextlib import suppress

from catalog.limits import CannotCount, count
from inference.models import Job

WINDOW_S = 60
SUBMISSIONS = "api"


def count_call(key_id: int, user_id: int, *, limit: str = SUBMISSIONS) -> list[int]:
    """One call more of this key, and of its account; what each has come to. Raises CannotCount."""
    return count(cache_keys(key_id, user_id, limit=limit), window_s=WINDOW_S)


def count_images(user_id: int, images: int) -> int:
    """So many images more of this account; what that has come to. Raises CannotCount."""
    [total] = count([image_key(user_id)], window_s=WINDOW_S, by=images)
    return total


def image_key(user_id: int) -> str:
    return f"images:account:{user_id}:{window_number()}"


def count_waste(key_id: int, user_id: int, seconds: float) -> None:
    """One submission for each second begun."""
    with suppress(CannotCount):
        count(cache_keys(key_id, user_id), window_s=WINDOW_S, by=math.ceil(seconds))


def count_waste_of(job: Job, seconds: float) -> None:
    """The same for a job that came by a key; visitors have a number of jobs an hour."""
    if job.key_id is not None and job.owner_id is not None:
        count_waste(job.key_id, job.owner_id, seconds)


def cache_keys(key_id: int, user_id: int, *, limit: str = SUBMISSIONS) -> Sequence[str]:
    # Fixed windows, the same for all keys: when they end is known without a look-up.
    number = window_number()
    return f"{limit}:key:{key_id}:{number}", f"{limit}:account:{user_id}:{number}"


def window_number() -> int:
    return int(time.time() // WINDOW_S)


def seconds_to_reset() -> int:
    return WINDOW_S - int(time.time() % WINDOW_S)
