"""Running a batch of jobs in the thread of the test."""

from collections.abc import Sequence

from inference.models import Job
from inference.runtime.encoder import Encoder
from inference.worker import batches
from inference.worker.text_cache import TextMemory


def settle_all(memory: TextMemory, encoder: Encoder, batch: Sequence[Job]) -> None:
    """As `drain` does, but in this thread."""
    settle_parts(memory, batches.make_ready(encoder, batch))


def settle_parts(memory: TextMemory, ready: Sequence[batches.Ready]) -> None:
    for part in batches.score(memory, ready):
        batches.settle(part)
