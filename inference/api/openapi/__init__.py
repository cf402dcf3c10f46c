"""What /v1/openapi.json says beyond what FastAPI finds by itself.

operations      what routes say of themselves: bodies, errors, parameters
error_examples  an error of each status
headers         the headers of answers
webhooks        what is sent to the caller's own server
document        puts it together, for readers and for generators of clients
"""

from inference.api.openapi.headers import headers_of
from inference.api.openapi.operations import (
    ALWAYS,
    KEY_IS_OPTIONAL,
    MEANINGS,
    SUBMIT_HEADERS,
    SUBMITTING,
    Part,
    Responses,
    answers,
    body,
    errors,
    form_of,
    json_or_form,
)

__all__ = [
    "ALWAYS",
    "KEY_IS_OPTIONAL",
    "MEANINGS",
    "SUBMITTING",
    "SUBMIT_HEADERS",
    "Part",
    "Responses",
    "answers",
    "body",
    "errors",
    "form_of",
    "headers_of",
    "json_or_form",
]
