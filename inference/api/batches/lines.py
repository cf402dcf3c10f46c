"""Reading the lines of an input file: what each asks for, or what is wrong with it.

A line is the call it stands for: the same bodies, the same checks and the same errors as alone.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from catalog.infrastructure import storage
from inference import kinds
from inference.api.errors import ApiError, InternalError, Invalid, field_errors
from inference.api.request import model_lookup, reader, strict_json
from inference.batches.parts import LineRequest
from inference.jobs import UnusableInput
from inference.kinds.fields.inputs import ParsedInput, Url
from inference.kinds.kind import Endpoint
from inference.kinds.request import ParsedRequest
from inference.models import LineError

log = logging.getLogger(__name__)

MAX_CUSTOM_ID = 512
# Of one line, as of one call; of a chunk, which has not many more unless somebody hides them.
MAX_URLS_OF_LINE = 32
MAX_URLS_OF_CHUNK = 64


class BatchLine(BaseModel):
    """One line of an input file: `{"custom_id": "1", "method": "POST", "url": ..., "body": ...}`"""

    model_config = ConfigDict(extra="forbid")

    custom_id: str = Field(min_length=1, max_length=MAX_CUSTOM_ID)
    method: Literal["POST"]
    url: str = Field(max_length=200)
    # Any: what the endpoint takes.
    body: dict[str, Any]


@dataclass(frozen=True)
class ParsedLine:
    """`parsed` may name images by URL; else there is an `error`."""

    custom_id: str
    parsed: ParsedRequest | None = None
    error: LineError | None = None

    @property
    def urls(self) -> list[str]:
        inputs = self.parsed.inputs if self.parsed else []
        return [item.content.address for item in inputs if isinstance(item.content, Url)]


def endpoints() -> dict[str, Endpoint]:
    """What a batch may call, by its path."""
    return {kind.endpoint.path: kind.endpoint for kind in kinds.KINDS.values()}


def texts_of(chunk: bytes) -> list[tuple[int, bytes]]:
    """The lines of a chunk that are not blank, each with its index."""
    lines = chunk.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [(index, line) for index, line in enumerate(lines) if line.strip()]


def read(text: bytes, endpoint: str) -> BatchLine:
    """The line itself, its body unread; raises Invalid."""
    try:
        line = reader.validate(strict_json.loads(text), BatchLine)
    except strict_json.InvalidJson as error:
        raise Invalid(str(error), code="invalid_json_line") from error
    if line.url != endpoint:
        raise Invalid(
            f"`url` must be {endpoint}, the endpoint of the batch.", code="mismatched_endpoint"
        )
    return line


def custom_ids_of(chunk: bytes, endpoint: str) -> list[str]:
    return [read(text, endpoint).custom_id for _, text in texts_of(chunk)]


def parse_chunk(chunk: bytes, endpoint: str) -> list[ParsedLine]:
    """All lines of a chunk. Not within a transaction: looking models up gives connections back."""
    lines = [_parse(read(text, endpoint)) for _, text in texts_of(chunk)]
    return list(_within_limits(lines))


def _parse(line: BatchLine) -> ParsedLine:
    endpoint = endpoints()[line.url]
    try:
        body: Any = reader.validate(line.body, endpoint.body)  # one of `endpoint.body`
        # A batch may wait for a worker to come.
        card = model_lookup.find_callable(body.model, needs_worker=False)
        with field_errors():
            ignored = body.ignored()
            if body.webhook_url:
                raise _no_webhook()
            return ParsedLine(line.custom_id, endpoint.parse(body, card).with_ignored(ignored))
    except ApiError as error:
        return ParsedLine(line.custom_id, error=line_error(error))
    except Exception:
        # The edge of the step: one line must not hold up all that come after it.
        log.exception("line of a batch not read")  # its custom_id is the customer's
        return ParsedLine(line.custom_id, error=line_error(InternalError()))


def _no_webhook() -> Invalid:
    return Invalid(
        "A line of a batch has no `webhook`: add one for `batch.completed` instead.",
        code="unsupported_parameter",
        param="webhook",
    )


def _within_limits(lines: Sequence[ParsedLine]) -> Iterator[ParsedLine]:
    total = 0
    for line in lines:
        count = len(line.urls)
        total += count
        if count > MAX_URLS_OF_LINE or total > MAX_URLS_OF_CHUNK:
            too_many = Invalid(
                f"At most {MAX_URLS_OF_LINE} image URLs fit in one request.",
                code="too_many_image_urls",
                param="input",
            )
            yield ParsedLine(line.custom_id, error=line_error(too_many))
        else:
            yield line


def urls_of(lines: Sequence[ParsedLine]) -> list[str]:
    return [url for line in lines for url in line.urls]


def with_images(lines: Sequence[ParsedLine], names: Sequence[str]) -> list[ParsedLine]:
    """The same with what was fetched, in the order of `urls_of`; "" is one that was not.

    Raises FileNotFoundError if what was fetched has been deleted since.
    """
    fetched = iter(names)
    return [_with_images(line, [next(fetched, "") for _ in line.urls]) for line in lines]


def _with_images(line: ParsedLine, names: Sequence[str]) -> ParsedLine:
    if line.parsed is None or not line.urls:
        return line
    by_url = iter(names)
    inputs: list[ParsedInput] = []
    for item in line.parsed.inputs:
        if not isinstance(item.content, Url):
            inputs.append(item)
            continue
        if name := next(by_url):
            inputs.append(replace(item, content=storage.read(name)))
            continue
        error = _not_fetched(item.param)
        if not line.parsed.skips_unusable:
            return ParsedLine(line.custom_id, error=line_error(error))
        inputs.append(replace(item, content=UnusableInput(error.code, str(error))))
    return replace(line, parsed=replace(line.parsed, inputs=inputs))


def _not_fetched(param: str) -> ApiError:
    return Invalid(
        "The image URL could not be fetched. It must be a public https address that answers with a"
        " picture of at most 10 MB within a few seconds.",
        code="image_fetch_failed",
        param=param,
    )


def checked(lines: Sequence[ParsedLine]) -> list[LineRequest]:
    """What can be queued: images checked by their header."""
    return [_checked(line) for line in lines]


def _checked(line: ParsedLine) -> LineRequest:
    if line.parsed is None:
        return LineRequest(line.custom_id, error=line.error)
    try:
        with field_errors():
            return LineRequest(line.custom_id, line.parsed.check())
    except ApiError as error:
        return LineRequest(line.custom_id, error=line_error(error))


def line_error(error: ApiError) -> LineError:
    return LineError(
        status=error.status,
        code=error.code,
        message=str(error),
        param=error.param,
        type=error.type,
    )
