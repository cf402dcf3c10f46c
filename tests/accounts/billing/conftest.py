"""Ada pays at a Stripe of our own, and its events arrive signed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts import credits
from accounts.billing import checkout
from accounts.models import Purchase, User
from tests.fakes import stripe as fakes
from tests.fakes.stripe import FakeStripe
from tests.support.http.responses import Response

Send = Callable[..., Response]


@pytest.fixture
def stripe_server(settings: Settings) -> Iterator[FakeStripe]:
    with fakes.serving() as fake:
        settings.STRIPE_SECRET_KEY = fakes.SECRET_KEY
        settings.STRIPE_WEBHOOK_SECRET = fakes.WEBHOOK_SECRET
        settings.STRIPE_API_URL = fake.url
        yield fake


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


@pytest.fixture
def send(stripe_server: FakeStripe) -> Send:
    """An event to our webhook, as Stripe sends it."""

    def post(event: dict[str, Any], **signing: Any) -> Response:
        body, signature = stripe_server.sign(event, **signing)
        return Client().post(
            "/webhooks/stripe/",
            body,
            content_type="application/json",
            headers={"Stripe-Signature": signature},
        )

    return post


@pytest.fixture
def begun(stripe_server: FakeStripe, ada: User) -> Purchase:
    """$20, not paid yet."""
    checkout.begin(ada, 2000)
    return Purchase.objects.get()


@pytest.fixture
def paid(begun: Purchase, stripe_server: FakeStripe, send: Send) -> Purchase:
    assert begun.session_id
    assert send(stripe_server.pay(begun.session_id)).status_code == 200
    begun.refresh_from_db()
    return begun


def available(user: User) -> int:
    return credits.available_to(user)
