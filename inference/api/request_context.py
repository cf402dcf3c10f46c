"""What is known of a request by the time it is answered: the headers of the answer say so."""

import time
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from accounts.models import ApiKey, User
from catalog.infrastructure import log_context
from inference.api import errors
from inference.api.errors import ApiError, ErrorWriter
from inference.api.limits import ImageWindow, RateLimit, Window
from inference.api.shares import Share


@dataclass
class RequestContext:
    request_id: str = field(default_factory=log_context.new_request_id)
    started_s: float = field(default_factory=time.monotonic)
    error_writer: ErrorWriter = errors.write_error
    user: User | None = None
    key: ApiKey | None = None
    cost_micro_usd: int = 0
    # Until the route is known, the limit that most callers meet.
    rate_limit: RateLimit = RateLimit.SUBMISSIONS
    # What a route has looked up anyway is not looked up again for the headers.
    window: Window | None = None
    images: ImageWindow | None = None
    available_micro_usd: int | None = None
    share: Share | None = None

    def respond(self, error: ApiError) -> Response:
        # In the shape of the dialect that was spoken to.
        return self.error_writer(error, self.request_id)


def context_of(request: Request) -> RequestContext:
    return of_scope(request.scope)


def of_scope(scope: Scope) -> RequestContext:
    context: RequestContext = scope["state"]["context"]
    return context
