"""A picture by its address: a worker fetches it (inference.outbound), never this process."""

import threading

from asgiref.sync import async_to_sync

from inference import images
from inference.notify import Listener
from inference.outbound import fetch_queue
from inference.outbound.errors import FetchUnavailable, ImageUrlRefused

# Each waits in a thread of the pages: a slow server far away must not take all of them.
MOST_AT_ONCE = 4
DEADLINE_S = 10.0
NOT_FETCHED = (
    "That link could not be fetched. It must be a public https address that answers with a picture"
    " of at most 10 MB within a few seconds. Or save the picture and choose the file."
)
BUSY = "Many links are being fetched right now. Please try again in a moment, or choose a file."

slots = threading.BoundedSemaphore(MOST_AT_ONCE)

AWAY = "Links can't be fetched right now. Please try again in a moment, or choose a file."


def fetch(url: str) -> bytes:
    """Raises images.InvalidImage, with the same words whatever the reason was."""
    if not url.strip().lower().startswith(("https://", "http://")):  # the worker says which
        raise images.InvalidImage(NOT_FETCHED)
    if not slots.acquire(blocking=False):
        raise images.InvalidImage(BUSY)
    try:
        [content] = async_to_sync(_fetch)(url.strip())
    except FetchUnavailable as away:
        raise images.InvalidImage(AWAY) from away
    except ImageUrlRefused as refusal:
        raise images.InvalidImage(NOT_FETCHED) from refusal
    finally:
        slots.release()
    return content


async def _fetch(url: str) -> list[bytes]:
    # A listener of its own: the loop may be one that ends with this call.
    listener = Listener()
    try:
        return await fetch_queue.fetch([url], listener=listener, deadline_s=DEADLINE_S)
    finally:
        listener.close()
