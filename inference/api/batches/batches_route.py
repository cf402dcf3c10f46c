"""/v1/batches: make, list, retrieve and cancel batches."""

import uuid
from datetime import datetime, timedelta
from typing import Annotated, Any

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from fastapi import APIRouter, Path, Query, Request, Response
from starlette.responses import JSONResponse

from accounts.models import User
from catalog.numbers.money import usd
from inference.api import openapi
from inference.api.auth import AnyCaller, Caller, SubmittingCaller
from inference.api.batches import lines, public_ids
from inference.api.batches.schemas import BatchBody, BatchList, BatchObject
from inference.api.errors import (
    NO_RETRY,
    ApiError,
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    TooMany,
)
from inference.api.flow import idempotency
from inference.api.request import reader
from inference.api.request.reader import RawBody
from inference.api.threads import in_thread
from inference.batches import lifecycle, progress
from inference.batches.lifecycle import (
    BatchRefused,
    KeyReused,
    NewBatch,
    NotActive,
    TooManyBatches,
)
from inference.models import ApiFile, Batch, BatchStatus, FilePurpose

router = APIRouter(tags=["batches"])
BatchId = Annotated[str, Path(description="A batch's id: `batch_...`.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Most batches on a page.")]
After = Annotated[str | None, Query(description="The `last_id` of the page before.", max_length=64)]
MAX_PAIRS, MAX_NAME, MAX_VALUE = 16, 64, 512
RETRY_AFTER_S = 60

# Any: JSON's own types.
Json = dict[str, Any]


@router.post(
    "/v1/batches",
    summary="Make a batch",
    responses=openapi.answers(BatchObject, bad_input=True, not_found=True, noun="file")
    | openapi.errors(408, 413, 415, 422),
    openapi_extra=openapi.body(BatchBody, headers=openapi.SUBMIT_HEADERS[1:]),
)
async def make_batch(request: Request, caller: SubmittingCaller) -> Response:
    """Runs the lines of a file within 24 hours, at half the price."""
    raw_body = await reader.read_json(request, BatchBody)
    idempotency_key = idempotency.key_of(request.headers.get("idempotency-key"))
    return JSONResponse(await in_thread(_create, caller, raw_body, idempotency_key))


@router.get(
    "/v1/batches", summary="List batches", responses=openapi.answers(BatchList, bad_input=True)
)
async def list_batches(caller: AnyCaller, limit: Limit = 20, after: After = None) -> Response:
    """Your batches of the last 30 days, the latest first."""
    return JSONResponse(await in_thread(_page, caller.user, limit, after))


@router.get(
    "/v1/batches/{batch_id}",
    summary="Retrieve a batch",
    responses=openapi.answers(BatchObject, not_found=True, noun="batch"),
)
async def retrieve_batch(caller: AnyCaller, batch_id: BatchId) -> Response:
    """How far the batch is, and where its results are once it has ended."""
    return JSONResponse(await in_thread(lambda: describe(_get(caller.user, batch_id))))


@router.post(
    "/v1/batches/{batch_id}/cancel",
    summary="Cancel a batch",
    responses=openapi.answers(BatchObject, not_found=True, noun="batch") | openapi.errors(409),
)
async def cancel_batch(caller: AnyCaller, batch_id: BatchId) -> Response:
    """Runs no further lines; those that were answered stay, and are paid for."""
    return JSONResponse(await in_thread(_cancel, caller.user, batch_id))


def describe(batch: Batch) -> Json:
    counts = progress.of(batch)
    status = BatchStatus(batch.status)
    was_canceled = status in (BatchStatus.CANCELLING, BatchStatus.CANCELLED)
    ending_at = _seconds(batch.ending_at)
    return {
        "id": batch.public_id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
        "input_file_id": f"file-{batch.input_file_id.hex}",
        "completion_window": "24h",
        "status": status.value,
        "output_file_id": _file_id(batch, batch.output_file_id),
        "error_file_id": _file_id(batch, batch.error_file_id),
        "created_at": _seconds(batch.created_at),
        "in_progress_at": _seconds(batch.in_progress_at),
        "expires_at": _seconds(batch.expires_at),
        "finalizing_at": None if was_canceled else ending_at,
        "completed_at": _ended_at(batch, BatchStatus.COMPLETED),
        "failed_at": _ended_at(batch, BatchStatus.FAILED),
        "expired_at": _ended_at(batch, BatchStatus.EXPIRED),
        "cancelling_at": ending_at if was_canceled else None,
        "cancelled_at": _ended_at(batch, BatchStatus.CANCELLED),
        "request_counts": {
            "total": batch.line_count,
            "completed": counts.completed,
            "failed": counts.failed,
        },
        "metadata": batch.metadata or None,
        "gigarouter": {
            "cost": usd(batch.charged_micro_usd),
            "page": f"{settings.SITE_URL}{reverse('batch', args=[batch.pk])}",
        },
    }


