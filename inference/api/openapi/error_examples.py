"""An error of each status, as the document shows it. Errors of the API's own classes are written
by the writer of the dialect, so that an example has the shape of what is answered."""

import json
from typing import Any

from inference.api.errors import (
    AccountSuspended,
    ApiError,
    Conflict,
    ErrorWriter,
    Gone,
    IdempotencyKeyReused,
    InternalError,
    Invalid,
    NotAllowed,
    NotFound,
    OutOfCredit,
    RequestTimeout,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
    UnsupportedType,
)

REQUEST_ID = "req_8f3b1c0d4e5a4b7c9d2e6f70"
BY_STATUS: dict[int, ApiError] = {
    400: Invalid("`input` is missing.", param="input"),
    401: Unauthorized(),
    402: OutOfCredit("This call may cost up to $0.000188, and $0.00 is left."),
    403: AccountSuspended(
        reason="A payment was disputed.", page="https://gigarouter.example/contact/"
    ),
    405: NotAllowed("Use POST here."),
    408: RequestTimeout("The body did not arrive in time. Please send it again."),
    409: Conflict("The job has ended.", code="job_already_final"),
    410: Gone("example/old-model has been retired.", code="model_retired", param="model"),
    413: TooLarge("That request is too large."),
    415: UnsupportedType("Send a JSON body, with `Content-Type: application/json`."),
    422: IdempotencyKeyReused("This Idempotency-Key was used for another request. Take a new key."),
    429: TooMany("That was too many requests in a minute. Please go on in 12 seconds."),
    500: InternalError(),
    503: Unavailable("The model is being loaded.", retry_after_s=10, code="model_warming"),
    504: Unavailable("The model is being loaded.", retry_after_s=10, code="model_warming"),
}


def example_of(status: int, *, noun: str) -> ApiError:
    """`noun`: what is not there, for a 404."""
    if status != 404:
        return BY_STATUS[status]
    param = "model" if noun == "model" else f"{noun}_id"
    return NotFound(f"There is no such {noun}.", code=f"{noun}_not_found", param=param)


def written(error: ApiError, writer: ErrorWriter) -> dict[str, Any]:
    """The JSON that a client reads."""
    body: dict[str, Any] = json.loads(bytes(writer(error, REQUEST_ID).body))
    return body
