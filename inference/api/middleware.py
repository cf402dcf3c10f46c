"""The ASGI middleware around the API: what every answer carries, whatever it comes from."""

import logging
import re
import time
from collections.abc import Callable

from django.conf import settings
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accounts import credits
from accounts.models import ApiKey, User
from catalog.http import is_allowed_host
from catalog.infrastructure import log_context
from catalog.infrastructure.outages import OUTAGES
from catalog.numbers.money import usd
from inference.api import limits, representation
from inference.api.errors import ErrorWriter, Forbidden, InternalError, Invalid
from inference.api.request_context import RequestContext, of_scope
from inference.api.threads import in_thread

log = logging.getLogger(__name__)

ALWAYS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    # Any page may ask: there is no cookie, and a key travels only where a script puts it.
    "access-control-allow-origin": "*",
    # So that such a page's own developer tools can show server-timing.
    "timing-allow-origin": "*",
    "access-control-expose-headers": ", ".join(
        [
            "allow",
            "content-encoding",
            "deprecation",
            "idempotent-replayed",
            "link",
            "location",
            "openai-processing-ms",
            "preference-applied",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "server-timing",
            "sunset",
            "www-authenticate",
            "x-error-message",
            "x-gigarouter-balance",
            "x-gigarouter-cost",
            "x-ratelimit-limit-images",
            "x-ratelimit-limit-requests",
            "x-ratelimit-limited-by",
            "x-ratelimit-remaining-images",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-images",
            "x-ratelimit-reset-requests",
            "x-request-id",
            "x-should-retry",
            "x-warning",
        ]
    ),
}
HEADER_NAMES = re.compile(r"[A-Za-z0-9-]+(\s*,\s*[A-Za-z0-9-]+)*")


class ApiMiddleware:
    """Adds the headers, answers preflights, and catches what nothing inside has answered.

    `error_writer_at` a path, by a User-Agent: dialects' errors may have a shape of their own.
    """

    def __init__(self, app: ASGIApp, *, error_writer_at: Callable[[str, str], ErrorWriter]) -> None:
        self.app = app
        self.error_writer_at = error_writer_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        user_agent = dict(scope["headers"]).get(b"user-agent", b"").decode("latin-1")
        context = RequestContext(error_writer=self.error_writer_at(scope["path"], user_agent))
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

        with log_context.bound(request_id=context.request_id):
            try:
                await self._answer(scope, receive, send_with_headers)
            except Exception:  # the edge of the process
                log.exception("broken path=%s", scope["path"])
                # A client that has seen a status line must see the connection break, not another.
                if not has_begun:
                    await context.respond(InternalError())(scope, receive, send_with_headers)
            finally:
                if context.share:
                    context.share.leave()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        early_response = _refuse_host(scope) or _preflight(scope) or _refuse_plain_http(scope)
        await representation.answer(early_response or self.app, scope, receive, send)


def _refuse_host(scope: Scope) -> Response | None:
    # As Django does for pages. Two Host headers are two meanings: what one proxy checks, another
    # routes by.
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    if len(hosts) == 1 and is_allowed_host(hosts[0]):
        return None
    client = (scope.get("client") or ("-",))[0]
    log.info("refused hosts=%r client=%s", [host[:100] for host in hosts[:3]], client)
    refusal = Invalid(
        "The Host header is missing, or names another site. Use the address of the documentation.",
        code="invalid_host",
    )
    return of_scope(scope).respond(refusal)


def _preflight(scope: Scope) -> Response | None:
    request_headers = dict(scope["headers"])
    if scope["method"] != "OPTIONS" or b"access-control-request-method" not in request_headers:
        return None
    names = request_headers.get(b"access-control-request-headers", b"").decode("latin-1")
    headers = {
        "access-control-allow-methods": "GET, HEAD, POST, DELETE",
        "access-control-max-age": "7200",
        "vary": "access-control-request-headers",
    }
    if HEADER_NAMES.fullmatch(names):
        headers["access-control-allow-headers"] = names
    return Response(status_code=204, headers=headers)


def _refuse_plain_http(scope: Scope) -> Response | None:
    # No redirect: anybody on the way has seen the key by then, and its owner should learn of it.
    if not settings.SECURE_SSL_REDIRECT or scope["scheme"] == "https":
        return None
    refusal = Forbidden(
        "The API speaks https only. Replace a key that was sent without it.", code="https_required"
    )
    return of_scope(scope).respond(refusal)


async def _headers(status: int, context: RequestContext) -> list[tuple[bytes, bytes]]:
    processing_ms = round((time.monotonic() - context.started_s) * 1000)
    headers = ALWAYS | {
        "x-request-id": context.request_id,
        "openai-processing-ms": str(processing_ms),
        # What a job's answer says of its own times stands in a line before this one.
        "server-timing": f"total;dur={processing_ms}",
        "x-gigarouter-cost": usd(context.cost_micro_usd),
    }
    if settings.SECURE_HSTS_SECONDS:
        headers["strict-transport-security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    # What broke may be what the account's headers would be asked of.
    if status < 500:
        headers |= await _account_headers(context)
    else:
        headers |= limits.policy_headers(context.rate_limit)
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


async def _account_headers(context: RequestContext) -> dict[str, str]:
    # Limits and balance as they are now. They are no reason to withhold an answer.
    if context.user is None or context.key is None:
        return limits.policy_headers(context.rate_limit)
    if context.window and context.window.is_over:
        context.window = None  # the call waited into the next minute
    if context.window is None or context.available_micro_usd is None:
        try:
            await in_thread(_look_up, context, context.user, context.key)
        except OUTAGES as error:
            log.warning("headers left out error=%r", error)
    if context.window is None or context.available_micro_usd is None:
        return limits.policy_headers(context.rate_limit)
    balance = {"x-gigarouter-balance": usd(context.available_micro_usd)}
    images = limits.image_headers(context.images) if context.images else {}
    return limits.headers(context.window) | images | balance


def _look_up(context: RequestContext, user: User, key: ApiKey) -> None:
    if context.window is None:
        context.window = limits.current_window(key, context.rate_limit)
    if context.available_micro_usd is None:
        context.available_micro_usd = credits.available_to(user)
