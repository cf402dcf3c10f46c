"""One input of a request, as it was read: what is checked, fetched and stored from here on."""

from dataclasses import dataclass

from inference.jobs import UnusableInput


@dataclass(frozen=True)
class Url:
    address: str


@dataclass(frozen=True)
class ParsedInput:
    """A text, an image's bytes, or where an image lies; `param` names it in errors.

    An input that cannot be used stays in its place if the request goes on without it.
    """

    content: str | bytes | Url | UnusableInput
    param: str
