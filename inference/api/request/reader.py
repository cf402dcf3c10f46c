"""Reading what was sent: capped, timed, strict, and only after the key was found good.

raw_body = await reader.json_of(request, EmbeddingsBody)
body, fingerprint = raw_body.parse()  # in a thread: it may be 16 MB
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from django.conf import settings
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from inference.api.errors import Invalid, Slow, TooLarge, UnsupportedType
from inference.api.request import strict_json

BODY_S = 30
MAX_FILES, MAX_FIELDS = 256, 1100

Body = TypeVar("Body", bound=BaseModel)
# A JSON object, or a form told as one: its files are bytes.
Fields = Mapping[str, Any]


@dataclass
class RawBody(Generic[Body]):
    """A body that has come whole, to be parsed once: then its bytes are let go."""

    _parse: Callable[[], tuple[Body, str]] | None

    def parse(self) -> tuple[Body, str]:
        """The checked body, and a fingerprint by which a repetition is known. Raises ApiError."""
        parse, self._parse = self._parse, None
        if parse is None:
            raise RuntimeError("parsed before")
        return parse()


async def json_of(request: Request, wanted: type[Body]) -> RawBody[Body]:
    """Read a JSON body; raises ApiError."""
    if media_type(request) != "application/json":
        raise UnsupportedType("Send a JSON body, with `Content-Type: application/json`.")
    return RawBody(partial(_parse, await read(request), wanted))


async def json_or_form_of(request: Request, wanted: type[Body]) -> RawBody[Body]:
    """The same, where a form with files is taken, too."""
    if media_type(request) == "multipart/form-data":
        return await _form_of(request, wanted)
    if media_type(request) == "application/json":
        return await json_of(request, wanted)
    raise UnsupportedType("Send a JSON body or multipart/form-data, and say which it is.")


def media_type(request: Request) -> str:
    """The stated type without its parameters; "" where the body is packed or is not UTF-8."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        return ""
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if kind.strip() == "application/json" and charset not in {"", "utf-8", "utf8"}:
        return ""
    return kind.strip()


async def read(request: Request) -> bytes:
    """The whole body; raises TooLarge as soon as there is too much of it, and Slow."""
    most = int(settings.API_MAX_BODY_BYTES)
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > most:
        raise _too_large()
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _too_large()
                parts.append(part)
    except TimeoutError:
        raise Slow(
            f"The body did not arrive within {BODY_S} seconds.", headers={"Connection": "close"}
        ) from None
    except ClientDisconnect:
        raise Invalid("The body ended early.") from None
    return b"".join(parts)


def _too_large() -> TooLarge:
    return TooLarge(
        "That request is too large. A picture may have up to 10 MB, all of a request up to"
        f" {settings.API_MAX_BODY_BYTES // 2**20} MB; base64 makes a picture a third larger.",
        headers={"Connection": "close"},
    )


def _parse(raw: bytes, wanted: type[Body]) -> tuple[Body, str]:
    try:
        return checked(strict_json.loads(raw), wanted), hashlib.sha256(raw).hexdigest()
    except strict_json.Refused as error:
        raise Invalid(str(error), code="invalid_json") from error


def checked(found: Any, wanted: type[Body]) -> Body:
    """Raises Invalid, which names the first field that is wrong."""
    try:
        return wanted.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])[:200]
        where = f"`{place}`: " if place else "The body: "
        raise Invalid(f"{where}{first['msg']}.", param=place or None) from error


async def _form_of(request: Request, wanted: type[Body]) -> RawBody[Body]:
    raw = await read(request)

    async def whole() -> Any:  # an async generator, as the parser wants it
        yield raw

    parser = MultiPartParser(
        request.headers,
        whole(),
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
    return RawBody(partial(_parse_form, fields, wanted))


def _parse_form(fields: Fields, wanted: type[Body]) -> tuple[Body, str]:
    for each in fields.values():
        _check_texts(each)
    return checked(fields, wanted), hashlib.sha256(
        repr(sorted(fields.items())).encode()
    ).hexdigest()


async def _fields(form: FormData) -> dict[str, Any]:
    """A name that is sent once is its value, one that is sent again is a list."""
    found: dict[str, Any] = {}
    for name in form:
        values = [await _value(each) for each in form.getlist(name)]
        found[name] = values[0] if len(values) == 1 else values
    return found


async def _value(each: UploadFile | str) -> bytes | str:
    return await each.read() if isinstance(each, UploadFile) else each


def _check_texts(value: Any) -> None:
    """A form may state a charset that decodes to anything."""
    try:
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                strict_json.check_text(each)
    except strict_json.Refused as error:
        raise Invalid(str(error), code="invalid_form") from error
