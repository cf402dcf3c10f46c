"""The headers of answers: the middleware writes those of every answer, routes the others."""

from typing import Any

from inference.api.errors import ApiError, ErrorWriter
from inference.api.middleware import ALWAYS

TEXT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
# Any: parts of an OpenAPI document.
Part = dict[str, Any]


def _header(description: str, schema: Part, example: object) -> Part:
    return {"description": description, "schema": schema, "example": example}


HEADERS: dict[str, Part] = {
    "X-Request-Id": _header("Name it when you write to us.", TEXT, "req_8f3b1c0d4e5a4b7c9d2e6f70"),
    "X-Gigarouter-Cost": _header("What this call cost, in US dollars.", TEXT, "0.000094"),
    "X-Gigarouter-Balance": _header("What is left, in US dollars.", TEXT, "0.999906"),
    "OpenAI-Processing-Ms": _header("Milliseconds on our side.", NUMBER, 41),
    "Server-Timing": _header(
        "Milliseconds: `wait` for a worker, `run` of the model, `total` on our side.",
        TEXT,
        "wait;dur=3.1, run;dur=29.4, total;dur=41",
    ),
    "RateLimit-Policy": _header(
        "How many calls a key may make in a minute.", TEXT, '"fixed window";"submissions";q=60;w=60'
    ),
    "RateLimit": _header(
        "How many calls are left (`r`), and seconds until they are renewed (`t`).",
        TEXT,
        '"submissions";r=59;t=42',
    ),
    "X-RateLimit-Limit-Requests": _header(
        "As `RateLimit-Policy`, for OpenAI's clients.", TEXT, "60"
    ),
    "X-RateLimit-Remaining-Requests": _header("Calls that are left in this minute.", TEXT, "59"),
    "X-RateLimit-Reset-Requests": _header("When they are renewed.", TEXT, "42s"),
    "X-RateLimit-Limit-Images": _header("Images of a key in a minute.", TEXT, "6000"),
    "X-RateLimit-Remaining-Images": _header("Images that are left in this minute.", TEXT, "5999"),
    "X-RateLimit-Reset-Images": _header("When they are renewed.", TEXT, "42s"),
    "X-RateLimit-Limited-By": _header("Which limit was hit.", TEXT, "key"),
    "X-Warning": _header(
        "A sentence about an answer that may not be what was meant; as its `warning`.",
        TEXT,
        "Ignored: temperature.",
    ),
    "Deprecation": _header(
        "Since when the model is deprecated, in seconds (RFC 9745).", TEXT, "@1796038205"
    ),
    "Sunset": _header(
        "From when on calls of the model are refused (RFC 8594).",
        TEXT,
        "Wed, 30 Dec 2026 12:00:00 GMT",
    ),
    "Link": _header(
        "The page of a deprecated model.",
        TEXT,
        '<https://example.com/models/gigarouter/conse-demo/>; rel="deprecation"; type="text/html"',
    ),
    "Preference-Applied": _header("What of `Prefer` was obeyed.", TEXT, "respond-async"),
    "Idempotent-Replayed": _header(
        "The answer is that of an earlier call with this Idempotency-Key.",
        {"type": "string", "enum": ["true"]},
        "true",
    ),
    "Location": _header("Where the job is.", TEXT, "/v1/jobs/9380598d-f1c9-4ec7-8983-ba36990ac19e"),
    "Retry-After": _header("Seconds after which to try again.", NUMBER, 12),
    "X-Should-Retry": _header(
        "`false`: the same call will not work later either.",
        {"type": "string", "enum": ["true", "false"]},
        "false",
    ),
    "WWW-Authenticate": _header("How a key is sent.", TEXT, "Bearer"),
    "Allow": _header("The verbs that are meant here.", TEXT, "POST"),
    "X-Error-Message": _header("The error's sentence.", TEXT, "There is no such model."),
}
EVERY = (
    "X-Request-Id",
    "X-Gigarouter-Cost",
    "OpenAI-Processing-Ms",
    "Server-Timing",
    "RateLimit-Policy",
    "X-RateLimit-Limit-Requests",
)
# To callers whose key is known, as long as nothing of ours broke.
KEYED = (
    "X-Gigarouter-Balance",
    "RateLimit",
    "X-RateLimit-Remaining-Requests",
    "X-RateLimit-Reset-Requests",
    "X-RateLimit-Limit-Images",
    "X-RateLimit-Remaining-Images",
    "X-RateLimit-Reset-Images",
)
# Of a model that may be deprecated.
OF_A_MODEL = ("X-Warning", "Deprecation", "Sunset", "Link")
SUBMITTED = (*OF_A_MODEL, "Preference-Applied", "Idempotent-Replayed")
BY_STATUS: dict[int, tuple[str, ...]] = {
    202: ("Location",),
    401: ("WWW-Authenticate",),
    403: ("X-Should-Retry",),
    405: ("Allow",),
    409: ("X-Should-Retry",),
    429: ("Retry-After", "X-RateLimit-Limited-By", "X-Should-Retry"),
    503: ("Retry-After", "X-Should-Retry"),
    504: ("Retry-After", "X-Should-Retry"),
}
# Of every answer and known to whoever reads of HTTP; or said by the middleware itself.
UNDESCRIBED = {"content-encoding"}


def headers_of(status: int, *, submits: bool = False, is_of_model: bool = False) -> Part:
    """References to the headers that an answer may have."""
    names = [*EVERY, *BY_STATUS.get(status, ())]
    if status not in {401, 403} and status < 500:
        names += KEYED
    if submits and status < 400:
        names += SUBMITTED
    elif is_of_model and status < 400:
        names += OF_A_MODEL
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def headers_of_error(error: ApiError, writer: ErrorWriter, request_id: str) -> Part:
    """References to those that the writer of a dialect adds."""
    written = writer(error, request_id).headers
    return {
        name: {"$ref": f"#/components/headers/{name}"}
        for name in HEADERS
        if name.lower() in written
    }


def exposed() -> set[str]:
    """Those that a script of another site may read, in lower case."""
    return set(ALWAYS["access-control-expose-headers"].split(", "))
