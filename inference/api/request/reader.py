"""Reading a body: capped, strict, and only after the key was found valid.

raw_body = await reader.read_json(request, EmbeddingsBody)
body, fingerprint = raw_body.parse()  # in a thread: it may be 16 MB
"""

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from django.conf import settings
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from inference.api.errors import Invalid, TooLarge, UnsupportedType
from inference.api.request import strict_json
from inference.api.request_context import context_of

MAX_FILES, MAX_FIELDS = 256, 1100

Body = TypeVar("Body", bound=BaseModel)
# A form as a JSON object would have it, but for its files, which are bytes.
Fields = Mapping[str, Any]


@dataclass
class RawBody(Generic[Body]):
    _parse: Callable[[], tuple[Body, str]] | None

    def parse(self) -> tuple[Body, str]:
        """The checked body, and a fingerprint that a repeated request shares. Raises ApiError."""
        parse, self._parse = self._parse, None  # the bytes, up to 16 MB, are free from here on
        if parse is None:
            raise RuntimeError("parsed before")
        return parse()


async def read_json(request: Request, model: type[Body]) -> RawBody[Body]:
    if media_type(request) != "application/json":
        raise UnsupportedType("Send a JSON body, with `Content-Type: application/json`.")
    return RawBody(partial(_parse_json, await read_bytes(request), model))


async def read_json_or_form(request: Request, model: type[Body]) -> RawBody[Body]:
    if media_type(request) == "multipart/form-data":
        return await _read_form(request, model)
    if media_type(request) == "application/json":
        return await read_json(request, model)
    raise UnsupportedType("Send a JSON body or multipart/form-data, and say which it is.")


def media_type(request: Request) -> str:
    """The stated type without its parameters; "" where the body is packed or is not UTF-8."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        return ""
    stated_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if stated_type.strip() == "application/json" and charset not in {"", "utf-8", "utf8"}:
        return ""
    return stated_type.strip()


async def read_bytes(request: Request) -> bytes:
    """The whole body; raises TooLarge as soon as there is too much of it, and TooMany or
    Unavailable where the memory for bodies is used up.

    BodyTooSlow passes through: config.middleware.body_limit sees to the pace.
    """
    max_bytes = int(settings.API_MAX_BODY_BYTES)
    stated_length = request.headers.get("content-length", "")
    if stated_length.isdecimal() and int(stated_length) > max_bytes:
        raise _too_large()
    share = context_of(request).share
    if share and stated_length.isdecimal():
        share.grow_body_to(int(stated_length))
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > max_bytes:  # chunked, or a false Content-Length
                raise _too_large()
            if share:
                share.grow_body_to(size)
            parts.append(part)
    except ClientDisconnect:
        raise Invalid("The body ended early.") from None
    return b"".join(parts)


def _too_large() -> TooLarge:
    return TooLarge(
        "That request is too large. A picture may have up to 10 MB, all of a request up to"
        f" {settings.API_MAX_BODY_BYTES // 2**20} MB; base64 makes a picture a third larger.",
        headers={"Connection": "close"},
    )


def _parse_json(raw: bytes, model: type[Body]) -> tuple[Body, str]:
    try:
        return validate(strict_json.loads(raw), model), hashlib.sha256(raw).hexdigest()
    except strict_json.InvalidJson as error:
        raise Invalid(str(error), code="invalid_json") from error


def validate(value: Any, model: type[Body]) -> Body:
    # Names the first field that is wrong: clients show one message.
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(str(step) for step in first["loc"])[:200]
        subject = f"`{path}`" if path else "The body"
        raise Invalid(f"{subject}: {first['msg']}.", param=path or None) from error


async def _read_form(request: Request, model: type[Body]) -> RawBody[Body]:
    raw = await read_bytes(request)

    async def stream() -> AsyncGenerator[bytes]:  # the parser takes nothing else
        yield raw

    parser = MultiPartParser(
        request.headers,
        stream(),
        max_files=MAX_FILES,
        max_fields=MAX_FIELDS,
        max_part_size=settings.API_MAX_BODY_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Invalid(f"The form cannot be read: {error}"[:300], code="invalid_form") from error
    try:
        fields = await _fields(form)
    finally:
        await form.close()
    return RawBody(partial(_parse_form, fields, model))


def _parse_form(fields: Fields, model: type[Body]) -> tuple[Body, str]:
    for value in fields.values():
        _check_texts(value)
    # Not of the raw bytes: a client chooses another boundary between its parts each time.
    return validate(fields, model), _fingerprint(fields)


def _fingerprint(fields: Fields) -> str:
    """SHA-256 of names and values, each behind its length, so that no two forms read the same."""
    digest = hashlib.sha256()
    for name in sorted(fields):
        values = fields[name] if isinstance(fields[name], list) else [fields[name]]
        for value in [name, str(len(values)), *values]:
            # A file is not the field that holds the same bytes as text.
            kind, data = (b"f", value) if isinstance(value, bytes) else (b"t", value.encode())
            digest.update(b"%s%d:" % (kind, len(data)))
            digest.update(data)
    return digest.hexdigest()


async def _fields(form: FormData) -> dict[str, Any]:
    # A name that is sent once is its value, one that is sent again is a list.
    fields: dict[str, Any] = {}
    for name in form:
        values = [await _value(part) for part in form.getlist(name)]
        fields[name] = values[0] if len(values) == 1 else values
    return fields


async def _value(part: UploadFile | str) -> bytes | str:
    return await part.read() if isinstance(part, UploadFile) else part


def _check_texts(value: Any) -> None:
    # A form may state a charset that decodes to anything.
    try:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                strict_json.check_text(item)
    except strict_json.InvalidJson as error:
        raise Invalid(str(error), code="invalid_form") from error
