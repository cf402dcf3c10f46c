"""What is paid is credited once, what is refunded is taken back once, and the ledger agrees."""

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from accounts import credits
from accounts.billing import checkout
from accounts.credits import ledger
from accounts.models import (
    Category,
    Entry,
    EntryKind,
    Grant,
    Purchase,
    PurchaseState,
    StripeEvent,
    User,
)
from tests.accounts.billing.conftest import Send, available
from tests.fakes.stripe import FakeStripe
from tests.support.threads import at_once

USD = 1_000_000


def test_a_payment_is_credited_with_its_event(paid: Purchase, ada: User) -> None:
    assert (paid.state, available(ada)) == (PurchaseState.PAID, 20 * USD)
    grant = Grant.objects.get()
    assert (grant.category, grant.reference) == (Category.PURCHASE, paid.reference)
    assert grant.expires_at is None
    assert ledger.check().differences == ()


def test_nothing_is_credited_before_it_is_paid(
    begun: Purchase, ada: User, stripe_server: FakeStripe, send: Send
) -> None:
    session = stripe_server.sessions[begun.session_id or ""]
    unpaid = {name: value for name, value in session.items() if not name.startswith("_")}

    assert send(stripe_server.event("checkout.session.completed", unpaid)).status_code == 200

    assert available(ada) == 0
    assert send(stripe_server.pay(begun.session_id or "", is_late=True)).status_code == 200
    assert available(ada) == 20 * USD


def test_an_event_that_comes_again_adds_nothing(
    begun: Purchase, ada: User, stripe_server: FakeStripe, send: Send
) -> None:
    event = stripe_server.pay(begun.session_id or "")

    assert [send(event).status_code for _ in range(3)] == [200, 200, 200]
    # Another event of the same session.
    again = stripe_server.event("checkout.session.async_payment_succeeded", event["data"]["object"])
    assert send(again).status_code == 200

    assert available(ada) == 20 * USD
    assert StripeEvent.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_events_and_the_payer_at_once_add_it_once(stripe_server: FakeStripe, send: Send) -> None:
    ada = User.objects.create_user("ada@lab.example")
    checkout.begin(ada, 2000)
    begun = Purchase.objects.get()
    event = stripe_server.pay(begun.session_id or "")

    def arrive(index: int) -> None:
        if index % 2:
            send(event)
        else:
            checkout.refresh(Purchase.objects.get())

    at_once(arrive, 8)

    assert available(ada) == 20 * USD
    assert Grant.objects.count() == 1
    assert ledger.check().differences == ()


def test_the_way_back_from_stripe_credits_what_its_event_has_not(
    begun: Purchase, ada: User, stripe_server: FakeStripe, client: Client
) -> None:
    stripe_server.pay(begun.session_id or "")
    client.force_login(ada)

    page = client.get(f"/account/credit/purchases/{begun.pk}/", follow=True).content.decode()

    assert "$20.00 was added" in page
    assert available(ada) == 20 * USD


def test_the_hourly_round_finds_payments_whose_news_was_lost(
    begun: Purchase, ada: User, stripe_server: FakeStripe
) -> None:
    stripe_server.pay(begun.session_id or "")
    assert checkout.refresh_open() == 0  # it may be under way

    Purchase.objects.update(created_at="2026-01-01T00:00:00Z")
    assert checkout.refresh_open() == 0  # Stripe has long closed it
    Purchase.objects.update(created_at=Now() - checkout.LEFT_OPEN * 2)
    assert checkout.refresh_open() == 1

    assert available(ada) == 20 * USD


@pytest.mark.parametrize(
    "signing", [{"secret": "whsec_other"}, {"age_s": 600.0}], ids=["another secret", "old"]
)
def test_an_event_without_a_good_signature_is_refused(
    begun: Purchase,
    ada: User,
    stripe_server: FakeStripe,
    send: Send,
    signing: dict[str, object],
) -> None:
    event = stripe_server.pay(begun.session_id or "")

    assert send(event, **signing).status_code == 400

    assert available(ada) == 0
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense", b"\xff"])
def test_nonsense_at_the_webhook_is_refused(
    stripe_server: FakeStripe, client: Client, db: None, body: bytes
) -> None:
    answer = client.post("/webhooks/stripe/", body, content_type="application/json")

    assert answer.status_code == 400
    assert client.get("/webhooks/stripe/").status_code == 405


def test_without_a_secret_there_is_no_webhook(client: Client, db: None) -> None:
    assert client.post("/webhooks/stripe/", b"{}", content_type="text/plain").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"amount_subtotal": 1},
        {"currency": "jpy"},
        {"metadata": {"purchase": "11111111-1111-1111-1111-111111111111"}},
        {"metadata": {"purchase": "no id"}},
        {"metadata": {}},
        {"metadata": None},
        {"id": "cs_test_another"},
    ],
)
def test_a_payment_that_is_not_what_was_asked_for_credits_nothing(
    begun: Purchase,
    ada: User,
    stripe_server: FakeStripe,
    send: Send,
    change: dict[str, object],
) -> None:
    event = stripe_server.pay(begun.session_id or "")
    event["data"]["object"] |= change

    assert send(event).status_code == 200

    assert available(ada) == 0


def test_an_expired_session_is_closed(
    begun: Purchase, stripe_server: FakeStripe, send: Send
) -> None:
    send(stripe_server.expire(begun.session_id or ""))

    begun.refresh_from_db()
    assert begun.state == PurchaseState.EXPIRED


