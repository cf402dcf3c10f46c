"""Every way in which clients send texts and images, read into one list.

"a cat"                                                          a text (OpenAI)
[9354, 5141]                                                     a text's tokens (LangChain)
"data:image/png;base64,..."                                      an image (Vercel's ai, Cohere)
{"content": [{"type": "image_url", "image_url": {"url": "..."}}]}  blocks (OpenRouter)
{"text": "a cat"}, {"image": "https, data URL or base64"}        Jina
"https://..." beside "modality": "image"                         infinity
{"messages": [{"role": "user", "content": [...]}]}               vLLM: one vector
bytes                                                            a form's file
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inference import images
from inference.images import ImageFile
from inference.jobs import UnusableInput
from inference.kinds.errors import FieldError, ImageTooLarge
from inference.kinds.fields import image_strings, texts, tokens
from inference.kinds.fields.parsed_input import ParsedInput, Url
from inference.models import Input
from inference.outbound import fetch_queue
from inference.outbound.errors import ImageUrlRefused, TooManyUrls

__all__ = ["ParsedInput", "Url", "check", "fetch", "read", "read_messages", "read_one"]

MAX_INPUTS = 2048  # OpenAI's limit, which frameworks take for granted
MAX_IMAGES = 256
MAX_CHARACTERS = 8192
# Of Jina, OpenAI, Voyage, and of the type names of OpenAI's Responses.
IMAGE_KEYS = ("image", "image_url", "image_base64", "input_image")


def read(
    value: Any, *, are_images: bool, param: str = "input", skips_unusable: bool = False
) -> list[ParsedInput]:
    """The inputs in order; bare strings are texts unless `are_images`.

    Raises FieldError; with `skips_unusable` an input that is at fault stays in its place instead.
    """
    is_list = isinstance(value, list) and not (tokens.is_tokens(value) and not are_images)
    items = value if is_list else [value]
    _check_count(items, param)
    parsed = [
        _read(
            item,
            f"{param}[{index}]" if is_list else param,
            are_images=are_images,
            skips_unusable=skips_unusable,
        )
        for index, item in enumerate(items)
    ]
    _check_image_count(parsed, param)
    return parsed


def _read(item: Any, param: str, *, are_images: bool, skips_unusable: bool) -> ParsedInput:
    try:
        return _item(item, param, are_images=are_images)
    except FieldError as error:
        if not skips_unusable:
            raise
        return ParsedInput(UnusableInput(error.code, str(error)), param)


def read_one(value: Any, *, param: str) -> ParsedInput:
    """A single input; a bare string is a text, or a picture's data URL. Raises FieldError."""
    if isinstance(value, list) and not tokens.is_tokens(value):
        raise FieldError("Send one text or one picture here, not a list.", param=param)
    return _item(value, param, are_images=False)


def _check_count(items: Sequence[Any], param: str) -> None:
    if not items:
        raise FieldError("There is nothing to work on: the list is empty.", param=param)
    if len(items) > MAX_INPUTS:
        raise FieldError(
            f"{len(items):,} inputs are more than the {MAX_INPUTS:,} of one request.", param=param
        )


