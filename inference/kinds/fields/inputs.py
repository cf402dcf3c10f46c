"""Every way in which clients send texts and images, read into one list.

"a cat"                                                          a text (OpenAI)
"data:image/png;base64,..."                                      an image (Vercel's ai, Cohere)
{"content": [{"type": "image_url", "image_url": {"url": "..."}}]}  blocks (OpenRouter)
{"text": "a cat"}, {"image": "https, data URL or base64"}        Jina
"https://..." beside "modality": "image"                         infinity
{"messages": [{"role": "user", "content": [...]}]}               vLLM: one vector
bytes                                                            a form's file
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference import images
from inference.images import ImageFile
from inference.kinds.errors import FieldError, ImageTooLarge
from inference.kinds.fields import texts
from inference.models import Input
from inference.outbound import fetch_queue
from inference.outbound.errors import ImageUrlRefused, TooManyUrls

MAX_INPUTS = 256
MAX_CHARACTERS = 8192
# Of Jina, OpenAI, Voyage, and of the type names of OpenAI's Responses.
IMAGE_KEYS = ("image", "image_url", "image_base64", "input_image")


@dataclass(frozen=True)
class Url:
    address: str


@dataclass(frozen=True)
class ParsedInput:
    """A text, an image's bytes, or where an image lies; `param` names it in errors."""

    content: str | bytes | Url
    param: str


def read(value: Any, *, are_images: bool, param: str = "input") -> list[ParsedInput]:
    """The inputs in order; bare strings are texts unless `are_images`. Raises FieldError."""
    items = value if isinstance(value, list) else [value]
    _check_items(items, param)
    is_list = isinstance(value, list)
    return [
        _item(item, f"{param}[{index}]" if is_list else param, are_images=are_images)
        for index, item in enumerate(items)
    ]


def read_one(value: Any, *, param: str) -> ParsedInput:
    """A single input; a bare string is a text, or a picture's data URL. Raises FieldError."""
    if isinstance(value, list):
        raise FieldError("Send one text or one picture here, not a list.", param=param)
    return _item(value, param, are_images=False)


def _check_items(items: Sequence[Any], param: str) -> None:
    if not items:
        raise FieldError("There is nothing to work on: the list is empty.", param=param)
    # Some of OpenAI's clients tokenize by themselves, with tokens that these models do not have.
    if isinstance(items[0], int | float | list):
        raise _unsupported("Lists of tokens are not supported: send the text itself.", param)
    if len(items) > MAX_INPUTS:
        raise FieldError(
            f"{len(items):,} inputs are more than the {MAX_INPUTS} of one request.", param=param
        )


def read_messages(messages: Any) -> list[ParsedInput]:
    """The one part of all messages, as vLLM takes them: there is one vector for it."""
    if not isinstance(messages, list):
        raise FieldError("`messages` must be a list.", param="messages")
    parts: list[Any] = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        parts += content if isinstance(content, list) else [content]
    return [_only(parts, "messages")]


def _item(item: Any, param: str, *, are_images: bool) -> ParsedInput:
    match item:
        case bytes():
            return ParsedInput(item, param)
        case str():
            is_image = are_images or is_data_url(item)
            return _image(item, param) if is_image else _text(item, param)
        case {"content": list() as parts}:
            return _only(parts, f"{param}.content")
        case {"content": part}:
            return _only([part], f"{param}.content")
        case dict():
            return _part(item, param)
    raise FieldError("An input is a text, or an object with a text or a picture.", param=param)


def is_data_url(text: str) -> bool:
    """Nobody means such a text: it is how browsers and many clients write a picture."""
    return text[:11].lower() == "data:image/"


def _only(parts: Sequence[Any], param: str) -> ParsedInput:
    if not parts:
        raise FieldError("There is nothing to work on: the list is empty.", param=param)
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
        raise FieldError("A part is a text, or an object with a text or a picture.", param=param)
    return _part(part, f"{param}[0]")


