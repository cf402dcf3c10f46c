"""A part of a batch: taken up, its lines queued as jobs under one hold, and settled once.

Credit is held for the lines of one part only, so a batch never binds more than a few hundred
lines' worth, and what the payer does not have ends those lines, each with an error of its own.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import F

from accounts import credits
from catalog import price_history
from catalog.infrastructure import storage
from catalog.pricing import Price
from catalog.pricing import batch as pricing
from inference import jobs
from inference.batches import files
from inference.batches.files import Piece
from inference.jobs import image_files, queue, submission, wake
from inference.models import (
    OPEN,
    ApiFile,
    Batch,
    BatchPart,
    FileChunk,
    FilePurpose,
    Job,
    JobQuerySet,
    Line,
    LineError,
    State,
)

log = logging.getLogger(__name__)

# Beside those that run, a chunk is made ready: a worker finds a few hundred lines at any time.
MAX_OPEN = 3
# By the id of the card; None: it has none.
Prices = Mapping[int, Price | None]


@dataclass(frozen=True)
class LineRequest:
    """A line that was read: what to run, or the error that it ends with."""

    custom_id: str
    request: jobs.Request | None = None
    error: LineError | None = None


@dataclass(frozen=True)
class Results:
    """What a part has come to: lines of the output and of the error file.

    `full_micro_usd`: what the answered lines would have cost as single calls.
    """

    output: Piece
    errors: Piece
    full_micro_usd: int


def take_up(batch: Batch, number: int) -> BatchPart | None:
    """Begin with a chunk; None: somebody else has."""
    try:
        with transaction.atomic():
            part = BatchPart.objects.create(batch=batch, number=number)
            taken = Batch.objects.filter(pk=batch.pk, status=batch.status, next_chunk=number)
            if not taken.update(next_chunk=F("next_chunk") + 1):
                transaction.set_rollback(True)
                return None
    except IntegrityError:  # the part is there
        return None
    return part


def begin(batch: Batch, part: BatchPart, requests: Sequence[LineRequest]) -> bool:
    """Queue what can be run; lines with errors only wait to be written. False: it has begun.

    Raises storage.StorageUnavailable; then nothing has changed.
    """
    prices = _prices(batch, requests)
    new_jobs = [_new_job(batch, part, index, line, prices) for index, line in enumerate(requests)]
    # Before the transaction, as when a single job is submitted: the wallet is not locked meanwhile.
    names: list[str] = []
    try:
        for job, line in zip(new_jobs, requests, strict=True):
            if job and line.request:
                stored = image_files.store(job.pk, line.request.images)
                names += stored
                job.inputs = submission.inputs_of(line.request, stored)
        with transaction.atomic():
            has_begun = _insert(batch, part, requests, new_jobs, prices)
    except BaseException:
        image_files.delete(names)
        raise
    if not has_begun:
        image_files.delete(names)
    return has_begun


def _prices(batch: Batch, requests: Sequence[LineRequest]) -> Prices:
    """Those of the day on which the batch was accepted, whatever its models cost since."""
    cards = {line.request.card.pk: line.request.card for line in requests if line.request}
    return price_history.prices_at(cards.values(), batch.created_at) if cards else {}


def _new_job(
    batch: Batch, part: BatchPart, index: int, line: LineRequest, prices: Prices
) -> Job | None:
    if line.request is None:
        return None
    job = submission.new_job(
        part.job_id(index),
        line.request,
        requester=jobs.Requester(batch.owner_id, None, batch.key),
        price=prices[line.request.card.pk],
    )
    job.batch = batch
    return job


def _insert(
    batch: Batch,
    part: BatchPart,
    requests: Sequence[LineRequest],
    new_jobs: Sequence[Job | None],
    prices: Prices,
) -> bool:
    # The row's lock keeps a second one from beginning the same part.
    waiting = BatchPart.objects.waiting_for_images().filter(pk=part.pk)
    if not waiting.select_for_update().exists():
        return False
    refusals = _hold(batch, part, requests, prices)
    lines: list[Line] = []
    cards = {}
    unused: list[str] = []
    for index, (line, job) in enumerate(zip(requests, new_jobs, strict=True)):
        error = line.error or refusals.get(index)
        lines.append(_line(line.custom_id, error))
        if job and not error:
            queue.insert(job, deadline=batch.expires_at)
            cards[job.card_id] = job.card
        elif job:
            unused += job.image_files
    part.lines = lines
    part.save(update_fields=["lines", "is_paid"])
    transaction.on_commit(lambda: image_files.delete(unused))
    for card in cards.values():
        transaction.on_commit(partial(wake.workers_of, card), robust=True)
    return True


def _line(custom_id: str, error: LineError | None) -> Line:
    return Line(custom_id=custom_id, error=error) if error else Line(custom_id=custom_id)


def _hold(
    batch: Batch, part: BatchPart, requests: Sequence[LineRequest], prices: Prices
) -> dict[int, LineError]:
    """Hold what the lines may cost at most; the errors of those that the credit does not cover."""
    costs = {
        index: _max_cost(line.request, prices)
        for index, line in enumerate(requests)
        if line.request
    }
    refusals: dict[int, LineError] = {}
    while costs:
        try:
            credits.hold(
                batch.owner,
                amount_micro_usd=pricing.charged(sum(costs.values())),
                reference=part.hold_reference,
                key=batch.key,
                model=_model_of([requests[index] for index in costs]),
                note=_in_words(len(costs)),
            )
        except (credits.NotEnoughCredit, credits.KeyLimitReached) as refusal:
            refusals |= dict.fromkeys(_beyond(costs, _budget_of(refusal)), _unpaid(refusal))
        except (credits.KeyEnded, credits.AccountSuspended) as refusal:
            refusals |= dict.fromkeys(costs, _unpaid(refusal))
        else:
            part.is_paid = True
            break
        costs = {index: cost for index, cost in costs.items() if index not in refusals}
    return refusals


def _in_words(line_count: int) -> str:
    return f"{line_count:,} line{'' if line_count == 1 else 's'} of a batch"


def _max_cost(request: jobs.Request, prices: Prices) -> int:
    price = prices[request.card.pk]
    return request.max_cost(price) if price else 0


def _beyond(costs: dict[int, int], budget: int) -> list[int]:
    """The lines from the first that a budget of µ$ does not hold any more; at least one of them."""
    total = 0
    indices = list(costs)
    for position, index in enumerate(indices):
        total += costs[index]
        if pricing.charged(total) > budget:
            return indices[position:]
    return indices[-1:]


def _budget_of(refusal: credits.NotEnoughCredit | credits.KeyLimitReached) -> int:
    return refusal.left if isinstance(refusal, credits.KeyLimitReached) else refusal.available


def _unpaid(refusal: credits.CreditError) -> LineError:
    # By class: what the API answers to a single call.
    codes = {
        credits.NotEnoughCredit: (402, "insufficient_credits", "insufficient_quota"),
        credits.KeyLimitReached: (402, "key_limit_reached", "insufficient_quota"),
        credits.KeyEnded: (401, "invalid_api_key", "authentication_error"),
        credits.AccountSuspended: (403, "account_suspended", "permission_error"),
    }
    status, code, kind = codes[type(refusal)]
    messages = {
        "insufficient_credits": "Your credit does not cover this line. Add credit, and send the"
        " lines of the error file as a new batch.",
        "key_limit_reached": "The spending limit of the API key does not cover this line.",
        "invalid_api_key": "The API key that made this batch was revoked, or has expired.",
        "account_suspended": "The account was suspended.",
    }
    return LineError(status=status, code=code, message=messages[code], param=None, type=kind)


def _model_of(lines: Sequence[LineRequest]) -> str:
    """For the ledger: "" where there are several."""
    repos = {line.request.card.repo for line in lines if line.request}
    return repos.pop() if len(repos) == 1 else ""


def is_done(part: BatchPart) -> bool:
    return not jobs_of(part).filter(state__in=OPEN).exists()


def jobs_of(part: BatchPart) -> JobQuerySet:
    return Job.objects.filter(pk__in=[part.job_id(index) for index in range(len(part.lines or []))])


def settle(batch: Batch, part: BatchPart, results: Results) -> bool:
    """Write up a part whose jobs have ended, and take what it costs. False: that was done.

    Raises storage.StorageUnavailable; then nothing has changed. The part's row goes, its jobs
    stay, emptied, until they are tidied up.
    """
    chunks = [
        (purpose, files.save_chunk(part.pk, part.number, piece))
        for purpose, piece in (("output", results.output), ("errors", results.errors))
        if piece.line_count
    ]
    is_ours = False
    try:
        with transaction.atomic():
            is_ours = _settle(batch, part, results, chunks)
    finally:
        if not is_ours:
            storage.delete(chunk.stored_as for _, chunk in chunks)
    return is_ours


def _settle(
    batch: Batch, part: BatchPart, results: Results, chunks: Sequence[tuple[str, FileChunk]]
) -> bool:
    row = Batch.objects.select_for_update(no_key=True).filter(pk=batch.pk).first()
    if row is None or not BatchPart.objects.filter(pk=part.pk).delete()[0]:
        return False
    for purpose, chunk in chunks:
        files.append(_file_for(row, purpose), chunk)
    row.completed_lines += results.output.line_count
    row.failed_lines += results.errors.line_count
    _empty_jobs(part)
    row.full_micro_usd += results.full_micro_usd
    # Rounded up once for the whole batch, and never more than was held: a sum that is rounded up
    # is no more than what its parts are.
    cost = pricing.charged(row.full_micro_usd) - row.charged_micro_usd
    if part.is_paid:
        row.charged_micro_usd += cost
        _charge(part, cost)
    row.save(
        update_fields=[
            "output_file_id",
            "error_file_id",
            "completed_lines",
            "failed_lines",
            "full_micro_usd",
            "charged_micro_usd",
        ]
    )
    return True


def _charge(part: BatchPart, cost: int) -> None:
    if cost:
        credits.capture(part.hold_reference, amount_micro_usd=cost)
    else:
        credits.release(part.hold_reference)


def _file_for(batch: Batch, purpose: str) -> ApiFile:
    """The batch's output or error file, made with its first line; it is complete at the end."""
    is_output = purpose == "output"
    existing = batch.output_file_id if is_output else batch.error_file_id
    if existing:
        return ApiFile.objects.get(pk=existing)
    file = ApiFile.objects.create(
        owner_id=batch.owner_id,
        name=f"{batch.public_id}_{purpose}.jsonl",
        purpose=FilePurpose.OUTPUT,
        is_complete=False,
        expires_at=batch.expires_at + batch.output_kept_for,
    )
    if is_output:
        batch.output_file_id = file.pk
    else:
        batch.error_file_id = file.pk
    return file


def _empty_jobs(part: BatchPart) -> None:
    # What they were asked and answered stands in the files; megabytes of it would lie here twice.
    ended = jobs_of(part)
    ended.filter(state=State.SUCCEEDED).update(result={}, vectors=None)
    ended.update(inputs=[], payload={})
