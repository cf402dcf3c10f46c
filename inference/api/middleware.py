"""What every answer of the API carries, whatever route, refusal or accident it comes from."""

import logging
import re
import time
import uuid
from dataclasses import dataclass, field

from django.conf import settings
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accounts import credits
from accounts.models import ApiKey, User
from catalog.infrastructure.outages import OUTAGES
from catalog.numbers.money import usd
from inference.api import limits
from inference.api.errors import Broken, Forbidden, response_of
from inference.api.threads import in_thread

log = logging.getLogger(__name__)

ALWAYS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    # Any page may ask: there is no cookie, and a key travels only where a script puts it.
    "access-control-allow-origin": "*",
    "access-control-expose-headers": ", ".join(
        [
            "location",
            "preference-applied",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "x-error-message",
            "x-gigarouter-balance",
            "x-gigarouter-cost",
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
            "x-request-id",
        ]
    ),
}
HEADER_NAMES = re.compile(r"[A-Za-z0-9-]+(\s*,\s*[A-Za-z0-9-]+)*")


@dataclass
class RequestContext:
    """What is known of a request by the time it is answered."""

    request_id: str = field(default_factory=lambda: f"req_{uuid.uuid4().hex}")
    started_s: float = field(default_factory=time.monotonic)
    user: User | None = None
    key: ApiKey | None = None
    cost_micro_usd: int = 0
    # Which limit it counts for; until that is known, the one that most callers meet.
    calls: limits.Calls = limits.Calls.SUBMITS
    # What a route has learned by the way need not be asked again for the headers.
    window: limits.Window | None = None
    available_micro_usd: int | None = None


def context_of(request: Request) -> RequestContext:
    context: RequestContext = request.scope["state"]["context"]
    return context


class Envelope:
    """Adds the headers, answers preflights, and catches what nothing inside has answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = RequestContext()
        scope["state"] = {**scope.get("state", {}), "context": context}
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"] = [
                    *message["headers"],
                    *await _headers(message["status"], context),
                ]
            await send(message)

        try:
            await self._answer(scope, receive, send_with_headers)
        except Exception:  # the edge of the process
            log.exception("broken path=%s request_id=%s", scope["path"], context.request_id)
            if not has_begun:
                broken = Broken("Something broke on our side. It was logged; please try again.")
                await response_of(broken, scope)(scope, receive, send_with_headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        early = _preflight(scope) or _refused_in_the_clear(scope)
        await (early or self.app)(scope, receive, send)


def _preflight(scope: Scope) -> Response | None:
    parsed = dict(scope["headers"])
    if scope["method"] != "OPTIONS" or b"access-control-request-method" not in parsed:
        return None
    wanted = parsed.get(b"access-control-request-headers", b"").decode("latin-1")
    headers = {
        "access-control-allow-methods": "GET, POST",
        "access-control-max-age": "7200",
        "vary": "access-control-request-headers",
    }
    if HEADER_NAMES.fullmatch(wanted):
        headers["access-control-allow-headers"] = wanted
    return Response(status_code=204, headers=headers)


def _refused_in_the_clear(scope: Scope) -> Response | None:
    """No redirect: the key has been seen by then, and whoever sent it should learn of it."""
    proxy = dict(scope["headers"]).get(b"x-forwarded-proto", b"")
    if not settings.SECURE_SSL_REDIRECT or scope["scheme"] == "https" or proxy == b"https":
        return None
    refusal = Forbidden(
        "The API speaks https only. Replace a key that was sent without it.", code="https_required"
    )
    return response_of(refusal, scope)


async def _headers(status: int, context: RequestContext) -> list[tuple[bytes, bytes]]:
    spent_ms = round((time.monotonic() - context.started_s) * 1000)
    found = ALWAYS | {
        "x-request-id": context.request_id,
        "openai-processing-ms": str(spent_ms),
        "x-gigarouter-cost": usd(context.cost_micro_usd),
    }
    if settings.SECURE_HSTS_SECONDS:
        found["strict-transport-security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    if status < 500:
        found |= await _account_headers(context)
    else:
        found |= limits.policy(context.calls)
    return [(name.encode(), value.encode("latin-1")) for name, value in found.items()]


async def _account_headers(context: RequestContext) -> dict[str, str]:
    """Limits and balance as they are now. They are no reason to withhold an answer."""
    if context.user is None or context.key is None:
        return limits.policy(context.calls)
    if context.window and context.window.is_over:
        context.window = None  # the call waited into the next one
    if context.window is None or context.available_micro_usd is None:
        try:
            await in_thread(_learn, context, context.user, context.key)
        except OUTAGES as error:
            log.warning("headers left out error=%r", error)
    if context.window is None or context.available_micro_usd is None:
        return limits.policy(context.calls)
    balance = {"x-gigarouter-balance": usd(context.available_micro_usd)}
    return limits.headers(context.window) | balance


def _learn(context: RequestContext, user: User, key: ApiKey) -> None:
    if context.window is None:
        context.window = limits.window_of(key, context.calls)
    if context.available_micro_usd is None:
        context.available_micro_usd = credits.available_to(user)
