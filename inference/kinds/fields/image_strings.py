"""Images as clients write them into JSON: https URLs, data URLs, base64."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from inference.kinds.errors import FieldError
from inference.kinds.fields.parsed_input import ParsedInput, Url
from inference.models import Job

# base64 may be broken into lines (MIME has 76 characters); a blank within one is damage.
MOST_NAMED = 3
MIN_IMAGE, MAX_HEAD = 64, 128  # characters: the smallest picture, and what tells its format
_LINE_BREAKS = re.compile(r"[\r\n]+[ \t]*")
# By which a text that is an address alone looks like that of a picture.
_IMAGE_URL = re.compile(
    r"https?://[^\s?#]+\.(?:jpe?g|png|webp|gif)(?:[?#]\S*)?", re.IGNORECASE | re.ASCII
)


def is_data_url(text: str) -> bool:
    """Nobody means such a text: it is how browsers and many clients write a picture."""
    return text[:11].lower() == "data:image/"


def is_image_url(text: str) -> bool:
    """Whether a text is most likely meant as a picture: an address that ends like one.

    >>> is_image_url("https://example.com/cat.JPG?w=640"), is_image_url("see https://a.b/c.png")
    (True, False)
    """
    return bool(_IMAGE_URL.fullmatch(text.strip()))


def is_base64_image(text: str) -> bool:
    """Whether a bare string is the base64 of a picture, which no text is by chance."""
    head = text[:MAX_HEAD]
    if len(text) < MIN_IMAGE or not head.isascii():
        return False
    try:
        data = base64.b64decode("".join(head.split())[: MAX_HEAD // 2], validate=True)
    except (binascii.Error, ValueError):
        return False
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF"))


def warnings_of(job: Job, name_of: Callable[[int], str]) -> list[str]:
    """Of texts that were most likely meant as pictures; the API calls an input `name_of` it."""
    names = [
        name_of(index)
        for index, item in enumerate(job.inputs)
        if "text" in item and is_image_url(item["text"])
    ]
    if not names:
        return []
    is_one = len(names) == 1
    subject = ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
    return [
        f"{subject} {'is' if is_one else 'are'} the address of a picture, and"
        f" {'was' if is_one else 'were'} read as a text."
        ' To have the picture itself fetched, send {"image": "https://..."}.'
    ]


def read(image: Any, param: str) -> ParsedInput:
    """Bytes, or the URL to fetch them from; raises FieldError."""
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
        raise bad_image("That data URL is not `data:image/...;base64,...`.", param)
    return ParsedInput(_decoded(data, param), param)


def _decoded(text: str, param: str) -> bytes:
    try:
        return base64.b64decode(_in_one_line(text.strip()), validate=True)
    except (binascii.Error, ValueError) as error:
        has_blanks = " " in text or "\t" in text
        raise bad_image(
            "That base64 has blanks in it. A `+` that was sent in an address or a form becomes one:"
            " encode it as %2B."
            if has_blanks
            else "That picture is neither an https URL, nor a data URL, nor base64.",
            param,
        ) from error


def _in_one_line(text: str) -> str:
    # Most are: the search alone takes longer than decoding does.
    return _LINE_BREAKS.sub("", text) if "\n" in text or "\r" in text else text


def bad_image(message: str, param: str) -> FieldError:
    return FieldError(message, code="invalid_image", param=param)
