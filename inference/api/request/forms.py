"""multipart/form-data as the JSON that it stands for; its files are images.

    model=..., labels=a cat, labels=a dog, image=<file>, image=<file>

A part is a file if it has a file's name, or if its bytes are no text: some clients send a buffer
without a name.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from django.conf import settings
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from inference.api.errors import Invalid
from inference.api.request import strict_json
from inference.kinds.fields.inputs import MAX_IMAGES, MAX_INPUTS
from inference.kinds.fields.labels import MAX_LABELS
from inference.kinds.fields.schema import Body

MAX_FIELDS = MAX_INPUTS + MAX_LABELS + 100
# By any of these names a part is an image: a file, or its URL or base64.
IMAGE_NAMES = {"image", "images", "file", "files"}

# One part: its name, and its text or a file's bytes.
Part = tuple[str, str | bytes]


class _Parser(MultiPartParser):
    """Leaves the bytes of a part without a file's name as they are."""

    def on_part_end(self) -> None:
        part = self._current_part
        if part.file is not None:
            super().on_part_end()
        else:
            self.items.append((part.field_name, bytes(part.data)))  # type: ignore[arg-type]


async def read(raw: bytes, headers: Headers) -> list[Part]:
    """All parts in order; raises Invalid."""

    async def stream() -> AsyncGenerator[bytes]:  # the parser takes nothing else
        yield raw

    parser = _Parser(
        headers,
        stream(),
        max_files=MAX_IMAGES,
        max_fields=MAX_FIELDS,
        max_part_size=settings.API_MAX_BODY_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Invalid(f"The form cannot be read: {error}"[:300], code="invalid_form") from error
    try:
        return [(name, await _value(value)) for name, value in form.multi_items()]
    finally:
        await form.close()


async def _value(part: UploadFile | str | bytes) -> str | bytes:
    if isinstance(part, UploadFile):
        return await part.read()
    assert isinstance(part, bytes)  # noqa: S101  our parser leaves no other
    try:
        text = part.decode()
    except UnicodeDecodeError:
        return part
    return part if "\0" in text else text


def fields_of(parts: Sequence[Part], model: type[Body]) -> dict[str, Any]:
    """As JSON would have them, for `model`; raises Invalid."""
    fields: dict[str, list[Any]] = defaultdict(list)
    lists = set()
    for written_name, value in parts:
        name = written_name.removesuffix("[]")  # how PHP and axios write a list
        if isinstance(value, str):
            _check_text(value)
        if model.form_inputs and name in IMAGE_NAMES | {model.form_inputs}:
            fields[model.form_inputs].append(_input(name, value))
            lists.add(model.form_inputs)
            continue
        fields[name].append(value if name in model.model_fields else _scalar(value))
        if name != written_name:
            lists.add(name)
    return {
        name: values if name in lists or len(values) > 1 else values[0]
        for name, values in fields.items()
    }


def _input(name: str, value: str | bytes) -> Any:
    return {"image": value} if isinstance(value, str) and name in IMAGE_NAMES else value


def _scalar(value: str | bytes) -> Any:
    # `normalized=true`: options of other services are compared with values of JSON.
    try:
        scalar = json.loads(value[:20])
    except ValueError:
        return value
    return scalar if isinstance(scalar, bool | int | None) else value


def _check_text(text: str) -> None:
    try:
        strict_json.check_text(text)
    except strict_json.InvalidJson as error:
        raise Invalid(str(error), code="invalid_form") from error


def fingerprint(parts: Sequence[Part]) -> str:
    """SHA-256 of names and values, each behind its length, so that no two forms read the same.

    Not of the raw bytes: a client chooses another boundary between its parts each time.
    """
    digest = hashlib.sha256()
    for name, value in parts:
        # A file is not the field that holds the same bytes as text.
        kind, data = (b"f", value) if isinstance(value, bytes) else (b"t", value.encode())
        digest.update(b"n%d:" % len(name.encode()))
        digest.update(name.encode())
        digest.update(b"%s%d:" % (kind, len(data)))
        digest.update(data)
    return digest.hexdigest()
