"""Requests for models that the catalog lacks: kept here, looked up at Hugging Face by a worker."""

from catalog.demand.model_requests.names import InvalidName, parse_name
from catalog.demand.model_requests.operations import (
    GARBLED,
    NOT_SHOWN,
    REQUESTS_A_DAY,
    TRY_AGAIN_AFTER,
    TooManyRequests,
    check,
    find_card,
    submit,
    sweep,
)

__all__ = [
    "GARBLED",
    "NOT_SHOWN",
    "REQUESTS_A_DAY",
    "TRY_AGAIN_AFTER",
    "InvalidName",
    "TooManyRequests",
    "check",
    "find_card",
    "parse_name",
    "submit",
    "sweep",
]
