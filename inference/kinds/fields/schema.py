"""The types of request and answer fields, for checking bodies and describing them in OpenAPI."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from inference.kinds.fields.inputs import MAX_CHARACTERS as MAX_TEXT
from inference.kinds.fields.inputs import MAX_INPUTS
from inference.kinds.fields.labels import MAX_CHARACTERS, MAX_LABELS

# 16 x 12 pixels of orange: examples are run as they stand.
EXAMPLE_IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAIAAADkharWAAAAF0lEQVR42mM8UaHBQApg"
    "YiARjGoYKRoAVrkBgMPvLfsAAAAASUVORK5CYII="
)

_IMAGE = {"type": "string", "description": "An https URL, a data URL, or base64."}
_PART = {
    "type": "object",
    "description": "A text or a picture: `{text}`, `{image}`, or OpenAI's `{type, image_url}`.",
    "properties": {
        "type": {"type": "string", "enum": ["text", "image_url"]},
        "text": {"type": "string"},
        "image": _IMAGE,
        "image_url": {
            "anyOf": [
                {"type": "object", "properties": {"url": _IMAGE}, "required": ["url"]},
                _IMAGE,
            ]
        },
    },
}
_BLOCKS = {
    "type": "object",
    "properties": {"content": {"type": "array", "items": _PART, "minItems": 1, "maxItems": 1}},
    "required": ["content"],
}
INPUT = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_TEXT}, _BLOCKS, _PART]}
INPUTS = {
    "description": "One input or a list of up to 256: texts, images, or both.",
    "anyOf": [
        *INPUT["anyOf"],
        {"type": "array", "items": INPUT, "minItems": 1, "maxItems": MAX_INPUTS},
    ],
}
MESSAGES = {
    "type": "array",
    "description": "vLLM's way, in place of `input`: one part in all, for one vector.",
    "items": {
        "type": "object",
        "properties": {
            "role": {"type": "string"},
            "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": _PART}]},
        },
    },
}
LABELS = {
    "description": "Up to 1,000 labels of up to 500 characters; a string is split at its commas.",
    "anyOf": [
        {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS},
            "minItems": 1,
            "maxItems": MAX_LABELS,
        },
        {"type": "string"},
    ],
}
# `fields.inputs` and `fields.labels` read these: Pydantic could not name what is wrong in a union.
Inputs = Annotated[Any, WithJsonSchema(INPUTS)]
Labels = Annotated[Any, WithJsonSchema(LABELS)]
Messages = Annotated[Any, WithJsonSchema(MESSAGES)]
Image = Annotated[Any, WithJsonSchema(_IMAGE)]
Model = Annotated[str, Field(min_length=1, max_length=200, description="A model's id.")]
TopK = Annotated[int, Field(ge=1, le=MAX_LABELS)]


class Body(BaseModel):
    """What clients send: types as stated, nothing converted; unknown fields are ignored."""

    # Strict, since a number that was sent as a text is a mistake the client should see; but clients
    # send fields of other services (`user`, `encoding_format`), which must not break a call.
    model_config = ConfigDict(strict=True, extra="ignore")


Dollars = Annotated[str, Field(description="US dollars, exact.", examples=["0.000094"])]


class Answer(BaseModel):
    """What the answers of all kinds have."""

    truncated: list[int] = Field(
        description="Indices of the inputs or labels that the model read only the beginning of."
    )
    warning: str | None = None


class Usage(BaseModel):
    """Tokens are what the model read of the texts, each text's start and end among them, as far as
    its context goes. Nothing is billed by them.
    """

    prompt_tokens: int
    total_tokens: int
    images: int
    cost: Dollars
    ledger_entry: str | None