def _file_id(batch: Batch, pk: uuid.UUID | None) -> str | None:
    # A file that is still written cannot be read yet.
    return f"file-{pk.hex}" if pk and not batch.is_open else None


def _ended_at(batch: Batch, status: BatchStatus) -> int | None:
    return _seconds(batch.ended_at) if batch.status == status else None


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


def _create(caller: Caller, raw_body: RawBody[BatchBody], idempotency_key: str) -> Json:
    body, _ = raw_body.parse()
    _check(body)
    kept_for = timedelta(days=settings.BATCH_FILE_DAYS)
    if body.output_expires_after:
        kept_for = timedelta(seconds=body.output_expires_after.seconds)
    new = NewBatch(
        owner=caller.user,
        key=caller.key,
        input_file=_input_file(caller.user, body.input_file_id),
        endpoint=body.endpoint,
        metadata=body.metadata or {},
        idempotency_key=idempotency_key,
        output_kept_for=kept_for,
    )
    try:
        return describe(lifecycle.create(new))
    except BatchRefused as refusal:
        raise _refusal(refusal) from refusal


def _check(body: BatchBody) -> None:
    """Raises Invalid."""
    if body.endpoint not in lines.endpoints():
        names = ", ".join(lines.endpoints())
        raise Invalid(f"`endpoint` must be one of {names}.", param="endpoint")
    pairs = body.metadata or {}
    is_long = any(len(name) > MAX_NAME or len(value) > MAX_VALUE for name, value in pairs.items())
    if len(pairs) > MAX_PAIRS or is_long:
        raise Invalid(
            f"`metadata` may have {MAX_PAIRS} pairs, of a name of {MAX_NAME} characters and a value"
            f" of {MAX_VALUE}.",
            param="metadata",
        )


def _input_file(user: User, file_id: str) -> ApiFile:
    pk = public_ids.read(file_id, "file-")
    own = ApiFile.objects.of(user.pk).complete().filter(purpose=FilePurpose.INPUT)
    file = own.filter(pk=pk).first() if pk else None
    if file is None:
        raise _no_such_file()
    return file


def _no_such_file() -> ApiError:
    return NotFound(
        "There is no such file of yours with `purpose: batch`.",
        code="file_not_found",
        param="input_file_id",
    )


def _refusal(refusal: BatchRefused) -> ApiError:
    match refusal:
        case TooManyBatches():
            return TooMany(
                str(refusal), code=refusal.code, headers={"Retry-After": str(RETRY_AFTER_S)}
            )
        case NotActive():
            return Forbidden(str(refusal), code=refusal.code)
        case KeyReused():
            return IdempotencyKeyReused(str(refusal), code=refusal.code)
    return _no_such_file()


def _page(user: User, limit: int, after: str | None) -> Json:
    own = Batch.objects.of(user.pk)
    if after is not None:
        last = _find(user, after)
        if last is None:
            raise Invalid("`after` must be the id of one of your batches.", param="after")
        own = own.filter(
            Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk)
        )
    page_and_one = list(own.order_by("-created_at", "-pk")[: limit + 1])
    return public_ids.page([describe(batch) for batch in page_and_one], limit)


def _find(user: User, batch_id: str) -> Batch | None:
    pk = public_ids.read(batch_id, "batch_")
    return Batch.objects.of(user.pk).filter(pk=pk).first() if pk else None


def _get(user: User, batch_id: str) -> Batch:
    # The gate: somebody else's batch does not exist.
    batch = _find(user, batch_id)
    if batch is None:
        raise NotFound(
            "There is no such batch; batches are kept for 30 days after their end.",
            code="batch_not_found",
            param="batch_id",
        )
    return batch


def _cancel(user: User, batch_id: str) -> Json:
    batch = _get(user, batch_id)
    is_canceled = lifecycle.cancel(batch)
    current = _get(user, batch_id)
    # A second call is answered like the first: its answer may have been lost.
    if not is_canceled and current.status not in (BatchStatus.CANCELLING, BatchStatus.CANCELLED):
        raise Conflict(
            f"The batch cannot be canceled any more: it is {current.status}.",
            code="batch_already_ended",
            metadata={"status": current.status},
            headers=NO_RETRY,
        )
    return describe(current)
