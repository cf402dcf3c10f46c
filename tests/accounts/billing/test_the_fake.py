"""The fake is what Stripe's own client takes it for: it parses the answers, raises the errors."""

from typing import Any

import pytest
import stripe

from tests.fakes import stripe as fakes
from tests.fakes.stripe import FakeStripe


def client(fake: FakeStripe, key: str = fakes.SECRET_KEY) -> stripe.StripeClient:
    return stripe.StripeClient(key, base_addresses={"api": fake.url}, max_network_retries=0)


def session_parameters(cents: int = 2000) -> stripe.params.checkout.SessionCreateParams:
    return {
        "mode": "payment",
        "client_reference_id": "7",
        "customer_email": "ada@lab.example",
        "success_url": "https://site.example/back",
        "cancel_url": "https://site.example/again",
        "metadata": {"purchase": "p"},
        "payment_intent_data": {"metadata": {"purchase": "p"}, "receipt_email": "ada@lab.example"},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": cents,
                    "product_data": {"name": "credit"},
                },
            }
        ],
    }


def test_its_session_is_one_of_stripes(stripe_server: FakeStripe) -> None:
    created = client(stripe_server).v1.checkout.sessions.create(session_parameters())
    read = client(stripe_server).v1.checkout.sessions.retrieve(created.id)

    assert isinstance(read, stripe.checkout.Session)
    assert (read.amount_subtotal, read.currency, read.payment_status) == (2000, "usd", "unpaid")
    assert read.metadata is not None
    assert read.metadata["purchase"] == "p"
    assert (read.url or "").startswith("https://checkout.stripe.com/")


def test_its_payment_has_a_charge_with_a_receipt(stripe_server: FakeStripe) -> None:
    session = client(stripe_server).v1.checkout.sessions.create(session_parameters())
    stripe_server.pay(session.id)
    paid = client(stripe_server).v1.checkout.sessions.retrieve(session.id)
    assert isinstance(paid.payment_intent, str)

    intent = client(stripe_server).v1.payment_intents.retrieve(
        paid.payment_intent, {"expand": ["latest_charge"]}
    )

    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.receipt_email == "ada@lab.example"


def test_its_events_are_typed_and_verified(stripe_server: FakeStripe) -> None:
    session = client(stripe_server).v1.checkout.sessions.create(session_parameters())
    body, signature = stripe_server.sign(stripe_server.pay(session.id))

    event = stripe.Webhook.construct_event(body, signature, fakes.WEBHOOK_SECRET)

    assert event.type == "checkout.session.completed"
    assert isinstance(event.data.object, stripe.checkout.Session)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, fakes.WEBHOOK_SECRET)


def test_it_refuses_as_stripe_does(stripe_server: FakeStripe) -> None:
    sessions = client(stripe_server).v1.checkout.sessions
    with pytest.raises(stripe.AuthenticationError):
        client(stripe_server, "sk_test_other").v1.checkout.sessions.create(session_parameters())
    misspelled: Any = {**session_parameters(), "colour": "red"}
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        sessions.create(misspelled)
    with pytest.raises(stripe.InvalidRequestError, match="at least 50 cents"):
        sessions.create(session_parameters(49))
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        sessions.retrieve("cs_test_none")
    stripe_server.is_down = True
    with pytest.raises(stripe.APIError):
        sessions.retrieve("cs_test_none")


def test_an_idempotency_key_is_for_one_request(stripe_server: FakeStripe) -> None:
    sessions = client(stripe_server).v1.checkout.sessions
    first = sessions.create(session_parameters(), {"idempotency_key": "one"})
    again = sessions.create(session_parameters(), {"idempotency_key": "one"})

    assert first.id == again.id
    with pytest.raises(stripe.IdempotencyError):
        sessions.create(session_parameters(3000), {"idempotency_key": "one"})


def test_no_more_is_refunded_than_was_paid(stripe_server: FakeStripe) -> None:
    session = client(stripe_server).v1.checkout.sessions.create(session_parameters())
    stripe_server.pay(session.id)
    intent = stripe_server.sessions[session.id]["payment_intent"]
    refunds = client(stripe_server).v1.refunds

    refund = refunds.create({"payment_intent": intent, "amount": 1500})

    assert isinstance(refund, stripe.Refund)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        refunds.create({"payment_intent": intent, "amount": 501})
