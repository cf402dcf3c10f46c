"""Every way in which clients send texts and pictures, read into one list.

"a cat"                                                          a text (OpenAI)
{"content": [{"type": "image_url", "image_url": {"url": "..."}}]}  blocks (OpenRouter)
{"text": "a cat"}, {"image": "https, data URL or base64"}        Jina
"https://..." beside "modality": "image"                         infinity
{"messages": [{"role": "user", "content": [...]}]}               vLLM: one vector
bytes                                                            a form's file
"""

import base64
import binascii
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference import images
from inference.api.errors import Invalid, TooLarge
from inference.images import Picture
from inference.outbound import fetch_queue
from inference.outbound.errors import ImageUrlRefused, TooManyUrls
from inference.playground import labels

MOST = 256
MAX_CHARACTERS = 8192
PICTURE_KEYS = ("image", "image_url", "image_base64", "input_image")


@dataclass(frozen=True)
class Url:
    """Where a picture lies."""

    address: str


@dataclass(frozen=True)
class Sent:
    """An input as it was read: a text, a picture's bytes, or where a picture lies."""

    what: str | bytes | Url
    param: str


def read(given: Any, *, are_pictures: bool, param: str = "input") -> list[Sent]:
    """The inputs in order; bare strings are texts unless `are_pictures`. Raises Invalid."""
    items = given if isinstance(given, list) else [given]
    if not items:
        raise Invalid("There is nothing to work on: the list is empty.", param=param)
    if isinstance(items[0], int | float | list):
        raise _unsupported("Lists of tokens are not supported: send the text itself.", param)
    if len(items) > MOST:
        raise Invalid(
            f"{len(items):,} inputs are more than the {MOST} of one request.", param=param
        )
    is_list = isinstance(given, list)
    return [
        _sent(item, f"{param}[{place}]" if is_list else param, are_pictures=are_pictures)
        for place, item in enumerate(items)
    ]


def read_messages(messages: Any) -> list[Sent]:
    """The one part of all messages, as vLLM takes them: there is one vector for it."""
    if not isinstance(messages, list):
        raise Invalid("`messages` must be a list.", param="messages")
    parts: list[Any] = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        parts += content if isinstance(content, list) else [content]
    return [_only(parts, "messages")]


def _sent(item: Any, param: str, *, are_pictures: bool) -> Sent:
    match item:
        case bytes():
            return Sent(item, param)
        case str():
            return _picture(item, param) if are_pictures else _text(item, param)
        case {"content": list() as parts}:
            return _only(parts, f"{param}.content")
        case {"content": part}:
            return _only([part], f"{param}.content")
        case dict():
            return _part(item, param)
    raise Invalid("An input is a text, or an object with a text or a picture.", param=param)


def _only(parts: Sequence[Any], param: str) -> Sent:
    if not parts:
        raise Invalid("There is nothing to work on: the list is empty.", param=param)
    if len(parts) > 1:
        raise _unsupported(
            "Each input gives one vector, of one text or one picture: these models have none for"
            " several together. Send them as inputs of their own.",
            param,
        )
    part = parts[0]
    if isinstance(part, str):
        return _text(part, param)
    if not isinstance(part, dict):
        raise Invalid("A part is a text, or an object with a text or a picture.", param=param)
    return _part(part, f"{param}[0]")


def _part(part: Mapping[str, Any], param: str) -> Sent:
    """{"text": ...}, {"image": ...}, {"type": "image_url", "image_url": {"url": ...}}."""
    named = [key for key in PICTURE_KEYS if part.get(key) is not None]
    has_text = part.get("text") is not None
    if has_text and named:
        raise _unsupported(
            "An input with a text and a picture has no single vector: send two inputs.", param
        )
    if has_text:
        return _text(part["text"], f"{param}.text")
    if not named:
        raise _unsupported("An input is a text or a picture; this one names neither.", param)
    found = part[named[0]]
    if isinstance(found, dict):
        found = found.get("url")
    return _picture(found, f"{param}.{named[0]}")


def _text(text: Any, param: str) -> Sent:
    if not isinstance(text, str):
        raise Invalid("A text must be a string.", param=param)
    if len(text) > MAX_CHARACTERS:
        raise Invalid(
            f"A text of {len(text):,} characters is longer than the {MAX_CHARACTERS:,} allowed.",
            param=param,
        )
    composed = unicodedata.normalize("NFC", text)
    if not labels.clean(composed):
        raise Invalid("A text must not be empty.", param=param)
    return Sent(composed, param)


def _picture(found: Any, param: str) -> Sent:
    """A file of a form, an address, a data URL, or plain base64."""
    if isinstance(found, bytes):
        return Sent(found, param)
    if not isinstance(found, str) or not found.strip():
        raise Invalid("A picture is an https URL, a data URL, or base64.", param=param)
    if found[:8].lower().startswith(("https://", "http://")):
        return Sent(Url(found), param)
    if found[:5].lower() != "data:":
        return Sent(_decoded(found, param), param)
    head, comma, data = found.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise _bad_picture("That data URL is not `data:image/...;base64,...`.", param)
    return Sent(_decoded(data, param), param)


def _decoded(text: str, param: str) -> bytes:
    """Line breaks are common in base64, and mean nothing."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad_picture(
            "That picture is neither an https URL, nor a data URL, nor base64.", param
        ) from error


async def fetched(sent: Sequence[Sent]) -> list[Sent]:
    """The same with the bytes of what lay elsewhere; a worker fetches them. Raises Invalid."""
    urls = [each.what.address for each in sent if isinstance(each.what, Url)]
    try:
        found = iter(await fetch_queue.fetch(urls))
    except TooManyUrls as error:
        raise Invalid(str(error), code="too_many_image_urls", param="input") from error
    except ImageUrlRefused as error:
        raise Invalid(str(error), code=error.code, param="input") from error
    return [Sent(next(found), each.param) if isinstance(each.what, Url) else each for each in sent]


def checked(sent: Sequence[Sent]) -> list[Picture | str]:
    """What jobs.submit takes: pictures checked by their header. Raises ApiError.

    What lies elsewhere has been fetched by now.
    """
    return [_checked(each) for each in sent]


def _checked(each: Sent) -> Picture | str:
    if isinstance(each.what, str):
        return each.what
    assert isinstance(each.what, bytes)  # noqa: S101  fetched() has left nothing else
    if len(each.what) > images.MAX_BYTES:
        raise TooLarge(images.TOO_MANY_BYTES, code="image_too_large", param=each.param)
    try:
        return images.check(each.what)
    except images.PictureRefused as error:
        raise _bad_picture(str(error), each.param) from error


def _bad_picture(message: str, param: str) -> Invalid:
    return Invalid(message, code="invalid_image", param=param)


def _unsupported(message: str, param: str) -> Invalid:
    return Invalid(message, code="unsupported_input", param=param)