def _part(part: Mapping[str, Any], param: str) -> ParsedInput:
    # {"text": ...}, {"image": ...}, {"type": "image_url", "image_url": {"url": ...}}
    image_keys = [key for key in IMAGE_KEYS if part.get(key) is not None]
    has_text = part.get("text") is not None
    if has_text and image_keys:
        raise _unsupported(
            "An input with a text and a picture has no single vector: send two inputs.", param
        )
    if has_text:
        return _text(part["text"], f"{param}.text")
    if not image_keys:
        raise _unsupported("An input is a text or a picture; this one names neither.", param)
    image = part[image_keys[0]]
    # OpenAI nests the address, and has a `detail` beside it that means nothing here.
    if isinstance(image, dict):
        image = image.get("url")
    return _image(image, f"{param}.{image_keys[0]}")


def _text(text: Any, param: str) -> ParsedInput:
    if not isinstance(text, str):
        raise FieldError("A text must be a string.", param=param)
    if len(text) > MAX_CHARACTERS:
        raise FieldError(
            f"A text of {len(text):,} characters is longer than the {MAX_CHARACTERS:,} allowed.",
            param=param,
        )
    texts.check(text, name="A text", param=param)
    return ParsedInput(text, param)


def _image(image: Any, param: str) -> ParsedInput:
    if isinstance(image, bytes):
        return ParsedInput(image, param)
    if not isinstance(image, str) or not image.strip():
        raise FieldError("A picture is an https URL, a data URL, or base64.", param=param)
    # Schemes may have capitals (RFC 3986). Only the beginning is lowered: there may be 10 MB.
    if image[:8].lower().startswith(("https://", "http://")):
        return ParsedInput(Url(image), param)
    if image[:5].lower() != "data:":
        return ParsedInput(_decoded(image, param), param)
    head, comma, data = image.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise _bad_image("That data URL is not `data:image/...;base64,...`.", param)
    return ParsedInput(_decoded(data, param), param)


def _decoded(text: str, param: str) -> bytes:
    # Line breaks are common in base64, and mean nothing.
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad_image(
            "That picture is neither an https URL, nor a data URL, nor base64.", param
        ) from error


def image_size(image: Input) -> str:
    return f"{image['width']}×{image['height']} px"


async def fetch(items: Sequence[ParsedInput]) -> list[ParsedInput]:
    """The same with the bytes behind URLs; a worker fetches them. Raises FieldError."""
    urls = [item.content.address for item in items if isinstance(item.content, Url)]
    params = [item.param for item in items if isinstance(item.content, Url)]
    try:
        images = iter(await fetch_queue.fetch(urls))
    except TooManyUrls as error:
        raise FieldError(str(error), code="too_many_image_urls", param=_field(items)) from error
    except ImageUrlRefused as error:
        param = _field(items) if error.index is None else params[error.index]
        raise FieldError(str(error), code=error.code, param=param) from error
    return [
        ParsedInput(next(images), item.param) if isinstance(item.content, Url) else item
        for item in items
    ]


def check(items: Sequence[ParsedInput]) -> list[ImageFile | str]:
    """Texts, and images checked by their header; none is a URL any more. Raises FieldError."""
    checked = [_checked(item) for item in items]
    pixels = sum(item.pixels for item in checked if isinstance(item, ImageFile))
    if pixels > images.MAX_REQUEST_PIXELS:
        raise FieldError(
            f"These pictures have {pixels / 1e6:,.0f} megapixels together; one request may have"
            f" {images.MAX_REQUEST_PIXELS // 10**6}. Send smaller copies, or fewer at once.",
            code="too_many_pixels",
            param=_field(items),
        )
    return checked


def _field(items: Sequence[ParsedInput]) -> str:
    """What an error about all of them names: the list that the last one is in."""
    return re.split(r"[.\[]", items[-1].param, maxsplit=1)[0]


def _checked(item: ParsedInput) -> ImageFile | str:
    if isinstance(item.content, str):
        return item.content
    assert isinstance(item.content, bytes)  # noqa: S101  `fetch` has left nothing else
    if len(item.content) > images.MAX_BYTES:
        raise ImageTooLarge(images.TOO_MANY_BYTES, code="image_too_large", param=item.param)
    try:
        return images.check(item.content)
    except images.InvalidImage as error:
        raise _bad_image(str(error), item.param) from error


def _bad_image(message: str, param: str) -> FieldError:
    return FieldError(message, code="invalid_image", param=param)


def _unsupported(message: str, param: str) -> FieldError:
    return FieldError(message, code="unsupported_input", param=param)
