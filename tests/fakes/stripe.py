"""A server that speaks as much of Stripe's API as we use, for Stripe's own client.

    with serving() as fake:
        settings.STRIPE_API_URL = fake.url
        ...
        fake.pay(session_id)  -> the event that Stripe would send
        fake.sign(event)      -> its body and the header Stripe-Signature

It refuses what Stripe refuses: a wrong key, parameters that an endpoint does not know or that have
a wrong type, an idempotency key that comes with another body, more refunded than was paid. Its
shapes are those of https://docs.stripe.com/api; tests/accounts/billing/test_the_fake.py holds them
to what Stripe's client makes of them.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import count
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.http.local_server import listening

SECRET_KEY, WEBHOOK_SECRET = "sk_test_fake", "whsec_fake"
Json = dict[str, Any]
LEAF = re.compile(r"\[([^\]]*)\]")

# Parameters by their path, and what their values look like.
TEXT, COUNT = r"(?s).{1,500}", r"[1-9]\d{0,7}"
CREATE_SESSION = {
    "mode": "payment",
    "client_reference_id": r"[\w-]{1,200}",
    "customer_email": r"[^@\s]+@[^@\s]+",
    "success_url": r"https?://.+",
    "cancel_url": r"https?://.+",
    "metadata.*": TEXT,
    "payment_intent_data.metadata.*": TEXT,
    "payment_intent_data.receipt_email": r"[^@\s]+@[^@\s]+",
    "line_items.0.quantity": COUNT,
    "line_items.0.price_data.currency": "[a-z]{3}",
    "line_items.0.price_data.unit_amount": COUNT,
    "line_items.0.price_data.product_data.name": TEXT,
}
CREATE_REFUND = {"payment_intent": r"pi_\w+", "amount": COUNT, "metadata.*": TEXT}
RETRIEVE = {"expand.0": "latest_charge"}


class Refusal(Exception):
    def __init__(self, status: int, kind: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **more}}


@dataclass
class FakeStripe:
    """What was created, by id; `is_down` answers 500 to everything, `declines_refunds` says so."""

    url: str = ""
    sessions: dict[str, Json] = field(default_factory=dict)
    intents: dict[str, Json] = field(default_factory=dict)
    charges: dict[str, Json] = field(default_factory=dict)
    refunds: dict[str, Json] = field(default_factory=dict)
    is_down: bool = False
    declines_refunds: bool = False
    _kept: dict[str, tuple[str, Json]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _lock: Lock = field(default_factory=Lock)

    def answer(self, method: str, path: str, headers: Mapping[str, str], raw: str) -> Json:
        """Raises Refusal."""
        if self.is_down:
            raise Refusal(500, "api_error", "Something went wrong on Stripe's end.")
        if headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            raise Refusal(401, "invalid_request_error", "Invalid API Key provided")
        with self._lock:
            key = headers.get("Idempotency-Key", "")
            if method != "POST" or not key:
                return self._act(method, path, raw)
            if key in self._kept:
                body, kept = self._kept[key]
                if body != raw:
                    raise Refusal(
                        400,
                        "idempotency_error",
                        "Keys for idempotent requests can only be used"
                        " with the same parameters they were first used with.",
                    )
                return kept
            answer = self._act(method, path, raw)
            self._kept[key] = raw, answer
            return answer

    def pay(self, session_id: str, *, is_late: bool = False) -> Json:
        """The payer pays: the session and its payment change, and there is an event of it."""
        session, number = self.sessions[session_id], next(self._numbers)
        charge_id, intent_id = f"ch_{number}", f"pi_{number}"
        self.charges[charge_id] = {
            "id": charge_id,
            "object": "charge",
            "amount": session["amount_total"],
            "amount_refunded": 0,
            "currency": "usd",
            "metadata": session["_intent"]["metadata"],
            "payment_intent": intent_id,
            "receipt_email": session["_intent"]["receipt_email"],
            "receipt_url": f"https://pay.stripe.com/receipts/{charge_id}",
            "refunded": False,
        }
        self.intents[intent_id] = {
            "id": intent_id,
            "object": "payment_intent",
            "amount": session["amount_total"],
            "currency": "usd",
            "latest_charge": charge_id,
            "metadata": session["_intent"]["metadata"],
            "status": "succeeded",
        }
        session |= {"payment_status": "paid", "status": "complete", "payment_intent": intent_id}
        kind = "async_payment_succeeded" if is_late else "completed"
        return self.event(f"checkout.session.{kind}", _public(session))

    def expire(self, session_id: str) -> Json:
        session = self.sessions[session_id]
        session |= {"status": "expired", "url": None}
        return self.event("checkout.session.expired", _public(session))

    def refund(self, intent_id: str, cents: int) -> Json:
        """As somebody does it in Stripe's dashboard: the event of it."""
        self._refund({"payment_intent": intent_id, "amount": str(cents)})
        return self.refunded(intent_id)

    def refunded(self, intent_id: str) -> Json:
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        return self.event("charge.refunded", dict(charge))

    def dispute(self, intent_id: str) -> Json:
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        return self.event(
            "charge.dispute.funds_withdrawn",
            {
                "id": f"dp_{next(self._numbers)}",
                "object": "dispute",
                "amount": charge["amount"],
                "charge": charge["id"],
                "currency": "usd",
                "payment_intent": intent_id,
                "status": "needs_response",
            },
        )

    def event(self, kind: str, about: Json) -> Json:
        return {
            "id": f"evt_{next(self._numbers)}",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(time.time()),
            "data": {"object": about},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }

    @staticmethod
    def sign(event: Json, *, secret: str = WEBHOOK_SECRET, age_s: float = 0.0) -> tuple[bytes, str]:
        """https://docs.stripe.com/webhooks#verify-manually"""
        body, at = json.dumps(event).encode(), int(time.time() - age_s)
        signed = b"%d.%b" % (at, body)
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return body, f"t={at},v1={digest}"

    def _act(self, method: str, path: str, raw: str) -> Json:
        address = urlsplit(path)
        parameters = flattened(raw if method == "POST" else address.query)
        parts = address.path.strip("/").split("/")
        match method, parts:
            case "POST", ["v1", "checkout", "sessions"]:
                return self._create_session(checked(parameters, CREATE_SESSION))
            case "GET", ["v1", "checkout", "sessions", name]:
                return _public(_found(self.sessions, name))
            case "GET", ["v1", "payment_intents", name]:
                expanded = checked(parameters, RETRIEVE)
                intent = dict(_found(self.intents, name))
                if expanded:
                    intent["latest_charge"] = self.charges[intent["latest_charge"]]
                return intent
            case "POST", ["v1", "refunds"]:
                return self._refund(checked(parameters, CREATE_REFUND))
        raise Refusal(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).")

    def _create_session(self, parameters: Mapping[str, str]) -> Json:
        name = f"cs_test_{next(self._numbers)}"
        unit = int(parameters["line_items.0.price_data.unit_amount"])
        cents = unit * int(parameters["line_items.0.quantity"])
        if cents < 50:  # Stripe's least for US dollars
            raise Refusal(
                400,
                "invalid_request_error",
                "The Checkout Session's total amount must convert to at least 50 cents.",
                code="amount_too_small",
            )
        self.sessions[name] = {
            "id": name,
            "object": "checkout.session",
            "amount_subtotal": cents,
            "amount_total": cents,
            "client_reference_id": parameters["client_reference_id"],
            "currency": parameters["line_items.0.price_data.currency"],
            "customer_email": parameters["customer_email"],
            "metadata": _under("metadata", parameters),
            "mode": "payment",
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "success_url": parameters["success_url"],
            "url": f"https://checkout.stripe.com/c/pay/{name}",
            "_intent": {
                "metadata": _under("payment_intent_data.metadata", parameters),
                "receipt_email": parameters.get("payment_intent_data.receipt_email"),
            },
        }
        return _public(self.sessions[name])

    def _refund(self, parameters: Mapping[str, str]) -> Json:
        intent = _found(self.intents, parameters["payment_intent"])
        charge, cents = self.charges[intent["latest_charge"]], int(parameters["amount"])
        if self.declines_refunds or cents > charge["amount"] - charge["amount_refunded"]:
            raise Refusal(
                400,
                "invalid_request_error",
                "Refund amount is greater than unrefunded amount on charge.",
                code="charge_already_refunded",
            )
        charge["amount_refunded"] += cents
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        name = f"re_{next(self._numbers)}"
        self.refunds[name] = {
            "id": name,
            "object": "refund",
            "amount": cents,
            "charge": charge["id"],
            "currency": "usd",
            "metadata": _under("metadata", parameters),
            "payment_intent": intent["id"],
            "status": "succeeded",
        }
        return self.refunds[name]


