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
from inference.api import limits
from inference.api.amounts import usd
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
class Facts:
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


def facts_of(request: Request) -> Facts:
    facts: Facts = request.scope["state"]["facts"]
    return facts


class Envelope:
    """Adds the headers, answers preflights, and catches what nothing inside has answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        facts = Facts()
        scope["state"] = {**scope.get("state", {}), "facts": facts}
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"] = [
                    *message["headers"],
                    *await _headers(message["status"], facts),
                ]
            await send(message)

        try:
            await self._answer(scope, receive, send_with_headers)
        except Exception:  # the edge of the process
            log.exception("broken path=%s request_id=%s", scope["path"], facts.request_id)
            if not has_begun:
                broken = Broken("Something broke on our side. It was logged; please try again.")
                await response_of(broken, scope)(scope, receive, send_with_headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        early = _preflight(scope) or _refused_in_the_clear(scope)
        await (early or self.app)(scope, receive, send)


def _preflight(scope: Scope) -> Response | None:
    asked = dict(scope["headers"])
    if scope["method"] != "OPTIONS" or b"access-control-request-method" not in asked:
        return None
    wanted = asked.get(b"access-control-request-headers", b"").decode("latin-1")
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


async def _headers(status: int, facts: Facts) -> list[tuple[bytes, bytes]]:
    spent_ms = round((time.monotonic() - facts.started_s) * 1000)
    found = ALWAYS | {
        "x-request-id": facts.request_id,
        "openai-processing-ms": str(spent_ms),
        "x-gigarouter-cost": usd(facts.cost_micro_usd),
    }
    if settings.SECURE_HSTS_SECONDS:
        found["strict-transport-security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    if status < 500:
        found |= await _account_headers(facts)
    else:
        found |= limits.policy(facts.calls)
    return [(name.encode(), value.encode("latin-1")) for name, value in found.items()]


async def _account_headers(facts: Facts) -> dict[str, str]:
    """Limits and balance as they are now. They are no reason to withhold an answer."""
    if facts.user is None or facts.key is None:
        return limits.policy(facts.calls)
    if facts.window and facts.window.is_over:
        facts.window = None  # the call waited into the next one
    if facts.window is None or facts.available_micro_usd is None:
        try:
            await in_thread(_learn, facts, facts.user, facts.key)
        except OUTAGES as error:
            log.warning("headers left out error=%r", error)
    if facts.window is None or facts.available_micro_usd is None:
        return limits.policy(facts.calls)
    balance = {"x-gigarouter-balance": usd(facts.available_micro_usd)}
    return limits.headers(facts.window) | balance


def _learn(facts: Facts, user: User, key: ApiKey) -> None:
    if facts.window is None:
        facts.window = limits.window_of(key, facts.calls)
    if facts.available_micro_usd is None:
        facts.available_micro_usd = credits.available_to(user)
