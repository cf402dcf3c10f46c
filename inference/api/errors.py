"""Every error of the API, and how it becomes a response.

ApiError                 root; `str(error)` is a sentence for people
    Invalid              400 what was sent cannot be used
    Unauthorized         401 one answer, whatever is wrong with the key, but for
        KeyExpired       one that ran out
    OutOfCredit          402
    Forbidden            403
        AccountSuspended by the operator, who says why
    NotFound             404
    NotAllowed           405
    RequestTimeout       408 the body did not arrive in time
    Conflict             409 not at this moment, or not any more
    Gone                 410
    TooLarge             413
    UriTooLong           414
    UnsupportedType      415
    IdempotencyKeyReused 422 an idempotency key came with another body
    TooMany              429
    HeadersTooLarge      431
    InternalError        500
    Unavailable          503 try again
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response

from inference.kinds.errors import FieldError, ImageTooLarge

# For OpenAI's clients, which repeat a 409 or a 503 unless they are told not to.
NO_RETRY = {"x-should-retry": "false"}
MAX_HEADER = 500
SOMETHING_BROKE = "Something broke on our side. It was logged; please try again."


class ApiError(Exception):
    """`param` names the field at fault, `metadata` what a program may want to know of it."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    default_code: ClassVar[str] = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        param: str | None = None,
        metadata: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.param = param
        self.metadata = dict(metadata or {})
        self.headers = dict(headers or {})


class Invalid(ApiError):
    # 400, not 422: it is what the clients' BadRequestError is for.
    pass


class Unauthorized(ApiError):
    # The same words for a key that is missing, mistyped, unknown, revoked or expired: a stranger
    # with a list of keys learns nothing from them.
    status, type, default_code = 401, "authentication_error", "invalid_api_key"

    def __init__(self) -> None:
        super().__init__(
            "That API key is missing or not valid. Send it as `Authorization: Bearer gr_live_...`.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class KeyExpired(Unauthorized):
    """Told only to who has the secret of a key that ran out by itself."""

    def __init__(self, *, name: str, day: str, page: str) -> None:
        super().__init__()
        self.args = (
            f"The API key “{name}” expired on {day}. Create a new one at {page}; keys never expire"
            " unless you ask for it.",
        )
        self.code = "api_key_expired"


class OutOfCredit(ApiError):
    status, type, default_code = 402, "insufficient_quota", "insufficient_credits"


class Forbidden(ApiError):
    status, type, default_code = 403, "permission_error", "forbidden"


class AccountSuspended(Forbidden):
    """Told only to who has the secret of a key that is in order."""

    default_code = "account_suspended"

    def __init__(self, *, reason: str, page: str) -> None:
        super().__init__(
            f"This account is suspended. The reason: {reason} If you think that's a mistake, or"
            f" when it's settled, write to us: {page}",
            headers=NO_RETRY,
        )


class NotFound(ApiError):
    status, default_code = 404, "not_found"


class NotAllowed(ApiError):
    status, default_code = 405, "method_not_allowed"


class RequestTimeout(ApiError):
    status, default_code = 408, "request_timeout"


class Conflict(ApiError):
    status, type, default_code = 409, "conflict_error", "conflict"


class Gone(ApiError):
    status, default_code = 410, "gone"


class TooLarge(ApiError):
    status, default_code = 413, "request_too_large"


class UriTooLong(ApiError):
    status, default_code = 414, "uri_too_long"


class UnsupportedType(ApiError):
    status, default_code = 415, "unsupported_media_type"


class IdempotencyKeyReused(ApiError):
    status, type, default_code = 422, "idempotency_error", "idempotency_key_reused"


class TooMany(ApiError):
    status, type, default_code = 429, "rate_limit_error", "rate_limit_exceeded"


class HeadersTooLarge(ApiError):
    status, default_code = 431, "headers_too_large"


class InternalError(ApiError):
    status, type, default_code = 500, "server_error", "internal_error"

    def __init__(self, message: str = SOMETHING_BROKE, *, code: str = "") -> None:
        super().__init__(message, code=code)


class Unavailable(ApiError):
    status, type, default_code = 503, "server_error", "unavailable"

    def __init__(self, message: str, *, retry_after_s: int, **others: Any) -> None:
        # Any: what ApiError takes, passed on as it is.
        super().__init__(message, **others)
        self.headers["Retry-After"] = str(retry_after_s)


# Makes a response of an error and the id of the request; each dialect may have its own.
ErrorWriter = Callable[[ApiError, str], Response]


def header_text(message: str) -> str:
    """A sentence as a header may hold it: it may quote what was sent, line breaks included, and a
    header must not be split by them.
    """
    printable = (char if char.isascii() and char.isprintable() else "?" for char in message)
    return "".join(printable)[:MAX_HEADER].strip()


def write_error(error: ApiError, request_id: str) -> Response:
    # The shape of OpenAI, which all of /v1 has.
    body = {"error": details(error) | {"request_id": request_id}}
    return JSONResponse(body, error.status, error.headers)


def details(error: ApiError) -> dict[str, object]:
    # Every field is always there: clients look some of them up without asking.
    return {
        "message": str(error),
        "type": error.type,
        "param": error.param,
        "code": error.code,
        "metadata": error.metadata,
    }


@contextmanager
def field_errors() -> Iterator[None]:
    try:
        yield
    except ImageTooLarge as error:
        raise TooLarge(str(error), code=error.code, param=error.param) from error
    except FieldError as error:
        raise Invalid(str(error), code=error.code, param=error.param) from error
