"""Running a batch of jobs in the thread of the test."""

from collections.abc import Sequence

from inference.models import Job
from inference.runtime.encoder import Encoder
from inference.worker import batches, decode
from inference.worker.ready import Ready
from inference.worker.texts.cache import TextCache


def settle_all(memory: TextCache, encoder: Encoder, batch: Sequence[Job]) -> None:
    """As `drain` does, but in this thread."""
    settle_parts(memory, decode.make_ready(encoder, batch))


def settle_parts(memory: TextCache, ready: Sequence[Ready]) -> None:
    for part in batches.score(memory, ready):
        batches.settle(part)
