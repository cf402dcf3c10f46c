"""What clients send, as types that check it and describe it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

MOST_LABELS = 1000
# 16 x 12 pixels of orange: examples are run as they stand.
EXAMPLE_PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAIAAADkharWAAAAF0lEQVR42mM8UaHBQApg"
    "YiARjGoYKRoAVrkBgMPvLfsAAAAASUVORK5CYII="
)
LABEL_CHARACTERS = 500

_PICTURE = {"type": "string", "description": "An https URL, a data URL, or base64."}
_PART = {
    "type": "object",
    "description": "A text or a picture: `{text}`, `{image}`, or OpenAI's `{type, image_url}`.",
    "properties": {
        "type": {"type": "string", "enum": ["text", "image_url"]},
        "text": {"type": "string"},
        "image": _PICTURE,
        "image_url": {
            "anyOf": [
                {"type": "object", "properties": {"url": _PICTURE}, "required": ["url"]},
                _PICTURE,
            ]
        },
    },
}
_BLOCKS = {
    "type": "object",
    "properties": {"content": {"type": "array", "items": _PART, "minItems": 1, "maxItems": 1}},
    "required": ["content"],
}
_INPUT = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 8192}, _BLOCKS, _PART]}
INPUTS = {
    "description": "One input or a list of up to 256: texts, pictures, or both.",
    "anyOf": [*_INPUT["anyOf"], {"type": "array", "items": _INPUT, "minItems": 1, "maxItems": 256}],
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
            "items": {"type": "string", "minLength": 1, "maxLength": LABEL_CHARACTERS},
            "minItems": 1,
            "maxItems": MOST_LABELS,
        },
        {"type": "string"},
    ],
}
# Read by inference.api.request: Pydantic could not name what is wrong with a union.
GivenInputs = Annotated[Any, WithJsonSchema(INPUTS)]
GivenLabels = Annotated[Any, WithJsonSchema(LABELS)]
GivenMessages = Annotated[Any, WithJsonSchema(MESSAGES)]
Picture = Annotated[Any, WithJsonSchema(_PICTURE)]
Model = Annotated[str, Field(min_length=1, max_length=200, description="A model's id.")]
TopK = Annotated[int, Field(ge=1, le=MOST_LABELS)]


class Sent(BaseModel):
    """What clients send: types as stated, nothing converted; fields we do not know are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


class EmbeddingsBody(Sent):
    """Texts and pictures to embed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "gigarouter/conse-demo", "input": "a photo of a cat"},
                {
                    "model": "gigarouter/conse-demo",
                    "input": ["a cat", {"image": EXAMPLE_PICTURE}],
                    "encoding_format": "float",
                },
            ]
        }
    )

    model: Model
    input: GivenInputs = None
    messages: GivenMessages = None
    modality: Literal["text", "image"] | None = Field(
        default=None, description="`image`: bare strings are pictures (infinity)."
    )
    encoding_format: Literal["float", "base64"] | None = Field(
        default=None, description="base64: little-endian float32. Absent: floats."
    )
    dimensions: int | None = Field(default=None, description="Refused: these models have one size.")
    user: str | None = Field(default=None, description="Ignored.")


class ClassifyBody(Sent):
    """Pictures to score against labels."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "gigarouter/conse-demo",
                    "input": [{"image": EXAMPLE_PICTURE}],
                    "labels": ["a cat", "a dog"],
                }
            ]
        }
    )

    model: Model
    input: GivenInputs
    labels: GivenLabels = None
    candidate_labels: GivenLabels = None
    hypothesis_template: str | None = Field(
        default=None, max_length=200, description="With one {} or {label}: `This is a photo of {}.`"
    )
    activation: Literal["auto", "softmax", "sigmoid", "none"] = "auto"
    top_k: TopK | None = None
    none_of_these: bool = Field(default=False, description="Adds the label `none of these`.")


class HuggingFaceParameters(Sent):
    """What the pipeline is told."""

    candidate_labels: GivenLabels = None
    hypothesis_template: str | None = Field(default=None, max_length=200)


class HuggingFaceBody(Sent):
    """What huggingface_hub, @huggingface/inference and the old widget send."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "inputs": EXAMPLE_PICTURE,
                    "parameters": {"candidate_labels": ["a cat", "a dog"]},
                }
            ]
        }
    )

    inputs: GivenInputs = None
    image: Picture = None
    parameters: HuggingFaceParameters | None = None


class DeepInfraBody(Sent):
    """What DeepInfra takes, as JSON or as a form."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"image": EXAMPLE_PICTURE, "candidate_labels": ["a cat", "a dog"]}]
        }
    )

    image: Picture
    candidate_labels: GivenLabels
    hypothesis_template: str | None = Field(default=None, max_length=200)
