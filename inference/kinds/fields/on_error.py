"""Inputs that cannot be used: they end the request, or it goes on without them.

What was wrong with an input before the job began is on its own entry of `inputs`; what a worker
finds is in the result, as the error's code by the input's index.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from inference.models import ErrorCode, Input, Job

OnError = Annotated[
    Literal["fail", "skip"],
    Field(
        description="`fail`: an input that can't be used ends the call, and `param` names it."
        " `skip`: the others are answered and paid for; its entry of `data` has an `error`."
    ),
]
SKIP = "skip"
MOST_NAMED = 3


def payload_of(on_error: str) -> Mapping[str, object]:
    return {"on_error": SKIP} if on_error == SKIP else {}


def skips(job: Job) -> bool:
    return bool(job.payload.get("on_error") == SKIP)


def errors_of(job: Job) -> dict[int, dict[str, Any]]:
    """By the input's index: `message`, `code` and `param`, as errors of the API have them."""
    errors = {
        index: _error(index, item["code"], item["message"])
        for index, item in enumerate(job.inputs)
        if "code" in item
    }
    for index, code in unusable(job).items():
        errors[index] = _error(index, code, ErrorCode(code).label)
    return errors


def unusable(job: Job) -> dict[int, str]:
    """What a worker found: codes by the input's index."""
    return {int(index): code for index, code in (job.result or {}).get("unusable", {}).items()}


def usable_indices(job: Job) -> list[int]:
    errors = errors_of(job)
    return [index for index in range(len(job.inputs)) if index not in errors]


def usable_images(job: Job) -> list[Input]:
    """Images of a job that has succeeded, those that it has no result for left out."""
    skipped = unusable(job)
    return [
        item for index, item in enumerate(job.inputs) if "file" in item and index not in skipped
    ]


def warning_of(job: Job) -> str:
    """A sentence for people; "" where every input was used."""
    errors = errors_of(job)
    if not errors:
        return ""
    names = [error["param"] for _, error in sorted(errors.items())]
    more = len(names) - MOST_NAMED
    named = ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return f"Not used, and not charged: {named}. Each has an `error` in `data`."


def _error(index: int, code: str, message: str) -> dict[str, Any]:
    return {
        "message": message,
        "type": "invalid_request_error",
        "param": f"input[{index}]",
        "code": code,
    }
