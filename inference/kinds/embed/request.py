"""The request: OpenAI's, with images beside texts."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from catalog.models import ModelCard
from inference import jobs
from inference.images import ImageFile
from inference.jobs import text_work
from inference.kinds.embed.answer import EmbeddingList
from inference.kinds.errors import FieldError
from inference.kinds.fields import inputs, options, truncation
from inference.kinds.fields.on_error import SKIP, OnError, payload_of
from inference.kinds.fields.options import Unsupported, Unsupporteds
from inference.kinds.fields.parsed_input import ParsedInput
from inference.kinds.fields.schema import EXAMPLE_IMAGE, CallBody, Inputs, Messages, Model
from inference.kinds.fields.truncation import Truncate
from inference.kinds.kind import Endpoint
from inference.kinds.request import ParsedRequest

NAME = "embed"


class EmbeddingsBody(CallBody):
    """Texts and pictures to embed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "gigarouter/conse-demo", "input": "a photo of a cat"},
                {
                    "model": "gigarouter/conse-demo",
                    "input": ["a cat", {"image": EXAMPLE_IMAGE}],
                    "encoding_format": "float",
                },
            ]
        }
    )

    model: Model
    input: Inputs = None
    messages: Messages = None
    modality: Literal["text", "image"] | None = Field(
        default=None, description="`image`: bare strings are pictures (infinity)."
    )
    encoding_format: Literal["float", "base64"] | None = Field(
        default=None, description="base64: little-endian float32. Absent: floats."
    )
    dimensions: int | None = Field(
        default=None, description="The length of the model's vectors, which have no other."
    )
    output_dimension: int | None = Field(
        default=None, description="Cohere's and Voyage's name for `dimensions`."
    )
    truncate: Truncate = True
    on_error: OnError = "fail"
    user: str | None = Field(default=None, description="Ignored.")
    form_inputs: ClassVar[str] = "input"
    unsupported: ClassVar[Unsupporteds] = (
        options.VECTORS
        | options.READING
        | {
            "truncation": Unsupported("Say `truncate`.", accepted=(True,)),
        }
    )


def job_request(card: ModelCard, items: Sequence[ImageFile | str]) -> jobs.Request:
    texts = [item for item in items if isinstance(item, str)]
    return jobs.Request(
        card=card,
        kind=NAME,
        inputs=items,
        text_count=len(texts),
        text_tokens=text_work.tokens_of(texts),
        max_tokens=text_work.most_tokens_of(texts, context_length=card.most_tokens),
    )


def parse(body: EmbeddingsBody, card: ModelCard) -> ParsedRequest:
    _check_size(body.dimensions, card, "dimensions")
    _check_size(body.output_dimension, card, "output_dimension")
    return parse_inputs(
        card,
        _inputs(body),
        encoding_format=body.encoding_format or "float",
        truncate=body.truncate,
        on_error=body.on_error,
    )


def _check_size(dimensions: int | None, card: ModelCard, name: str) -> None:
    # Vector stores send the size they expect. A vector cut to another would be silently wrong:
    # these models were not trained for that.
    if dimensions is None or dimensions == card.embed_dim:
        return
    right = f": {card.embed_dim}" if card.embed_dim else ""
    raise FieldError(
        f"{card.repo} has vectors of one size{right}. Send that as `{name}`, or leave it out.",
        code="unsupported_parameter",
        param=name,
    )


def parse_inputs(
    card: ModelCard,
    items: list[ParsedInput],
    *,
    encoding_format: str = "float",
    truncate: bool = True,
    on_error: str = "fail",
) -> ParsedRequest:
    texts = [item.content for item in items if isinstance(item.content, str)]
    return ParsedRequest(
        card=card,
        kind=NAME,
        inputs=items,
        payload={**truncation.payload_of(truncate=truncate), **payload_of(on_error)},
        options={"encoding_format": encoding_format},
        text_count=len(texts),
        text_tokens=text_work.tokens_of(texts),
        max_tokens=text_work.most_tokens_of(texts, context_length=card.most_tokens),
        skips_unusable=on_error == SKIP,
    )


def _inputs(body: EmbeddingsBody) -> list[ParsedInput]:
    if body.input is not None and body.messages is not None:
        raise FieldError("Send `input` or `messages`, not both.", param="messages")
    if body.messages is not None:
        return inputs.read_messages(body.messages)
    if body.input is None:
        raise FieldError("`input` is missing.", param="input")
    return inputs.read(
        body.input,
        are_images=body.modality == "image",
        skips_unusable=body.on_error == SKIP,
    )


ENDPOINT = Endpoint(
    path="/v1/embeddings",
    tag="embeddings",
    summary="Embed texts and pictures",
    description=(
        "One vector for each input, in order. OpenAI's clients ask for base64 by themselves."
    ),
    body=EmbeddingsBody,
    answer=EmbeddingList,
    parse=parse,
)
