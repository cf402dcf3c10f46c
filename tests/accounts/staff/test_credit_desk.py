"""What the operator does at the money desk is done once, said to the customer, and adds up."""

import re
import uuid

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from accounts import credits
from accounts.credits import ledger, statement
from accounts.models import Category, CreditAction, Grant, LedgerCheck, Purchase, User, Wallet
from accounts.staff import credit_desk
from accounts.staff.credit_desk.verbs import Instruction
from accounts.tasks import check_ledger
from tests.accounts.billing.conftest import (  # noqa: F401  fixtures
    Send,
    available,
    begun,
    paid,
    send,
    stripe_server,
)
from tests.fakes.stripe import FakeStripe
from tests.support.threads import at_once

USD = 1_000_000


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


@pytest.fixture
def wallet(ada: User) -> Wallet:
    return credits.wallet_of(ada)


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("op@lab.example")


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def instruction(by: User, reason: str = "for the outage") -> Instruction:
    return Instruction(id=uuid.uuid4(), by=by, reason=reason)


def fields(**more: str) -> dict[str, str]:
    return {"action_id": str(uuid.uuid4()), "reason": "for the outage", **more}


def test_credit_is_added_with_a_reason_that_the_customer_reads(
    desk: Client, wallet: Wallet, ada: User, operator: User
) -> None:
    answer = desk.post(f"/admin/credit/{wallet.pk}/", fields(verb="add", usd="2.50"), follow=True)

    assert "Done: add credit, $2.50" in answer.content.decode()
    assert available(ada) == 2_500_000
    [line] = statement.page(ada).lines
    assert line.words == "credit added by the operator: for the outage"
    action = CreditAction.objects.get()
    assert (action.by, action.reason, action.amount_micro_usd) == (
        operator,
        "for the outage",
        2_500_000,
    )
    assert "for the outage" in LogEntry.objects.get().change_message
    assert ledger.check().differences == ()


def test_a_form_that_is_sent_twice_adds_once(desk: Client, wallet: Wallet, ada: User) -> None:
    form = fields(verb="add", usd="1")

    for _ in range(3):
        assert desk.post(f"/admin/credit/{wallet.pk}/", form).status_code == 302

    assert available(ada) == USD


@pytest.mark.django_db(transaction=True)
def test_clicks_at_once_add_once() -> None:
    ada, operator = (User.objects.create_user(f"{name}@lab.example") for name in ("ada", "op"))
    wallet, one = credits.wallet_of(ada), instruction(operator)

    at_once(lambda _: credit_desk.add(wallet, USD, one), 8)

    assert available(ada) == USD
    assert ledger.check().differences == ()


def test_credit_is_taken_but_not_what_is_held_or_spent(
    wallet: Wallet, ada: User, operator: User
) -> None:
    credit_desk.add(wallet, USD, instruction(operator))
    credits.hold(ada, amount_micro_usd=300_000, reference="job:1")

    with pytest.raises(credit_desk.DeskError, match=r"Only \$0.70"):
        credit_desk.take(wallet, 700_001, instruction(operator))
    assert available(ada) == 700_000
    credit_desk.take(wallet, 700_000, instruction(operator))

    assert available(ada) == 0
    assert credits.capture("job:1") is credits.Outcome.DONE
    assert CreditAction.objects.count() == 2
    assert ledger.check().differences == ()


def test_a_grant_is_voided_once(desk: Client, wallet: Wallet, ada: User) -> None:
    grant = credits.grant(
        ada, amount_micro_usd=USD, category=Category.WELCOME, reference="welcome:1"
    )
    credits.hold(ada, amount_micro_usd=400_000, reference="job:1")
    address = f"/admin/credit/grants/{grant.pk}/void/"
    assert "$1.00 of welcome:1 is left" in desk.get(address).content.decode()

    assert desk.post(address, fields()).status_code == 302
    again = desk.post(address, fields())

    assert "voided before" in again.content.decode()
    assert available(ada) == 0
    assert credits.capture("job:1") is credits.Outcome.DONE
    assert statement.page(ada).lines[1].words == "taken back: for the outage"
    assert ledger.check().differences == ()


def test_a_refund_goes_to_stripe_and_takes_the_credit(
    desk: Client,
    paid: Purchase,  # noqa: F811
    ada: User,
    stripe_server: FakeStripe,  # noqa: F811
    send: Send,  # noqa: F811
) -> None:
    address = f"/admin/credit/purchases/{paid.pk}/refund/"
    assert "$20.00 was paid" in desk.get(address).content.decode()
    form = fields(usd="12.50")

    assert [desk.post(address, form).status_code for _ in range(2)] == [302, 302]

    [refund] = stripe_server.refunds.values()
    assert refund["amount"] == 1250
    assert available(ada) == 7_500_000
    # Stripe's own event of it takes nothing more.
    assert send(stripe_server.refunded(paid.payment_intent_id or "")).status_code == 200
    assert available(ada) == 7_500_000
    assert Purchase.objects.get().refunded_cents == 1250
    assert CreditAction.objects.get().refund_id == refund["id"]
    assert ledger.check().differences == ()


