"""The verbs of those who ask: submit, cancel, forget. Each transition is one conditional UPDATE."""

from inference.jobs.submission import (
    DEADLINE,
    ENDED,
    Asker,
    Request,
    TooManyQueued,
    cancel,
    drop_pictures,
    fail,
    finish,
    forget,
    position_in_queue,
    submit,
    tell,
    tell_ended,
)

__all__ = [
    "DEADLINE",
    "ENDED",
    "Asker",
    "Request",
    "TooManyQueued",
    "cancel",
    "drop_pictures",
    "fail",
    "finish",
    "forget",
    "position_in_queue",
    "submit",
    "tell",
    "tell_ended",
]
