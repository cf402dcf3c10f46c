"""/v1/files: upload, list, retrieve, download and delete files."""

from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import Q
from fastapi import APIRouter, Path, Query, Request, Response
from starlette.responses import JSONResponse, StreamingResponse

from accounts.models import User
from catalog.infrastructure import storage
from inference.api import openapi
from inference.api.auth import AnyCaller, Caller, SubmittingCaller
from inference.api.batches import public_ids, upload
from inference.api.batches.schemas import LINE, UPLOAD, DeletedFile, FileList, FileObject
from inference.api.errors import NO_RETRY, Conflict, Invalid, NotFound, TooLarge, Unavailable
from inference.api.request_context import context_of
from inference.api.threads import in_thread
from inference.batches import files
from inference.batches.files import FileRefused
from inference.models import ApiFile, FilePurpose

router = APIRouter(tags=["files"])
FileId = Annotated[str, Path(description="A file's id: `file-...`.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="Most files on a page.")]
After = Annotated[str | None, Query(description="The `last_id` of the page before.", max_length=64)]
Order = Literal["asc", "desc"]

CONTENT = {
    "description": "The file as it is.",
    "content": {"application/jsonl": {"schema": {"type": "string"}, "example": LINE}},
    "headers": openapi.headers_of(200),
}
# Any: JSON's own types.
Json = dict[str, Any]
RETRY_AFTER_S = 5


@router.post(
    "/v1/files",
    summary="Upload a file",
    responses=openapi.answers(FileObject, bad_input=True) | openapi.errors(408, 413, 415),
    openapi_extra=UPLOAD,
)
async def upload_file(request: Request, caller: SubmittingCaller) -> Response:
    """Keeps a file of JSON lines as the input of a batch."""
    share = context_of(request).share
    # One after the other: what is on its way stands on this machine's disk.
    async with share.uploads if share else nullcontext(), upload.received(request) as received:
        return JSONResponse(await in_thread(_store, caller, received))


@router.get("/v1/files", summary="List files", responses=openapi.answers(FileList, bad_input=True))
async def list_files(
    caller: AnyCaller,
    limit: Limit = 10_000,
    after: After = None,
    order: Order = "desc",
    purpose: Annotated[str | None, Query(max_length=20)] = None,
) -> Response:
    """Your files, the latest first."""
    return JSONResponse(await in_thread(_page, caller.user, limit, after, order, purpose))


@router.get(
    "/v1/files/{file_id}",
    summary="Retrieve a file",
    responses=openapi.answers(FileObject, not_found=True, noun="file"),
)
async def retrieve_file(caller: AnyCaller, file_id: FileId) -> Response:
    """What is known of the file, without its content."""
    return JSONResponse(await in_thread(lambda: describe(_get(caller.user, file_id))))


@router.get(
    "/v1/files/{file_id}/content",
    summary="Download a file",
    response_class=StreamingResponse,
    responses=openapi.errors(*openapi.ALWAYS, 404, noun="file") | {200: CONTENT},
)
async def download_file(caller: AnyCaller, file_id: FileId) -> Response:
    """The content of the file."""
    file, names = await in_thread(_open, caller.user, file_id)
    headers = {"Content-Length": str(file.size_bytes)}
    return StreamingResponse(_content(names), headers=headers, media_type="application/jsonl")


@router.delete(
    "/v1/files/{file_id}",
    summary="Delete a file",
    responses=openapi.answers(DeletedFile, not_found=True, noun="file") | openapi.errors(409),
)
async def delete_file(caller: AnyCaller, file_id: FileId) -> Response:
    """Deletes the file at once, unless a batch still reads it."""
    return JSONResponse(await in_thread(_delete, caller.user, file_id))


def describe(file: ApiFile) -> Json:
    return {
        "id": file.public_id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": _seconds(file.created_at),
        "expires_at": _seconds(file.expires_at),
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _store(caller: Caller, received: upload.Upload) -> Json:
    try:
        file = files.store(
            caller.user,
            name=received.name,
            content=received.content,
            kept_for=received.kept_for,
        )
    except FileRefused as refusal:
        error = TooLarge if refusal.code == "file_too_large" else Invalid
        raise error(str(refusal), code=refusal.code, param="file") from refusal
    except storage.StorageUnavailable as outage:
        raise Unavailable(
            "The storage of files does not answer. Please try again.", retry_after_s=RETRY_AFTER_S
        ) from outage
    return describe(file)


def _page(user: User, limit: int, after: str | None, order: Order, purpose: str | None) -> Json:
    own = ApiFile.objects.of(user.pk).complete()
    if purpose is not None:
        own = own.filter(purpose=purpose) if purpose in FilePurpose.values else own.none()
    is_descending = order == "desc"
    if after is not None:
        last = _find(user, after)
        if last is None:
            raise Invalid("`after` must be the id of one of your files.", param="after")
        earlier = Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk)
        later = Q(created_at__gt=last.created_at) | Q(created_at=last.created_at, pk__gt=last.pk)
        own = own.filter(earlier if is_descending else later)
    ordering = ("-created_at", "-pk") if is_descending else ("created_at", "pk")
    page_and_one = list(own.order_by(*ordering)[: limit + 1])
    return public_ids.page([describe(file) for file in page_and_one], limit)


def _find(user: User, file_id: str) -> ApiFile | None:
    pk = public_ids.read(file_id, "file-")
    return ApiFile.objects.of(user.pk).complete().filter(pk=pk).first() if pk else None


def _get(user: User, file_id: str) -> ApiFile:
    # The gate: somebody else's file does not exist.
    file = _find(user, file_id)
    if file is None:
        raise NotFound(
            "There is no such file; files are deleted at their `expires_at`.",
            code="file_not_found",
            param="file_id",
        )
    return file


def _open(user: User, file_id: str) -> tuple[ApiFile, list[str]]:
    file = _get(user, file_id)
    return file, files.chunk_names(file)


async def _content(names: Sequence[str]) -> AsyncIterator[bytes]:
    for name in names:
        yield await in_thread(storage.read, name)


def _delete(user: User, file_id: str) -> Json:
    file = _get(user, file_id)
    if not files.delete(ApiFile.objects.of(user.pk).filter(pk=file.pk)):
        raise Conflict(
            "A batch reads this file. Cancel the batch, or wait for its end.",
            code="file_in_use",
            headers=NO_RETRY,
        )
    return {"id": file.public_id, "object": "file", "deleted": True}
