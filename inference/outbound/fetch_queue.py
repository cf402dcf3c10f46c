"""Has a worker fetch images, so that the web process connects to nobody.

    [cat, dog] = await fetch_queue.fetch(["https://…/cat.jpg", "https://…/dog.jpg"])

The worker listens to a queue of its own, `fetch`, so that it may run as a host user who cannot
reach private networks (docs/fetching.md). It leaves the images in storage under a random name and
says so by PostgreSQL's NOTIFY; a request waits for that at the cost of an event, no thread. There
is no row of it: a message that is lost is an image that could not be fetched in time.
"""

import asyncio
import logging
import math
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from catalog.infrastructure import broker, storage
from inference import notify
from inference.notify import Listener, Subscription, current_listener
from inference.outbound import fetcher, image_bundle, outcomes, worker_loop
from inference.outbound.client import OutboundClient
from inference.outbound.errors import FetchUnavailable, ImageUrlRefused, TooManyUrls
from inference.outbound.image_bundle import Bundle

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

    Raises ImageUrlRefused, with the index of one that cannot be had, TooManyUrls, and
    FetchUnavailable if no worker has answered in time: each knows within fetcher.TOTAL_S.
    """
    bundles = await _fetch_bundles(urls, listener, deadline_s, skips_refused=False)
    images = [image for bundle in bundles if bundle for image in bundle.images]
    if len(images) < len(urls):
        if (index := _refused(bundles)) is None:
            raise FetchUnavailable("image URLs were not fetched in time")
        raise ImageUrlRefused(index=index)
    _check_size(images)
    return images


async def fetch_each(
    urls: Sequence[str], *, listener: Listener | None = None, deadline_s: float = DEADLINE_S
) -> list[bytes | None]:
    """As `fetch`, with None for an image that cannot be had; the others are fetched all the same.

    Raises TooManyUrls, FetchUnavailable, and ImageUrlRefused if they are too large together.
    """
    bundles = await _fetch_bundles(urls, listener, deadline_s, skips_refused=True)
    if None in bundles:
        raise FetchUnavailable("image URLs were not fetched in time")
    # What was refused is empty in such a bundle.
    images = [image or None for bundle in bundles if bundle for image in bundle.images]
    _check_size([image for image in images if image])
    return images


def _check_size(images: Sequence[bytes]) -> None:
    if sum(map(len, images)) > MAX_BYTES_TOGETHER:
        log.info("image urls refused reason=more than %s bytes together", MAX_BYTES_TOGETHER)
        raise ImageUrlRefused


def _parts(urls: Sequence[str]) -> list[Sequence[str]]:
    return [urls[i : i + URLS_PER_MESSAGE] for i in range(0, len(urls), URLS_PER_MESSAGE)]


async def _fetch_bundles(
    urls: Sequence[str], listener: Listener | None, deadline_s: float, *, skips_refused: bool
) -> list[Bundle | None]:
    if len(urls) > MAX_URLS:
        raise TooManyUrls(f"At most {MAX_URLS} image URLs fit in one request.")
    until_s = time.monotonic() + deadline_s
    fetches = (
        _fetch_bundle(part, listener or current_listener(), until_s, skips_refused=skips_refused)
        for part in _parts(urls)
    )
    return await asyncio.gather(*fetches)


def _refused(bundles: Sequence[Bundle | None]) -> int | None:
    """The index, among all URLs, of the first that a worker has refused."""
    indices = (
        part * URLS_PER_MESSAGE + bundle.refused
        for part, bundle in enumerate(bundles)
        if bundle and bundle.refused is not None
    )
    return next(indices, None)


async def _fetch_bundle(
    urls: Sequence[str], listener: Listener, until_s: float, *, skips_refused: bool
) -> Bundle | None:
    """One message; None if it could not be sent, or nobody answered in time."""
    key = uuid.uuid4()
    async with listener.subscribe(key) as subscription:
        # A message that nobody takes in time is left alone: the request has given up by then.
        expires_s = until_s - time.monotonic()
        send = partial(_send, key, list(urls), expires_s, skips_refused=skips_refused)
        if not await asyncio.to_thread(send):
            return None
        try:
            bundle = await _receive(key, subscription, until_s)
        finally:
            await asyncio.to_thread(_forget, key)
    if bundle is None:
        log.warning("image urls not fetched in time count=%s", len(urls))
    return bundle


async def _receive(key: uuid.UUID, subscription: Subscription, until_s: float) -> Bundle | None:
    while (remaining_s := until_s - time.monotonic()) > 0:
        await subscription.wait(min(remaining_s, LOOK_AGAIN_S))
        if (bundle := await asyncio.to_thread(_open, key)) is not None:
            return bundle
    return None


def _send(key: uuid.UUID, urls: list[str], expires_s: float, *, skips_refused: bool) -> bool:
    with suppress(RedisError):
        cache.set(_awaited(key), 1, timeout=math.ceil(expires_s))
    # The flag only where it is needed: a worker of the release before does not know it.
    arguments = (str(key), urls, *([True] if skips_refused else []))
    return broker.send(FETCH_IMAGES, *arguments, queue=QUEUE, expires_s=expires_s)


def _forget(key: uuid.UUID) -> None:
    storage.delete([_name(key)])
    with suppress(RedisError):
        cache.delete(_awaited(key))


def is_awaited(key: uuid.UUID) -> bool:
    """Whether the request that asked still waits: no time of day says so, clocks may differ."""
    try:
        return cache.get(_awaited(key)) is not None
    except RedisError:
        return True


def _open(key: uuid.UUID) -> Bundle | None:
    """What the worker left; None: nothing yet."""
    try:
        return image_bundle.unpack(storage.read(_name(key)))
    except FileNotFoundError:
        return None


def serve(
    key: uuid.UUID,
    urls: Sequence[str],
    *,
    skips_refused: bool = False,
    client: OutboundClient | None = None,
) -> None:
    """The worker's part: fetch all, store them (or which one was refused) and notify."""
    results = worker_loop.run(_fetch_all(urls, client, skips_refused=skips_refused))
    outcomes.count(map(outcomes.name_of, results))
    # There is one already if a worker died between saving and acknowledging the message.
    storage.delete([_name(key)])
    bundle = _bundle_with_gaps(results) if skips_refused else _bundle_of(results)
    try:
        storage.save({_name(key): image_bundle.pack(bundle)})
    except storage.StorageUnavailable as error:
        log.error("fetched images not stored error=%r", error)
        return
    notify.send([key])


def _bundle_of(results: Sequence[bytes | BaseException]) -> Bundle:
    images = [result for result in results if isinstance(result, bytes)]
    if len(images) == len(results):
        return Bundle(images)
    # The others were dropped for its sake, and say nothing of their URLs.
    refusals = (index for index, result in enumerate(results) if isinstance(result, Exception))
    return Bundle(refused=next(refusals, None))


def _bundle_with_gaps(results: Sequence[bytes | BaseException]) -> Bundle:
    return Bundle([result if isinstance(result, bytes) else b"" for result in results])


async def _fetch_all(
    urls: Sequence[str], client: OutboundClient | None, *, skips_refused: bool
) -> list[bytes | BaseException]:
    """How each fetch ended; after one that was refused the others are dropped, unless it is
    skipped.
    """
    fetches = [asyncio.create_task(fetcher.fetch_image(url, client=client)) for url in urls]
    if not skips_refused:
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


def _awaited(key: uuid.UUID) -> str:
    return f"fetch-awaited:{key}"