@contextmanager
def serving() -> Iterator[FakeStripe]:
    fake = FakeStripe()
    with listening(_Handler, fake) as fake.url:
        yield fake


def flattened(encoded: str) -> dict[str, str]:
    """`line_items[0][quantity]=1` as {"line_items.0.quantity": "1"}."""
    pairs = parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded))
    return {LEAF.sub(r".\1", name): value for name, value in pairs}


def checked(parameters: Mapping[str, str], known: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in parameters.items():
        pattern = known.get(name) or known.get(f"{name.rpartition('.')[0]}.*")
        if pattern is None:
            raise Refusal(
                400,
                "invalid_request_error",
                f"Received unknown parameter: {name}",
                code="parameter_unknown",
                param=name,
            )
        if not re.fullmatch(pattern, value):
            raise Refusal(400, "invalid_request_error", f"Invalid value for {name}", param=name)
    return parameters


def _under(prefix: str, parameters: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(f"{prefix}."): value
        for name, value in parameters.items()
        if name.startswith(f"{prefix}.")
    }


def _found(rows: Mapping[str, Json], name: str) -> Json:
    if name not in rows:
        raise Refusal(404, "invalid_request_error", f"No such: '{name}'", code="resource_missing")
    return rows[name]


def _public(session: Json) -> Json:
    return {name: value for name, value in session.items() if not name.startswith("_")}


class _Handler(BaseHTTPRequestHandler):
    hub: FakeStripe

    def do_GET(self) -> None:
        self._respond("GET", "")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._respond("POST", self.rfile.read(length).decode())

    def _respond(self, method: str, raw: str) -> None:
        try:
            status, body = 200, self.hub.answer(method, self.path, dict(self.headers), raw)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.send_header("Request-Id", "req_fake")
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        pass
