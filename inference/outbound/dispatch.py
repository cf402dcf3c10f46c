"""Has a worker fetch pictures, so that the web process connects to nobody.

    [cat, dog] = await by_worker(["https://…/cat.jpg", "https://…/dog.jpg"])

The worker listens to a queue of its own, `fetch`, so that it may run as a host user who cannot
reach private networks (docs/fetching.md). It leaves the pictures in storage under a random name
and tells so by PostgreSQL's NOTIFY; who asked waits for that at the cost of an event, no thread.
There is no row of it: a message that is lost is a picture that could not be fetched in time.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from catalog.infrastructure import broker
from inference import jobs
from inference.notify import Waiting, here
from inference.outbound import bundles, fetcher
from inference.outbound.connections import Outside
from inference.outbound.errors import ImageUrlRefused, TooManyUrls

log = logging.getLogger(__name__)

FETCH_IMAGES = "inference.tasks.fetch_images"  # by name: tasks import this module
QUEUE = "fetch"
FOLDER = "fetched"
MOST_URLS = 32
URLS_A_MESSAGE = 8  # so many pictures one thread of a worker holds at most: 80 MB
MOST_BYTES_TOGETHER = 64 * 1024 * 1024
# One fetch ends within fetcher.TOTAL_S; as much again for those who asked before.
DEADLINE_S = 2 * fetcher.TOTAL_S
LOOK_AGAIN_S = 1.0  # without news: the listener may have lost its connection
ORPHAN_AFTER = timedelta(minutes=10)


async def by_worker(
    urls: Sequence[str], *, waiting: Waiting | None = None, deadline_s: float = DEADLINE_S
) -> list[bytes]:
    """The pictures behind URLs, in order, through the queue `fetch`.

    Raises ImageUrlRefused if one of them cannot be had in time, and TooManyUrls.
    """
    if len(urls) > MOST_URLS:
        raise TooManyUrls(f"At most {MOST_URLS} image URLs fit in one request.")
    until_s = time.monotonic() + deadline_s
    parcels_asked = [
        _ask(urls[start : start + URLS_A_MESSAGE], waiting or here(), until_s)
        for start in range(0, len(urls), URLS_A_MESSAGE)
    ]
    pictures = [each for parcel in await asyncio.gather(*parcels_asked) for each in parcel or ()]
    if len(pictures) < len(urls):
        raise ImageUrlRefused
    if sum(map(len, pictures)) > MOST_BYTES_TOGETHER:
        log.info("image urls refused reason=more than %s bytes together", MOST_BYTES_TOGETHER)
        raise ImageUrlRefused
    return pictures


async def _ask(urls: Sequence[str], waiting: Waiting, until_s: float) -> list[bytes] | None:
    """One message; None if the worker refused, or nobody answered in time."""
    key = uuid.uuid4()
    async with waiting.for_end_of(key) as end:
        # A message that nobody takes in time is dropped: whoever waited has given up by then.
        expires_s = until_s - time.monotonic()
        if not await asyncio.to_thread(_send, key, list(urls), expires_s):
            return None
        try:
            while (left_s := until_s - time.monotonic()) > 0:
                await end.wait(min(left_s, LOOK_AGAIN_S))
                if (pictures := await asyncio.to_thread(_open, key)) is not None:
                    return pictures
        finally:
            await asyncio.to_thread(default_storage.delete, _name(key))
    log.warning("image urls not fetched in time count=%s", len(urls))
    return None


def _send(key: uuid.UUID, urls: list[str], expires_s: float) -> bool:
    return broker.send(FETCH_IMAGES, str(key), urls, queue=QUEUE, expires_s=expires_s)


def _open(key: uuid.UUID) -> list[bytes] | None:
    """What the worker left; None: nothing yet."""
    try:
        with default_storage.open(_name(key)) as file:
            return bundles.unpack(file.read())
    except FileNotFoundError:
        return None


def fetch_for(key: uuid.UUID, urls: Sequence[str], *, outside: Outside | None = None) -> None:
    """The worker's part: fetch all, leave them or the word that one was refused, and tell."""
    pictures = asyncio.run(_fetch_all(urls, outside))
    default_storage.delete(_name(key))  # left by a worker that died after it
    default_storage.save(_name(key), ContentFile(bundles.pack(pictures)))
    jobs.tell([key])


async def _fetch_all(urls: Sequence[str], outside: Outside | None) -> list[bytes]:
    """All at once; nothing if one is refused: the loop's end cancels the others."""
    try:
        return await asyncio.gather(*(fetcher.image(url, outside=outside) for url in urls))
    except ImageUrlRefused:
        return []


def tidy() -> None:
    """Delete what nobody came for: its asker had given up, or died."""
    try:
        names = default_storage.listdir(FOLDER)[1]
    except FileNotFoundError:
        return
    for path in (f"{FOLDER}/{name}" for name in names):
        try:
            is_old = default_storage.get_modified_time(path) < timezone.now() - ORPHAN_AFTER
        except FileNotFoundError:
            continue
        if is_old:
            default_storage.delete(path)


def _name(key: uuid.UUID) -> str:
    return f"{FOLDER}/{key}"
