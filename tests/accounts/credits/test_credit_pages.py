"""The statement shows a person's own money, and nobody else's."""

import csv
import itertools
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts import credits, keys
from accounts.credits import statement
from accounts.models import ApiKey, Category, Entry, Grant, Hold, User, Wallet
from catalog.numbers.money import format_usd

PAGES = ["/account/credit/", "/account/credit.csv"]


@pytest.fixture
def ada(db: None) -> User:
    ada = User.objects.create_user("ada@lab.example")
    credits.grant(
        ada,
        amount_micro_usd=1_000_000,
        category=Category.WELCOME,
        reference="welcome:1",
        expires_at=timezone.now() + timedelta(days=365),
    )
    credits.hold(ada, amount_micro_usd=94, reference="job:1")
    credits.capture("job:1")
    credits.hold(ada, amount_micro_usd=940, reference="job:2")
    return ada


@pytest.fixture
def signed_in(client: Client, ada: User) -> Client:
    client.force_login(ada)
    return client


def test_the_page_shows_balance_grants_and_lines(signed_in: Client) -> None:
    page = signed_in.get("/account/credit/").content.decode()

    assert "<h1>$0.998966</h1>" in page
    assert "$0.00094 is held" in page
    assert "free credit" in page
    assert "−$0.000094" in page
    assert "welcome credit" in page


def test_credit_is_shown_as_images(signed_in: Client, catalog: None) -> None:
    """Five written models; $1 buys 10,638 images at 94 µ$, and a little of it is gone."""
    page = signed_in.get("/account/credit/").content.decode()

    assert page.count("images on") == 5
    assert ">10,627</span> images on" in page
    assert "CLIP ViT-L/14" in page


def test_credit_that_ran_out_is_not_shown_as_free(signed_in: Client) -> None:
    Grant.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    page = signed_in.get("/account/credit/").content.decode()

    assert "<h1>$0.00</h1>" in page
    assert "No credit remains" in page


def test_a_person_without_a_wallet_sees_an_empty_statement(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("new@lab.example"))

    page = client.get("/account/credit/").content.decode()

    assert "<h1>$0.00</h1>" in page
    assert "No activity yet" in page


def test_the_csv_has_each_line_with_the_balance_after_it(signed_in: Client) -> None:
    response = signed_in.get("/account/credit.csv")

    rows = list(csv.DictReader(response.content.decode().splitlines()))
    assert [(row["what"], row["credit_usd"], row["balance_after_usd"]) for row in rows] == [
        ("hold", "0", "0.999906"),
        ("capture", "-0.000094", "0.999906"),
        ("hold", "0", "1"),
        ("grant", "1", "1"),
    ]
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]


def test_pages_of_the_statement_join_without_a_gap(ada: User) -> None:
    for number in range(60):
        credits.hold(ada, amount_micro_usd=1, reference=f"more:{number}")
        credits.capture(f"more:{number}")

    first = statement.page(ada, has_holds=True)
    second = statement.page(ada, before=first.before, has_holds=True)
    third = statement.page(ada, before=second.before, has_holds=True)

    lines = [*first.lines, *second.lines, *third.lines]
    assert [line.entry.pk for line in lines] == list(
        Entry.objects.order_by("-pk").values_list("pk", flat=True)
    )
    assert third.before is None
    for newer, older in itertools.pairwise(lines):
        effect = newer.entry.balance_effect_micro_usd
        assert newer.balance_after_micro_usd - effect == older.balance_after_micro_usd
    assert lines[0].balance_after_micro_usd == Wallet.objects.get().balance_micro_usd


def test_a_page_takes_few_queries_however_long_the_statement(
    signed_in: Client, ada: User, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(60):
        credits.hold(ada, amount_micro_usd=1, reference=f"job:{uuid4()}")

    with django_assert_max_num_queries(15):  # type: ignore[attr-defined]
        page = signed_in.get("/account/credit/?holds=1").content.decode()

    assert "older lines" in page


@pytest.mark.parametrize("before", ["", "x", "-1", "0", "9" * 18, "9" * 30, "9" * 5000, "٣"])
def test_nonsense_in_the_address_is_a_page(signed_in: Client, before: str) -> None:
    assert signed_in.get("/account/credit/", {"before": before}).status_code == 200


@pytest.mark.parametrize("address", PAGES)
def test_a_stranger_is_asked_to_sign_in(client: Client, db: None, address: str) -> None:
    response = client.get(address)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=/account/credit")


@pytest.mark.parametrize("address", PAGES)
def test_another_person_sees_nothing_of_it(client: Client, ada: User, address: str) -> None:
    client.force_login(User.objects.create_user("bob@lab.example"))

    page = client.get(address).content.decode()

    assert "job:1" not in page
    assert "welcome" not in page


@pytest.mark.parametrize("address", PAGES)
def test_the_pages_are_only_read(signed_in: Client, address: str) -> None:
    assert signed_in.post(address).status_code == 405


@pytest.mark.parametrize(
    ("micro_usd", "text"),
    [(0, "$0.00"), (1, "$0.000001"), (500_000, "$0.50"), (1_234_567_890_000, "$1,234,567.89")],
)
def test_money_is_written_to_the_micro_dollar_if_need_be(micro_usd: int, text: str) -> None:
    assert format_usd(micro_usd) == text


# --- the admin ----------------------------------------------------------------------------------


@pytest.fixture
def staff(client: Client, ada: User) -> Client:
    client.force_login(User.objects.create_superuser("root@lab.example", "secret"))
    return client


@pytest.mark.parametrize("model", [Wallet, Grant, Entry, Hold, ApiKey])
def test_staff_find_money_by_address_and_cannot_change_it(
    staff: Client, ada: User, model: type[Wallet | Grant | Entry | Hold | ApiKey]
) -> None:
    keys.issue(ada, name="laptop")
    address = f"/admin/accounts/{model._meta.model_name}/"
    row = model.objects.latest("pk")

    results = staff.get(address, {"q": "ada@lab.example"})
    page = staff.get(f"{address}{row.pk}/change/").content.decode()

    assert results.status_code == 200
    assert "1 result" in results.content.decode() or "results" in results.content.decode()
    assert 'name="_save"' not in page
    assert staff.get(f"{address}add/").status_code == 403
    assert staff.post(f"{address}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.post(f"{address}{row.pk}/change/", {"amount_micro_usd": 1}).status_code == 403


def test_staff_revoke_keys(staff: Client, ada: User) -> None:
    key, secret = keys.issue(ada, name="laptop")

    staff.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})

    assert keys.find(secret) is None
    assert "sha256" not in staff.get(f"/admin/accounts/apikey/{key.pk}/change/").content.decode()