def test_more_than_is_left_is_not_refunded(
    paid: Purchase,  # noqa: F811
    ada: User,
    operator: User,
    stripe_server: FakeStripe,  # noqa: F811
) -> None:
    credits.hold(ada, amount_micro_usd=5 * USD, reference="job:1")
    credits.capture("job:1")

    with pytest.raises(credit_desk.DeskError, match=r"Only \$15.00"):
        credit_desk.refund(paid, 1501, instruction(operator))

    assert not stripe_server.refunds
    assert not CreditAction.objects.exists()
    assert available(ada) == 15 * USD


def test_a_refund_that_stripe_refuses_is_undone(
    paid: Purchase,  # noqa: F811
    ada: User,
    operator: User,
    stripe_server: FakeStripe,  # noqa: F811
) -> None:
    stripe_server.declines_refunds = True

    with pytest.raises(credit_desk.DeskError, match="nothing has changed"):
        credit_desk.refund(paid, 2000, instruction(operator))

    assert available(ada) == 20 * USD
    assert Purchase.objects.get().refunded_cents == 0
    assert ledger.check().differences == ()


def test_a_refund_without_an_answer_is_sent_again_and_made_once(
    desk: Client,
    paid: Purchase,  # noqa: F811
    ada: User,
    stripe_server: FakeStripe,  # noqa: F811
) -> None:
    stripe_server.is_down = True
    page = desk.post(f"/admin/credit/purchases/{paid.pk}/refund/", fields(usd="20"))
    assert "did not answer" in page.content.decode()
    assert available(ada) == 0  # nobody spends what may be on its way back
    stripe_server.is_down = False
    action = CreditAction.objects.get()
    address = f"/admin/credit/{paid.wallet_id}/"
    assert "send again" in desk.get(address).content.decode()

    for _ in range(2):
        desk.post(f"/admin/credit/refunds/{action.pk}/send/")

    assert len(stripe_server.refunds) == 1
    assert available(ada) == 0
    assert "send again" not in desk.get(address).content.decode()
    assert ledger.check().differences == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"usd": "0"},
        {"usd": "-1"},
        {"usd": "NaN"},
        {"usd": "100001"},
        {"usd": "0.0000001"},
        {"reason": ""},
        {"verb": "steal"},
        {"action_id": "no"},
    ],
)
def test_what_makes_no_sense_is_refused(
    desk: Client, wallet: Wallet, ada: User, wrong: dict[str, str]
) -> None:
    form = fields(verb="add", usd="1") | wrong

    assert desk.post(f"/admin/credit/{wallet.pk}/", form).status_code == 400

    assert not Grant.objects.exists()


def test_only_those_who_may_change_wallets_come_here(client: Client, wallet: Wallet) -> None:
    address = f"/admin/credit/{wallet.pk}/"
    staff = User.objects.create_user("staff@lab.example", is_staff=True)
    assert client.get(address).status_code == 302
    client.force_login(staff)
    assert client.get(address).status_code == 403
    assert client.post(address, fields(verb="add", usd="1")).status_code == 403

    staff.user_permissions.add(Permission.objects.get(codename="change_wallet"))
    client.force_login(User.objects.get(pk=staff.pk))

    assert client.get(address).status_code == 200


def test_the_list_of_wallets_leads_to_the_desk(desk: Client, wallet: Wallet) -> None:
    page = desk.get("/admin/accounts/wallet/").content.decode()

    assert re.search(rf'href="/admin/credit/{wallet.pk}/"', page)


def test_the_outcome_of_the_daily_check_is_remembered(
    wallet: Wallet, ada: User, operator: User
) -> None:
    credit_desk.add(wallet, USD, instruction(operator))

    check_ledger()

    checked = LedgerCheck.objects.get()
    assert (checked.wallets, checked.entries, checked.differences) == (1, 1, 0)
    LedgerCheck.objects.update(checked_at="2026-01-01T00:00:00Z")
    Wallet.objects.update(balance_micro_usd=USD + 7)
    check_ledger()
    last = ledger.last_check()
    assert last is not None
    assert (last.differences, last.difference_micro_usd) == (2, 14)
    assert LedgerCheck.objects.count() == 1  # what is old is forgotten