def _check_image_count(items: Sequence[ParsedInput], param: str) -> None:
    count = sum(isinstance(item.content, bytes | Url) for item in items)
    if count > MAX_IMAGES:
        raise FieldError(
            f"{count:,} images are more than the {MAX_IMAGES} of one request;"
            f" texts may be {MAX_INPUTS:,}.",
            param=param,
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
            return image_strings.read(item, param) if are_images else _string(item, param)
        case list() if tokens.is_tokens(item) and not are_images:
            return _text(tokens.decode(item, param=param), param)
        case {"content": list() as parts}:
            return _only(parts, f"{param}.content")
        case {"content": part}:
            return _only([part], f"{param}.content")
        case dict():
            return _part(item, param)
    raise FieldError("An input is a text, or an object with a text or a picture.", param=param)


def _string(text: str, param: str) -> ParsedInput:
    is_image = image_strings.is_data_url(text)
    return image_strings.read(text, param) if is_image else _text(text, param)


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
        return _string(part, param)
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
    return image_strings.read(image, _item_of(param))


def _item_of(param: str) -> str:
    """What an error about a picture names: which of the inputs it is, however deep that was."""
    return re.split(r"[.]", param, maxsplit=1)[0]


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


def image_size(image: Input) -> str:
    return f"{image['width']}×{image['height']} px"


async def fetch(items: Sequence[ParsedInput], *, skips_unusable: bool = False) -> list[ParsedInput]:
    """The same with the bytes behind URLs; a worker fetches them. Raises FieldError."""
    addressed = [item for item in items if isinstance(item.content, Url)]
    urls = [item.content.address for item in addressed if isinstance(item.content, Url)]
    try:
        fetch_all = fetch_queue.fetch_each if skips_unusable else fetch_queue.fetch
        fetched = iter(await fetch_all(urls))
    except TooManyUrls as error:
        raise FieldError(str(error), code="too_many_image_urls", param=_field(items)) from error
    except ImageUrlRefused as error:
        param = _field(items) if error.index is None else addressed[error.index].param
        raise FieldError(str(error), code=error.code, param=param) from error
    return [
        ParsedInput(_fetched(next(fetched)), item.param) if isinstance(item.content, Url) else item
        for item in items
    ]


def _fetched(image: bytes | None) -> bytes | UnusableInput:
    refusal = ImageUrlRefused()
    return UnusableInput(refusal.code, str(refusal)) if image is None else image


def check(
    items: Sequence[ParsedInput], *, skips_unusable: bool = False
) -> list[ImageFile | str | UnusableInput]:
    """Texts, and images checked by their header; none is a URL any more.

    Raises FieldError; with `skips_unusable` only if there is not one input to work on.
    """
    checked = [_checked(item, skips_unusable=skips_unusable) for item in items]
    _check_any(checked, items)
    pixels = sum(item.pixels for item in checked if isinstance(item, ImageFile))
    if pixels > images.MAX_REQUEST_PIXELS:
        raise FieldError(
            f"These pictures have {pixels / 1e6:,.0f} megapixels together; one request may have"
            f" {images.MAX_REQUEST_PIXELS // 10**6}. Send smaller copies, or fewer at once.",
            code="too_many_pixels",
            param=_field(items),
        )
    return checked


def _check_any(
    checked: Sequence[ImageFile | str | UnusableInput], items: Sequence[ParsedInput]
) -> None:
    first = checked[0]
    if isinstance(first, UnusableInput) and all(isinstance(c, UnusableInput) for c in checked):
        raise FieldError(first.message, code=first.code, param=items[0].param)


def _field(items: Sequence[ParsedInput]) -> str:
    """What an error about all of them names: the list that the last one is in."""
    return re.split(r"[.\[]", items[-1].param, maxsplit=1)[0]


def _checked(item: ParsedInput, *, skips_unusable: bool) -> ImageFile | str | UnusableInput:
    if isinstance(item.content, str | UnusableInput):
        return item.content
    assert isinstance(item.content, bytes)  # noqa: S101  `fetch` has left nothing else
    try:
        return _image_file(item.content, item.param)
    except FieldError as error:
        if not skips_unusable:
            raise
        return UnusableInput(error.code, str(error))


def _image_file(data: bytes, param: str) -> ImageFile:
    if len(data) > images.MAX_BYTES:
        raise ImageTooLarge(images.TOO_MANY_BYTES, code="image_too_large", param=param)
    try:
        return images.check(data)
    except images.InvalidImage as error:
        raise image_strings.bad_image(str(error), param) from error


def _unsupported(message: str, param: str) -> FieldError:
    return FieldError(message, code="unsupported_input", param=param)
