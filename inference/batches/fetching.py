"""Images that a batch names by URL, fetched by the workers that fetch for single calls, too.

One message a part, and few parts at a time: a batch of fifty thousand URLs takes few of the
connections that people wait for. What was fetched lies in storage for ten minutes at most
(fetch_queue.tidy); if it is gone by then, it is fetched again.
"""

import asyncio
import logging
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from catalog.infrastructure import broker, storage
from inference.models import BatchPart
from inference.outbound import fetch_queue, fetcher, outcomes, worker_loop
from inference.outbound.client import OutboundClient
from inference.outbound.errors import ImageUrlRefused

log = logging.getLogger(__name__)

FETCH_IMAGES = "inference.tasks.fetch_images_of_batch"  # by name: tasks import this module
MAX_PARTS = 2  # of all batches together
MAX_PARTS_OF_ACCOUNT = 1
AT_ONCE = 4
TOTAL_S = 90.0  # of a part; URLs that are not there by then count as refused
ASK_AGAIN_AFTER = timedelta(seconds=2 * TOTAL_S)
NOT_FETCHED = ""


def has_room(owner_id: int) -> bool:
    waiting = BatchPart.objects.waiting_for_images().filter(fetch_asked_at__isnull=False)
    of_account = waiting.filter(batch__owner=owner_id)
    return waiting.count() < MAX_PARTS and of_account.count() < MAX_PARTS_OF_ACCOUNT


def ask(part: BatchPart, urls: Sequence[str]) -> bool:
    """Have a worker fetch; False: one was asked a while ago, or the broker is away."""
    never_or_lost = Q(fetch_asked_at__isnull=True) | Q(fetch_asked_at__lt=Now() - ASK_AGAIN_AFTER)
    waiting = BatchPart.objects.waiting_for_images().filter(never_or_lost, pk=part.pk)
    if not waiting.update(fetch_asked_at=Now(), fetched=None):
        return False
    expires_s = ASK_AGAIN_AFTER.total_seconds()
    return broker.send(
        FETCH_IMAGES, str(part.pk), list(urls), queue=fetch_queue.QUEUE, expires_s=expires_s
    )


def serve(part_id: uuid.UUID, urls: Sequence[str], *, client: OutboundClient | None = None) -> bool:
    """The worker's part: fetch all and say where they lie. False: nobody waits for them."""
    waiting = BatchPart.objects.waiting_for_images().filter(pk=part_id, fetched__isnull=True)
    if not waiting.exists():
        return False
    names = worker_loop.run(_fetch_all(urls, client))
    outcomes.count("fetched" if name else "refused" for name in names)
    if waiting.update(fetched=names):
        return True
    storage.delete(name for name in names if name)
    return False


async def _fetch_all(urls: Sequence[str], client: OutboundClient | None) -> list[str]:
    slots = asyncio.Semaphore(AT_ONCE)
    names = [NOT_FETCHED] * len(urls)

    async def fetch(index: int) -> None:
        async with slots:
            try:
                image = await fetcher.fetch_image(urls[index], client=client)
            except ImageUrlRefused:
                return
            # Stored one by one: all of them would be hundreds of megabytes.
            name = f"{fetch_queue.FOLDER}/{uuid.uuid4()}"
            await asyncio.to_thread(storage.save, {name: image})
            names[index] = name

    tasks = [asyncio.create_task(fetch(index)) for index in range(len(urls))]
    _, late = await asyncio.wait(tasks, timeout=TOTAL_S)
    for task in late:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):  # storage is away: as if it had not been fetched
            log.error("image of a batch not stored error=%r", result)
    return names
