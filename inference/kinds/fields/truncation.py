"""Texts that go on behind what a model reads: cut, and told of, or refused by `truncate: false`.

How long a text is to a model, only its tokenizer can say. So a worker counts: it ends a job that
may not be cut before any of its inputs is encoded.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from inference.models import Job

WORDS = {"END": True, "NONE": False}  # as Cohere and NVIDIA say it
MOST_NAMED = 3


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.upper() == "START":
        raise PydanticCustomError("truncate", "a text is cut at its end only: send END or NONE")
    return WORDS.get(value.upper(), value)


Truncate = Annotated[
    bool,
    BeforeValidator(_read, json_schema_input_type=bool | Literal["END", "NONE"]),
    Field(
        description=(
            "`false` or `NONE`: a text beyond the model's context is refused, code"
            " `context_length_exceeded`. `true` or `END`: its beginning is read, and `truncated`"
            " names it."
        )
    ),
]


def payload_of(*, truncate: bool) -> Mapping[str, object]:
    return {} if truncate else {"truncate": False}


def may_truncate(job: Job) -> bool:
    return bool(job.payload.get("truncate", True))


def truncated(job: Job) -> list[int]:
    """Indices of the inputs or labels that were cut, of a job that has succeeded."""
    indices: list[int] = (job.result or {}).get("truncated", [])
    return indices


def warning_of(job: Job, name_of: Callable[[int], str]) -> str:
    """A sentence for people; "" where every text was read to its end. `name_of` as in `names`."""
    indices = truncated(job)
    if not indices:
        return ""
    tokens = (job.result or {})["context_length"]
    subject = names(indices, name_of)
    verb, whose = ("is", "its") if len(indices) == 1 else ("are", "their")
    return (
        f"{subject} {verb} longer than the {tokens} tokens that this model reads,"
        f" so it read {whose} beginning only."
    )


def names(indices: Sequence[int], name_of: Callable[[int], str]) -> str:
    """`labels[0], labels[2]`, as errors name fields; of many, the first few."""
    named = [name_of(index) for index in indices[:MOST_NAMED]]
    more = len(indices) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")
