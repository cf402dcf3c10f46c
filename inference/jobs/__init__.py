"""A job's way: submission -> queue -> claims -> completion; sweep and tidy mend what was lost."""

from inference.jobs.completion import announce, cancel, delete, end
from inference.jobs.submission import (
    DEADLINE,
    MaybeQueued,
    NotPriced,
    Request,
    Requester,
    TooManyQueued,
    UnusableInput,
    submit,
)

__all__ = [
    "DEADLINE",
    "MaybeQueued",
    "NotPriced",
    "Request",
    "Requester",
    "TooManyQueued",
    "UnusableInput",
    "announce",
    "cancel",
    "delete",
    "end",
    "submit",
]
