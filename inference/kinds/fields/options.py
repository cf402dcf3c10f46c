"""Options of other services that clients send: refused if they would change the answer's meaning
and can't be honored, named in a warning if nobody here knows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.kinds.errors import FieldError
from inference.models import Job

MAX_NAMED, MAX_NAME = 8, 40
IGNORED = "ignored"  # among a job's options: names for the warning
# What says nothing about the numbers of an answer, and that clients send by themselves.
# input_type: these models read queries and documents in the same way.
HARMLESS = {"user", "input_type", "metadata", "session_id", "trace", "request_id", "model_id"}


@dataclass(frozen=True)
class Unsupported:
    """An option that is obeyed by doing nothing if its value is one of `accepted`, or null."""

    message: str
    accepted: tuple[object, ...] = ()


Unsupporteds = dict[str, Unsupported]

VECTORS: Unsupporteds = {
    "output_dtype": Unsupported(
        "Vectors are float32; leave `output_dtype` out.", accepted=("float", "float32")
    ),
    "embedding_type": Unsupported(
        "Vectors are float32; for base64 say `encoding_format`.", accepted=("float", ["float"])
    ),
    "embedding_types": Unsupported(
        "Vectors are float32; for base64 say `encoding_format`.", accepted=("float", ["float"])
    ),
    "precision": Unsupported("Vectors are float32.", accepted=("float", "float32")),
    "quantization": Unsupported("Vectors are float32.", accepted=("none", "float32")),
    "normalized": Unsupported("All vectors have length 1; divide by nothing.", accepted=(True,)),
    "normalize": Unsupported("All vectors have length 1.", accepted=(True,)),
    "normalize_embeddings": Unsupported("All vectors have length 1.", accepted=(True,)),
    "return_multivector": Unsupported("There is one vector per input.", accepted=(False,)),
    "late_chunking": Unsupported("Each input is read by itself.", accepted=(False,)),
}
READING: Unsupporteds = {
    "prompt": Unsupported("Put the prompt into the text itself."),
    "prompt_name": Unsupported("These models have no named prompts: put it into the text."),
    "instruction": Unsupported("These models take no instructions: put it into the text."),
    "truncation_direction": Unsupported(
        "A text that is too long is cut at its end.", accepted=("right", "Right", "end", "END")
    ),
    "truncate_prompt_tokens": Unsupported(
        "Texts are cut at the model's own context; `truncate: false` refuses longer ones.",
        accepted=(-1,),
    ),
    "add_special_tokens": Unsupported(
        "Texts are read with their beginning and end tokens.", accepted=(True,)
    ),
}
SCORES: Unsupporteds = {
    "multi_label": Unsupported(
        'For labels that don\'t exclude each other say `"activation": "sigmoid"`.',
        accepted=(False,),
    ),
    "function_to_apply": Unsupported("Say `activation`: softmax, sigmoid or none."),
}


def check(options: Mapping[str, Any], unsupported: Unsupporteds) -> None:
    """Raises FieldError for one that can't be honored."""
    for name, value in options.items():
        option = unsupported.get(name)
        if option and value is not None and not _is_accepted(value, option.accepted):
            raise FieldError(option.message, code="unsupported_parameter", param=name)


def _is_accepted(value: object, accepted: tuple[object, ...]) -> bool:
    # By type as well: to Python, 1 is True.
    return any(type(value) is type(one) and value == one for one in accepted)


def warning_of(job: Job) -> str:
    names: list[str] = job.options.get(IGNORED, [])
    if not names:
        return ""
    listed = ", ".join(f"`{name}`" for name in names)
    return f"Nothing was done about {listed}: no such option is known here."


def unknown(options: Mapping[str, Any], unsupported: Unsupporteds) -> list[str]:
    """Names for a warning; there may be any number, of any length."""
    names = (name[:MAX_NAME] for name in options if name not in unsupported.keys() | HARMLESS)
    return sorted(names)[:MAX_NAMED]
