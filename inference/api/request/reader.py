"""Reading a body: capped, strict, and only after the key was found valid.

raw_body = await reader.read(request, EmbeddingsBody)
body, fingerprint = raw_body.parse()  # in a thread: it may be 16 MB
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from django.conf import settings
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from inference.api.errors import Invalid, TooLarge, UnsupportedType
from inference.api.request import forms, strict_json
from inference.api.request_context import context_of
from inference.api.threads import in_thread
from inference.kinds.fields import schema

JSON, FORM = "application/json", "multipart/form-data"
_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json")
_GZIP = 16 + zlib.MAX_WBITS  # zlib's sign for gzip's header

Body = TypeVar("Body", bound=schema.Body)
Model = TypeVar("Model", bound=BaseModel)


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
    """Raises ApiError, as `read` does."""
    if media_type(request) != JSON:
        raise UnsupportedType("Send a JSON body, with `Content-Type: application/json`.")
    return RawBody(partial(_parse_json, await read_bytes(request), model))


async def read(request: Request, model: type[Body]) -> RawBody[Body]:
    """A body of JSON, or the form that stands for it; raises ApiError."""
    if media_type(request) == FORM:
        parts = await forms.read(await read_bytes(request), request.headers)
        return RawBody(partial(_parse_form, parts, model))
    if media_type(request) == JSON:
        return await read_json(request, model)
    raise UnsupportedType(
        "Send a JSON body with `Content-Type: application/json`, or multipart/form-data."
    )


def media_type(request: Request) -> str:
    """JSON, FORM, or what else is stated; "" for JSON that is not UTF-8."""
    stated, parameters = parse_options_header(request.headers.get("content-type", ""))
    name = stated.decode("latin-1").lower()
    if not _JSON.fullmatch(name):
        return name
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1").lower()
    return JSON if charset in {"", "utf-8", "utf8", "us-ascii"} else ""


async def read_bytes(request: Request) -> bytes:
    """The whole body, unpacked; raises ApiError."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise UnsupportedType(
            f"Content-Encoding {encoding[:40]} is not read here: send gzip, or leave it out.",
            code="unsupported_content_encoding",
        )
    raw = await _read_raw(request)
    if encoding == "identity":
        return raw
    raw = await in_thread(_unpack, raw)
    if share := context_of(request).share:
        share.grow_body_to(len(raw))
    return raw


def _unpack(packed: bytes) -> bytes:
    """Of what unpacks to more than a body may have, only so much is unpacked."""
    max_bytes = int(settings.API_MAX_BODY_BYTES)
    stream = zlib.decompressobj(_GZIP)
    try:
        raw = stream.decompress(packed, max_bytes + 1)
    except zlib.error as error:
        raise Invalid("The body is not gzip, though its header says so.") from error
    if len(raw) > max_bytes:
        raise _too_large()
    if not stream.eof or stream.unused_data:
        raise Invalid("The body is not one whole gzip file.")
    return raw


async def _read_raw(request: Request) -> bytes:
    """The whole body as it came; raises TooLarge as soon as there is too much of it, and TooMany or
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


def validate(value: Any, model: type[Model], *, strict: bool | None = None) -> Model:
    # Names the first field that is wrong: clients show one message.
    try:
        return model.model_validate(value, strict=strict)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = _written(first["loc"])[:200]
        subject = f"`{path}`" if path else "The body"
        raise Invalid(f"{subject}: {first['msg']}.", param=path or None) from error


def _written(path: Sequence[int | str]) -> str:
    """As a program writes it.

    >>> _written(("input", 5, "image"))
    'input[5].image'
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _parse_form(parts: Sequence[forms.Part], model: type[Body]) -> tuple[Body, str]:
    # A form has nothing but texts: "true" and "5" are what they look like.
    fields = forms.fields_of(parts, model)
    return validate(fields, model, strict=False), forms.fingerprint(parts)