def test_a_refund_takes_the_credit_back_once(
    paid: Purchase, ada: User, stripe_server: FakeStripe, send: Send
) -> None:
    first = stripe_server.refund(paid.payment_intent_id or "", 500)
    second = stripe_server.refund(paid.payment_intent_id or "", 700)

    # In the wrong order, and one of them twice.
    for event in (second, first, second):
        assert send(event).status_code == 200

    assert available(ada) == 8 * USD
    paid.refresh_from_db()
    assert paid.refunded_cents == 1200
    refunded = Entry.objects.filter(kind=EntryKind.REFUND)
    assert sum(entry.balance_effect_micro_usd for entry in refunded) == -12 * USD
    assert ledger.check().differences == ()


def test_a_refund_before_the_payment_is_known_comes_again(
    begun: Purchase, ada: User, stripe_server: FakeStripe, send: Send
) -> None:
    payment = stripe_server.pay(begun.session_id or "")
    refund = stripe_server.refund(payment["data"]["object"]["payment_intent"], 2000)

    assert send(refund).status_code == 409
    assert send(payment).status_code == 200
    assert send(refund).status_code == 200

    assert available(ada) == 0


def test_a_refund_of_what_is_spent_takes_what_is_left(
    paid: Purchase, ada: User, stripe_server: FakeStripe, send: Send
) -> None:
    credits.grant(
        ada, amount_micro_usd=USD, category=Category.PROMOTION, reference="promotion:1", priority=99
    )
    credits.hold(ada, amount_micro_usd=15 * USD, reference="job:1")
    credits.hold(ada, amount_micro_usd=2 * USD, reference="job:2")
    credits.capture("job:1")

    assert send(stripe_server.refund(paid.payment_intent_id or "", 2000)).status_code == 200

    # $5 of the purchase were left, of which $1 may pay for what is held, as the promotion may.
    assert available(ada) == 0
    assert credits.capture("job:2") is credits.Outcome.DONE
    assert ledger.check().differences == ()


def test_money_that_the_bank_took_back_takes_the_credit(
    paid: Purchase, ada: User, stripe_server: FakeStripe, send: Send
) -> None:
    assert send(stripe_server.dispute(paid.payment_intent_id or "")).status_code == 200

    assert available(ada) == 0
    assert ledger.check().differences == ()


def test_the_ledger_still_agrees_by_the_command(paid: Purchase) -> None:
    call_command("check_ledger")


def test_a_receipt_is_stripes_and_the_payers_own(
    paid: Purchase, ada: User, client: Client, stripe_server: FakeStripe
) -> None:
    address = f"/account/credit/purchases/{paid.pk}/receipt/"
    bob = User.objects.create_user("bob@lab.example")
    client.force_login(bob)
    assert client.get(address).status_code == 404
    assert client.get(f"/account/credit/purchases/{paid.pk}/").status_code == 404

    client.force_login(ada)
    answer = client.get(address)

    assert (answer.status_code, answer["Location"][:33]) == (
        302,
        "https://pay.stripe.com/receipts/c",
    )
    assert "at Stripe" in client.get("/account/credit/").content.decode()


def test_begin_leads_to_stripe(stripe_server: FakeStripe, ada: User, client: Client) -> None:
    client.force_login(ada)

    answer = client.post("/account/credit/add/", {"pack": "other", "amount": "12.34"})

    assert answer.status_code == 303
    assert answer["Location"].startswith("https://checkout.stripe.com/")
    [session] = stripe_server.sessions.values()
    assert (session["amount_total"], session["customer_email"]) == (1234, ada.email)
    assert available(ada) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"pack": "7"},
        {"pack": "other"},
        {"pack": "other", "amount": "4.99"},
        {"pack": "other", "amount": "1000.01"},
        {"pack": "other", "amount": "5.001"},
        {"pack": "other", "amount": "-20"},
        {"pack": "other", "amount": "NaN"},
        {"pack": "other", "amount": "1e3000"},
        {"pack": "other", "amount": "much"},
    ],
)
def test_an_amount_that_is_not_on_offer_is_refused(
    stripe_server: FakeStripe, ada: User, client: Client, fields: dict[str, str]
) -> None:
    client.force_login(ada)

    assert client.post("/account/credit/add/", fields).status_code == 400

    assert not stripe_server.sessions
    assert not Purchase.objects.exists()


def test_while_stripe_is_away_the_page_says_that_nothing_was_charged(
    stripe_server: FakeStripe, ada: User, client: Client
) -> None:
    client.force_login(ada)
    stripe_server.is_down = True

    answer = client.post("/account/credit/add/", {"pack": "20"})

    assert answer.status_code == 400
    assert "nothing was charged" in answer.content.decode()
    assert Purchase.objects.get().state == PurchaseState.FAILED


def test_without_keys_the_page_says_who_can_grant_credit(
    ada: User, client: Client, settings: Settings
) -> None:
    settings.OPERATOR_NAME, settings.CONTACT_EMAIL = "The Lab", "money@lab.example"
    client.force_login(ada)

    page = client.get("/account/credit/add/").content.decode()

    assert "take payments" in page
    assert "The Lab runs it" in page
    assert "mailto:money@lab.example" in page
    assert client.post("/account/credit/add/", {"pack": "20"}).status_code == 200
    assert not Purchase.objects.exists()


def test_strangers_are_asked_to_sign_in(client: Client, db: None) -> None:
    for path in ("/account/credit/add/", "/account/credit/"):
        assert client.get(path).status_code == 302
