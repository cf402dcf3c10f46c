"""Has a worker fetch images, so that the web process connects to nobody.

    [cat, dog] = await fetch_queue.fetch(["https://…/cat.jpg", "https://…/dog.jpg"])

The worker listens to a queue of its own, `fetch`, so that it may run as a host user who cannot
reach private networks (docs/fetching.md). It leaves the images in storage under a random name and
says so by PostgreSQL's NOTIFY; a request waits for that at the cost of an event, no thread. There
is no row of it: a message that is lost is an image that could not be fetched in time.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from catalog.infrastructure import broker, storage
from inference import notify
from inference.notify import Listener, Subscription, current_listener
from inference.outbound import fetcher, image_bundle, outcomes, worker_loop
from inference.outbound.client import OutboundClient
from inference.outbound.errors import ImageUrlRefused, TooManyUrls

log = logging.getLogger(__name__)

FETCH_IMAGES = "inference.tasks.fetch_images"  # by name: tasks import this module
QUEUE = "fetch"
FOLDER = "fetched"
MAX_URLS = 32
URLS_PER_MESSAGE = 8  # one thread of a worker holds so many images at most: 80 MB
MAX_BYTES_TOGETHER = 64 * 1024 * 1024
# One fetch ends within fetcher.TOTAL_S; as much again for requests that came before.
DEADLINE_S = 2 * fetcher.TOTAL_S
LOOK_AGAIN_S = 1.0  # without news: the listener may have lost its connection
ORPHAN_AFTER = timedelta(minutes=10)


async def fetch(
    urls: Sequence[str], *, listener: Listener | None = None, deadline_s: float = DEADLINE_S
) -> list[bytes]:
    """The images behind URLs, in order, fetched by a worker.

    Raises ImageUrlRefused if one of them cannot be had in time, and TooManyUrls.
    """
    if len(urls) > MAX_URLS:
        raise TooManyUrls(f"At most {MAX_URLS} image URLs fit in one request.")
    until_s = time.monotonic() + deadline_s
    parts = [urls[i : i + URLS_PER_MESSAGE] for i in range(0, len(urls), URLS_PER_MESSAGE)]
    fetches = (_fetch_bundle(part, listener or current_listener(), until_s) for part in parts)
    images = [image for bundle in await asyncio.gather(*fetches) for image in bundle or ()]
    if len(images) < len(urls):
        raise ImageUrlRefused
    if sum(map(len, images)) > MAX_BYTES_TOGETHER:
        log.info("image urls refused reason=more than %s bytes together", MAX_BYTES_TOGETHER)
        raise ImageUrlRefused
    return images


async def _fetch_bundle(
    urls: Sequence[str], listener: Listener, until_s: float
) -> list[bytes] | None:
    """One message; None if the worker refused, or nobody answered in time."""
    key = uuid.uuid4()
    async with listener.subscribe(key) as subscription:
        # A message that nobody takes in time is dropped: the request has given up by then.
        expires_s = until_s - time.monotonic()
        if not await asyncio.to_thread(_send, key, list(urls), expires_s):
            return None
        try:
            images = await _receive(key, subscription, until_s)
        finally:
            await asyncio.to_thread(storage.delete, [_name(key)])
    if images is None:
        log.warning("image urls not fetched in time count=%s", len(urls))
    return images


async def _receive(
    key: uuid.UUID, subscription: Subscription, until_s: float
) -> list[bytes] | None:
    while (remaining_s := until_s - time.monotonic()) > 0:
        await subscription.wait(min(remaining_s, LOOK_AGAIN_S))
        if (images := await asyncio.to_thread(_open, key)) is not None:
            return images
    return None


def _send(key: uuid.UUID, urls: list[str], expires_s: float) -> bool:
    return broker.send(FETCH_IMAGES, str(key), urls, queue=QUEUE, expires_s=expires_s)


def _open(key: uuid.UUID) -> list[bytes] | None:
    """What the worker left; None: nothing yet."""
    try:
        return image_bundle.unpack(storage.read(_name(key)))
    except FileNotFoundError:
        return None


def serve(key: uuid.UUID, urls: Sequence[str], *, client: OutboundClient | None = None) -> None:
    """The worker's part: fetch all, store them (none, if one was refused) and notify."""
    results = worker_loop.run(_fetch_all(urls, client))
    outcomes.count(map(outcomes.name_of, results))
    images = [result for result in results if isinstance(result, bytes)]
    if len(images) < len(urls):
        images = []
    # There is one already if a worker died between saving and acknowledging the message.
    storage.delete([_name(key)])
    storage.save({_name(key): image_bundle.pack(images)})
    notify.send([key])


async def _fetch_all(
    urls: Sequence[str], client: OutboundClient | None
) -> list[bytes | BaseException]:
    """How each fetch ended; after one that was refused the others are dropped."""
    fetches = [asyncio.create_task(fetcher.fetch_image(url, client=client)) for url in urls]
    await asyncio.wait(fetches, return_when=asyncio.FIRST_EXCEPTION)
    for fetch in fetches:
        fetch.cancel()  # those that have ended stay as they are
    return await asyncio.gather(*fetches, return_exceptions=True)


def tidy() -> None:
    """Delete what no request came for: it had given up, or its process had died."""
    before = timezone.now() - ORPHAN_AFTER
    storage.delete(name for name in storage.names_in(FOLDER) if storage.is_older(name, before))


def _name(key: uuid.UUID) -> str:
    return f"{FOLDER}/{key}"
