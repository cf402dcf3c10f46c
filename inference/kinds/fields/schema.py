"""The types of request and answer fields, for checking bodies and describing them in OpenAPI."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from inference.kinds.fields import options
from inference.kinds.fields.inputs import MAX_CHARACTERS as MAX_TEXT
from inference.kinds.fields.inputs import MAX_IMAGES, MAX_INPUTS
from inference.kinds.fields.labels import MAX_CHARACTERS, MAX_LABELS
from inference.kinds.fields.tokens import MAX_TOKENS

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
# By the names under which the document has them once.
SHARED = {"ContentPart": _PART, "ContentBlocks": _BLOCKS}
INPUT = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_TEXT}, _BLOCKS, _PART]}
TOKENS = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0},
    "minItems": 1,
    "maxItems": MAX_TOKENS,
}
INPUTS = {
    "description": (
        f"One input or a list of up to {MAX_INPUTS:,}: texts, images, or both; up to {MAX_IMAGES}"
        " of them images. A list of numbers is one text, as tokens of cl100k_base."
    ),
    "anyOf": [
        *INPUT["anyOf"],
        TOKENS,
        {
            "type": "array",
            "items": {"anyOf": [*INPUT["anyOf"], TOKENS]},
            "minItems": 1,
            "maxItems": MAX_INPUTS,
        },
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
    """What clients send: types as stated, nothing converted.

    A field of another service is refused if it is in `unsupported`, else named in a warning.
    `form_inputs`: the list that a form's files belong to.
    """

    # Strict, since a number that was sent as a text is a mistake the client should see; but clients
    # send fields of other services, which must not break a call.
    model_config = ConfigDict(strict=True, extra="allow")
    unsupported: ClassVar[options.Unsupporteds] = {}
    form_inputs: ClassVar[str] = ""

    @property
    def others(self) -> Mapping[str, Any]:
        """Fields that this body does not have."""
        return self.model_extra or {}

    @property
    def webhook_url(self) -> str:
        return ""

    def ignored(self) -> list[str]:
        """Names of fields that nothing was done about; raises FieldError for one that matters."""
        options.check(self.others, self.unsupported)
        return options.unknown(self.others, self.unsupported)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # "Anything else" is JSON Schema's default; said aloud, it spoils generated types.
        described = handler(schema)
        handler.resolve_ref_schema(described).pop("additionalProperties", None)
        return described


class CallBody(Body):
    """What all kinds of call may have beside what they are about."""

    webhook: str | None = Field(
        default=None,
        min_length=1,
        max_length=2048,
        description="An https address that is called when the job of this call ends, signed with"
        " the secret at `/v1/webhooks/secret`.",
        examples=["https://example.com/done"],
    )

    @property
    def webhook_url(self) -> str:
        return self.webhook or ""


def shown(*examples: dict[str, Any]) -> ConfigDict:
    """A model's configuration that shows examples of it in OpenAPI."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


Dollars = Annotated[str, Field(description="US dollars, exact.", examples=["0.000094"])]


class Answer(BaseModel):
    """What the answers of all kinds have."""

    truncated: list[int] = Field(
        description="Indices of the inputs or labels that the model read only the beginning of."
    )
    warning: str | None = None


class InputError(BaseModel):
    """Why an input was not used, as errors of the API say it."""

    message: str
    type: str
    param: str
    code: str


class Usage(BaseModel):
    """Tokens are what the model read of the texts, each text's start and end among them, as far as
    its context goes. Nothing is billed by them.
    """

    prompt_tokens: int
    total_tokens: int
    images: int
    cost: float = Field(description="US dollars.", examples=[0.000094])
    cost_usd: Dollars
    ledger_entry: str | None
