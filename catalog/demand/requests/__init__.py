"""Requests for models that the catalog lacks: asked for here, looked up at the hub by a worker."""

from catalog.demand.requests.verbs import (
    GARBLED,
    NOT_SHOWN,
    REQUESTS_A_DAY,
    TRY_AGAIN_AFTER,
    NotAName,
    TooManyRequests,
    ask,
    check,
    in_catalog,
    read_name,
    sweep,
)

__all__ = [
    "GARBLED",
    "NOT_SHOWN",
    "REQUESTS_A_DAY",
    "TRY_AGAIN_AFTER",
    "NotAName",
    "TooManyRequests",
    "ask",
    "check",
    "in_catalog",
    "read_name",
    "sweep",
]
