"""Receiving a file: written to disk as it comes, and never whole in memory."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

from django.conf import settings
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from inference.api.errors import Invalid, TooLarge, UnsupportedType
from inference.api.request import reader, strict_json
from inference.batches import files

MAX_FIELDS = 8
MAX_FIELD_BYTES = 1024
MAX_NAME = 255
# What the form takes beside the file.
FORM_BYTES = 64 * 1024
SECONDS = re.compile(r"\d{1,8}")
SHORTEST_S, LONGEST_S = 3600, 30 * 24 * 3600


@dataclass(frozen=True)
class Upload:
    """`content` stands at its beginning, and is gone when the form is closed."""

    name: str
    content: BinaryIO
    kept_for: timedelta


@asynccontextmanager
async def received(request: Request) -> AsyncGenerator[Upload]:
    """The checked form; raises ApiError."""
    if reader.media_type(request) != "multipart/form-data":
        raise UnsupportedType("Send the file as multipart/form-data.")
    stated_length = request.headers.get("content-length", "")
    if stated_length.isdecimal() and int(stated_length) > settings.BATCH_FILE_BYTES + FORM_BYTES:
        raise _too_large()
    parser = MultiPartParser(
        request.headers,
        _capped(request),
        max_files=1,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except ClientDisconnect:
        raise Invalid("The body ended early.") from None
    except (MultiPartException, KeyError, ValueError) as error:
        raise Invalid(f"The form cannot be read: {error}"[:300], code="invalid_form") from error
    try:
        yield _checked(form)
    finally:
        await form.close()


async def _capped(request: Request) -> AsyncGenerator[bytes]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > settings.BATCH_FILE_BYTES + FORM_BYTES:
            raise _too_large()
        yield part


def _too_large() -> TooLarge:
    refusal = files.too_large()
    return TooLarge(str(refusal), code=refusal.code, headers={"Connection": "close"})


def _checked(form: FormData) -> Upload:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Invalid("`file` must be a file.", param="file")
    if form.get("purpose") != "batch":
        raise Invalid("`purpose` must be `batch`: other files are of no use here.", param="purpose")
    name = file.filename or "batch.jsonl"
    try:
        strict_json.check_text(name)
    except strict_json.InvalidJson as error:
        raise Invalid(str(error), param="file") from error
    return Upload(name[-MAX_NAME:], file.file, _kept_for(form))


def _kept_for(form: FormData) -> timedelta:
    anchor, seconds = form.get("expires_after[anchor]"), form.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return timedelta(days=settings.BATCH_FILE_DAYS)
    if anchor != "created_at":
        raise Invalid("`expires_after[anchor]` must be `created_at`.", param="expires_after")
    number = int(seconds) if isinstance(seconds, str) and SECONDS.fullmatch(seconds) else 0
    if not SHORTEST_S <= number <= LONGEST_S:
        raise Invalid(
            f"`expires_after[seconds]` must be from {SHORTEST_S} to {LONGEST_S}.",
            param="expires_after",
        )
    return timedelta(seconds=number)
