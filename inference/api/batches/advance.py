"""How batches go on: a periodic task, one small step of one batch at a time.

Each step is repeatable and ends in one transaction (inference.batches), so that any process may be
killed at any moment, and two that step at once do no harm.
"""

import logging
import uuid
from collections import deque

from django.db.models.functions import Now

from catalog.infrastructure import log_context, storage
from catalog.infrastructure.retention import Budget
from inference.api.batches import lines, output, validation
from inference.api.batches.lines import ParsedLine
from inference.api.errors import InternalError
from inference.batches import fetching, files, lifecycle, parts
from inference.batches.parts import LineRequest
from inference.models import (
    ApiFile,
    Batch,
    BatchPart,
    BatchStatus,
    FileChunk,
    FileProblem,
    LineError,
)

log = logging.getLogger(__name__)

NOT_RUN = {
    BatchStatus.CANCELLING: ("batch_cancelled", output.CANCELED),
    BatchStatus.FINALIZING: ("batch_expired", output.EXPIRED),
}
STORAGE_FULL = (
    "Your files have taken all the space that they may take, so this line was not run. Delete"
    " files, and send the lines of the error file as a new batch."
)


def advance(budget: Budget) -> int:
    """One round over all open batches, each a step in turn, while there is time; steps made."""
    lifecycle.expire_due()
    waiting = deque(Batch.objects.open().next_in_turn().values_list("pk", flat=True))
    steps = 0
    while waiting and not budget.is_spent:
        batch_id = waiting.popleft()
        with log_context.bound(batch=batch_id):
            if _advance(batch_id):
                steps += 1
                waiting.append(batch_id)
    return steps


def _advance(batch_id: uuid.UUID) -> bool:
    batch = Batch.objects.select_related("owner", "key").filter(pk=batch_id).first()
    if batch is None:
        return False
    Batch.objects.filter(pk=batch_id).update(advanced_at=Now())
    try:
        return _step(batch)
    except storage.StorageUnavailable as error:
        log.warning("storage away: %s", error)
        return False


def _step(batch: Batch) -> bool:
    """Whether there may be another step at once."""
    if batch.status == BatchStatus.VALIDATING:
        return _validate(batch)
    if batch.status in NOT_RUN and lifecycle.end_jobs(batch):
        return True
    return _settle(batch) or _begin(batch) or _take_up(batch) or lifecycle.finish(batch)


def _validate(batch: Batch) -> bool:
    file = ApiFile.objects.complete().filter(pk=batch.input_file_id).first()
    try:
        found = validation.validate(files.read(file) if file else [], batch.endpoint)
    except FileNotFoundError as error:
        log.error("a chunk is lost: %s", error)
        file = None
    if file is None:
        problem = FileProblem(
            code="file_not_found", message="The input file is gone.", param=None, line=None
        )
        return lifecycle.refuse(batch, [problem])
    if found.problems:
        return lifecycle.refuse(batch, found.problems, line_count=found.line_count)
    return lifecycle.start(batch, line_count=found.line_count, chunk_count=found.chunk_count)


def _settle(batch: Batch) -> bool:
    """Write up one part whose jobs have ended."""
    for part in batch.parts.begun().order_by("number"):
        if parts.is_done(part):
            return parts.settle(batch, part, output.results_of(part))
    return False


def _begin(batch: Batch) -> bool:
    """Queue the lines of a part that was taken up: its images are there, or none is needed."""
    for part in batch.parts.waiting_for_images().order_by("number"):
        if _begin_part(batch, part):
            return True
    return False


def _begin_part(batch: Batch, part: BatchPart) -> bool:
    try:
        chunk = _read_chunk(batch, part.number)
    except FileNotFoundError as missing:
        # Nobody deletes a file that is in use: the storage has lost it. The batch still ends.
        log.error("a chunk is lost: %s", missing)
        return parts.begin(batch, part, _lost_lines(batch, part.number))
    if error := _reason_not_to_run(batch):
        custom_ids = lines.custom_ids_of(chunk, batch.endpoint)
        return parts.begin(batch, part, [LineRequest(one, error=error) for one in custom_ids])
    parsed = lines.parse_chunk(chunk, batch.endpoint)
    if urls := lines.urls_of(parsed):
        if part.fetched is None:
            # Not a step: there is nothing more to do at once.
            _ask_for_images(batch, part, urls)
            return False
        with_images = _with_images(part, parsed)
        if with_images is None:
            return False
        parsed = with_images
    has_begun = parts.begin(batch, part, lines.checked(parsed))
    storage.delete(name for name in part.fetched or [] if name)
    return has_begun


def _ask_for_images(batch: Batch, part: BatchPart, urls: list[str]) -> None:
    if part.fetch_asked_at is not None or fetching.has_room(batch.owner_id):
        fetching.ask(part, urls)


def _with_images(part: BatchPart, parsed: list[ParsedLine]) -> list[ParsedLine] | None:
    """None: what was fetched was deleted before it came to this, and is to be fetched again."""
    try:
        return lines.with_images(parsed, part.fetched or [])
    except FileNotFoundError:
        log.warning("fetched images are gone part=%s", part.pk)
        BatchPart.objects.filter(pk=part.pk).update(fetched=None, fetch_asked_at=None)
        return None


def _reason_not_to_run(batch: Batch) -> LineError | None:
    if batch.status in NOT_RUN:
        return output.not_run(*NOT_RUN[BatchStatus(batch.status)])
    if files.space_left(batch.owner_id) <= 0:
        return output.not_run("storage_full", STORAGE_FULL)
    return None


def _take_up(batch: Batch) -> bool:
    """Take up the next chunk, if few enough are worked on."""
    if batch.next_chunk >= batch.chunk_count or batch.parts.count() >= parts.MAX_OPEN:
        return False
    return parts.take_up(batch, batch.next_chunk) is not None


def _read_chunk(batch: Batch, number: int) -> bytes:
    """Raises FileNotFoundError and storage.StorageUnavailable."""
    stored = FileChunk.objects.filter(file=batch.input_file_id, number=number)
    name = stored.values_list("stored_as", flat=True).first()
    if name is None:
        raise FileNotFoundError(f"chunk {number} of file {batch.input_file_id}")
    return storage.read(name)


def _lost_lines(batch: Batch, number: int) -> list[LineRequest]:
    chunk = FileChunk.objects.filter(file=batch.input_file_id, number=number).first()
    error = lines.line_error(InternalError())
    return [LineRequest("", error=error)] * (chunk.line_count if chunk else 0)
