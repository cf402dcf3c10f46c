"""Gifts have a budget; beyond it they wait for a click, and their person is told so."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import IntegrityError, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import credits, gifts, lifecycle
from accounts.gifts import domains
from accounts.gifts.budget import WINDOW
from accounts.models import Category, Entry, Gift, GiftState, Grant, User, WaitReason
from accounts.staff import launches
from catalog.demand import votes
from catalog.models import ModelCard
from inference.models import Worker
from tests.conftest import PRICED, make_card
from tests.support.letters import sign_in
from tests.support.threads import at_once

DOLLAR = 1_000_000
PAGE = "/admin/accounts/gift/"


@pytest.fixture(autouse=True)
def _budget(settings: Settings) -> None:
    settings.FREE_CREDIT_MICRO_USD = DOLLAR
    settings.GIFTS_PER_DAY_NETWORK = 3
    settings.GIFTS_PER_DAY_DOMAIN = 4
    settings.GIFTS_PER_DAY_PUBLIC_DOMAIN = 6
    settings.WELCOME_GIFTS_MICRO_USD_PER_DAY = 8 * DOLLAR


def person(email: str) -> User:
    user = User.objects.create_user(email)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def welcome(email: str, address: str) -> Gift:
    gift = gifts.welcome(person(email), address=address)
    assert gift is not None
    return gift


def reasons(people: list[tuple[str, str]]) -> list[str]:
    """Why each of these (email, address) has to wait; empty: given at once."""
    return [welcome(email, address).wait_reason for email, address in people]


@pytest.fixture
def ada(db: None) -> User:
    return person("ada@lab.example")


def test_the_welcome_credit_comes_once_and_runs_out(ada: User, settings: Settings) -> None:
    settings.WELCOME_CREDIT_DAYS = 365

    first, again = (gifts.welcome(ada, address="192.0.2.1") for _ in range(2))

    assert first is not None
    assert again is None
    assert credits.balance_of(ada).available == DOLLAR
    grant = Grant.objects.get()
    assert grant.expires_at == grant.effective_at + timedelta(days=365)


@pytest.mark.parametrize("again", ["a.d.a@gmail.com", "ADA+2@gmail.com", "ada@googlemail.com"])
def test_another_spelling_of_a_mailbox_gets_no_second_welcome(db: None, again: str) -> None:
    welcome("ada@gmail.com", "192.0.2.1")
    other = person(again)

    assert gifts.welcome(other, address="198.51.100.1") is None
    assert credits.balance_of(other).available == 0


def test_leaving_and_coming_back_gets_no_second_welcome(ada: User) -> None:
    gifts.welcome(ada, address="192.0.2.1")
    ada.delete()

    assert gifts.welcome(person("ada@lab.example"), address="192.0.2.1") is None


def test_a_new_address_gets_no_second_welcome(ada: User) -> None:
    gifts.welcome(ada, address="192.0.2.1")
    ada.email = "countess@lab.example"
    ada.save()

    assert gifts.welcome(ada, address="192.0.2.1") is None
    assert Grant.objects.count() == 1


def test_without_free_credit_there_is_none(ada: User, settings: Settings) -> None:
    settings.FREE_CREDIT_MICRO_USD = 0

    assert gifts.welcome(ada, address="192.0.2.1") is None


def test_a_network_gets_its_share_and_its_neighbors_wait(db: None) -> None:
    v4 = [(f"a@{n}.example", f"192.0.2.{n}") for n in range(5)]
    v6 = [(f"b@{n}.example", f"2001:db8:1:{n}::1") for n in range(4)]

    assert reasons(v4) == ["", "", "", WaitReason.NETWORK, WaitReason.NETWORK]
    assert reasons(v6) == ["", "", "", WaitReason.NETWORK]
    assert reasons([("c@c.example", "198.51.100.1")]) == [""]


def test_an_ipv4_address_written_as_ipv6_is_of_its_network(db: None) -> None:
    people = [(f"a@{n}.example", f"192.0.2.{n}") for n in range(3)]

    assert reasons([*people, ("b@b.example", "::ffff:192.0.2.9")])[-1] == WaitReason.NETWORK


def test_a_catch_all_domain_gets_its_share_from_however_many_networks(db: None) -> None:
    """Seen: $12 in 7 s from one domain."""
    people = [(f"a{n}@x{n}.catch-all.example", f"198.51.{n}.1") for n in range(12)]

    assert reasons(people) == [""] * 4 + [WaitReason.DOMAIN] * 8
    assert Entry.objects.filter(kind="grant").count() == 4


def test_a_public_provider_has_a_larger_bound_and_has_one(db: None) -> None:
    people = [(f"a{n}@gmail.com", f"198.51.{n}.1") for n in range(7)]

    assert reasons(people) == [""] * 6 + [WaitReason.DOMAIN]


def test_a_domain_of_throwaway_addresses_waits_at_once(db: None) -> None:
    assert reasons([("a@x.mailinator.com", "192.0.2.1")]) == [WaitReason.THROWAWAY]


def test_a_days_budget_is_the_most_of_all_together(db: None) -> None:
    people = [(f"a@{n}.example", f"198.51.{n}.1") for n in range(9)]

    assert reasons(people) == [""] * 8 + [WaitReason.DAY]


def test_a_day_later_there_is_room_again(db: None) -> None:
    people = [(f"a@{n}.example", "192.0.2.1") for n in range(4)]
    assert reasons(people)[-1] == WaitReason.NETWORK

    Gift.objects.filter(wait_reason="").update(decided_at=F("decided_at") - WINDOW)

    assert reasons([("b@b.example", "192.0.2.1")]) == [""]


def test_leaving_gives_no_room_back(db: None) -> None:
    people = [person(f"a{n}@catch-all.example") for n in range(4)]
    for n, user in enumerate(people):
        gifts.welcome(user, address=f"198.51.{n}.1")
        lifecycle.delete(user)

    assert reasons([("b@catch-all.example", "198.51.9.1")]) == [WaitReason.DOMAIN]


@pytest.mark.parametrize(
    ("email", "owner"),
    [
        ("a@lab.example", "lab.example"),
        ("a@b.c.lab.example", "lab.example"),
        ("A@LAB.Example.", "lab.example"),
        ("a@lab.co.uk", "lab.co.uk"),
        ("a@x.lab.co.uk", "lab.co.uk"),
        ("a@x.lab.com.au", "lab.com.au"),
        ("a@x.lab.de", "lab.de"),
        ("a@co.uk", "co.uk"),
        ("a@googlemail.com", "gmail.com"),
        ("a@localhost", "localhost"),
    ],
)
def test_a_domain_counts_with_all_names_below_it(email: str, owner: str) -> None:
    assert domains.owner_of(email) == owner


def test_signing_in_gives_the_welcome_by_where_somebody_comes_from(db: None) -> None:
    for n in range(5):
        sign_in(Client(REMOTE_ADDR=f"192.0.2.{n}"), f"a@{n}.example")

    assert Gift.objects.filter(state=GiftState.GIVEN).count() == 3
    assert Gift.objects.filter(wait_reason=WaitReason.NETWORK).count() == 2


@pytest.fixture
def waiting(client: Client, settings: Settings) -> Gift:
    """That of a person who is signed in with `client`."""
    settings.WELCOME_GIFTS_MICRO_USD_PER_DAY = 0
    sign_in(client)
    mail.outbox.clear()
    return Gift.objects.get()


@pytest.fixture
def operator(db: None) -> Client:
    browser = Client()
    browser.force_login(User.objects.create_superuser("op@lab.example"))
    return browser


def press(operator: Client, action: str, *chosen: Gift) -> str:
    posted = {"action": action, "_selected_action": [gift.pk for gift in chosen]}
    return operator.post(PAGE, posted, follow=True).content.decode()


@pytest.mark.django_db
def test_a_person_is_told_that_it_waits(waiting: Gift, client: Client) -> None:
    page = client.get("/account/credit/").content.decode()

    assert "$0.00" in page
    assert "is being reviewed" in page


@pytest.mark.django_db
def test_signing_in_again_makes_no_second_one(waiting: Gift, client: Client) -> None:
    client.post("/accounts/logout/")
    sign_in(client)

    assert Gift.objects.count() == 1


@pytest.mark.django_db
def test_a_click_gives_it_and_says_so(waiting: Gift, client: Client, operator: Client) -> None:
    listed = operator.get(PAGE).content.decode()
    assert "ada@lab.example" in listed
    assert "the day" in listed

    assert "1 decided." in press(operator, "give", waiting)

    page = client.get("/account/credit/").content.decode()
    assert "$1.00" in page
    assert "being reviewed" not in page
    assert mail.outbox[0].to == ["ada@lab.example"]
    assert "$1.00" in str(mail.outbox[0].body)
    entry = LogEntry.objects.get()
    assert "state: waiting → given" in entry.get_change_message()
    waiting.refresh_from_db()
    assert waiting.decided_by is not None
    assert waiting.decided_by.email == "op@lab.example"


@pytest.mark.django_db
def test_a_refusal_is_said_and_final(waiting: Gift, client: Client, operator: Client) -> None:
    press(operator, "refuse", waiting)
    page = press(operator, "give", waiting)

    assert "0 decided." in page
    assert credits.balance_of(User.objects.get(email="ada@lab.example")).available == 0
    assert "didn&#x27;t add it" in client.get("/account/credit/").content.decode().replace(
        "didn't", "didn&#x27;t"
    )
    assert mail.outbox == []


@pytest.mark.django_db
def test_nothing_is_given_to_whoever_has_left(waiting: Gift, operator: Client) -> None:
    lifecycle.delete(User.objects.get(email="ada@lab.example"))

    assert "0 decided." in press(operator, "give", waiting)
    assert not Grant.objects.exists()


def test_staff_without_the_permission_give_nothing(db: None, settings: Settings) -> None:
    settings.WELCOME_GIFTS_MICRO_USD_PER_DAY = 0
    gift = welcome("ada@lab.example", "192.0.2.1")
    staff = User.objects.create_user("staff@lab.example", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_gift"))
    browser = Client()
    browser.force_login(staff)

    press(browser, "give", gift)

    assert browser.get(PAGE).status_code == 200
    assert not Grant.objects.exists()


def test_what_the_operator_lets_through_uses_up_no_budget(db: None) -> None:
    root = User.objects.create_superuser("op@lab.example")
    people = [(f"a@{n}.example", f"192.0.2.{n}") for n in range(5)]
    assert reasons(people)[3:] == [WaitReason.NETWORK] * 2
    for gift in Gift.objects.filter(state=GiftState.WAITING):
        gifts.give(gift, by=root)

    Gift.objects.filter(wait_reason="").update(decided_at=timezone.now() - WINDOW * 2)

    assert reasons([("b@b.example", "192.0.2.9")]) == [""]


@pytest.fixture
def launched(db: None) -> ModelCard:
    """Nine have voted, six of them from one company."""
    card = make_card("lab/launched", stage="onboarding", **PRICED)
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo])
    for n in range(9):
        domain = "company.example" if n < 6 else f"{n}.example"
        user = person(f"a{n}@{domain}")
        gifts.welcome(user, address=f"198.51.{n}.1")
        votes.cast(card, user)
    return card


def launch(card: ModelCard) -> launches.Notified:
    return launches.notify(launches.launch(card, nano_usd_per_image=90_000)[0])


def test_launch_credit_has_bounds_of_its_own(launched: ModelCard) -> None:
    notified = launch(launched)

    assert (notified.credited, notified.mailed) == (7, 9)
    late = Gift.objects.filter(category=Category.LAUNCH, state=GiftState.WAITING)
    assert {gift.wait_reason for gift in late} == {WaitReason.DOMAIN}


def test_launch_credit_stops_at_its_days_budget(launched: ModelCard, settings: Settings) -> None:
    settings.LAUNCH_GIFTS_MICRO_USD_PER_DAY = 2 * settings.LAUNCH_CREDIT_MICRO_USD

    assert launch(launched).credited == 2


def test_the_mail_about_a_launch_says_which_credit_waits(launched: ModelCard) -> None:
    launch(launched)

    bodies = [str(message.body) for message in mail.outbox]
    assert sum("of credit to your account" in body for body in bodies) == 7
    assert sum("We review some grants by hand" in body for body in bodies) == 2


def test_a_launch_that_is_run_again_gives_nothing_twice(launched: ModelCard) -> None:
    launch(launched)
    again = launches.notify(launches.launch(launched, nano_usd_per_image=90_000)[0])

    assert again.credited == 7
    assert Grant.objects.filter(category=Category.LAUNCH).count() == 7


def test_a_gift_that_is_given_without_a_decision_cannot_be_written(ada: User) -> None:
    gift = gifts.welcome(ada, address="192.0.2.1")
    assert gift is not None

    with pytest.raises(IntegrityError), transaction.atomic():
        Gift.objects.update(decided_at=None)


# --- races: real threads on PostgreSQL ------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_welcomes_at_once_are_one() -> None:
    ada = person("ada@lab.example")

    at_once(lambda _: gifts.welcome(ada, address="192.0.2.1"), 8)

    assert Gift.objects.count() == Grant.objects.count() == 1
    assert credits.balance_of(ada).available == DOLLAR


@pytest.mark.django_db(transaction=True)
def test_spellings_welcomed_at_once_get_one_credit() -> None:
    people = [person(f"ada+{n}@gmail.com") for n in range(8)]

    at_once(lambda n: gifts.welcome(people[n], address=f"198.51.{n}.1"), 8)

    assert Grant.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("email", "address", "given"),
    [
        ("a@{n}.example", "192.0.2.{n}", 3),
        ("a{n}@catch-all.example", "198.51.{n}.1", 4),
        ("a@{n}.example", "198.51.{n}.1", 8),
    ],
)
def test_many_at_once_get_no_more_than_the_bound(email: str, address: str, given: int) -> None:
    people = [person(email.format(n=n)) for n in range(12)]

    at_once(lambda n: gifts.welcome(people[n], address=address.format(n=n)), 12)

    assert Gift.objects.filter(state=GiftState.GIVEN).count() == given
    assert Grant.objects.count() == given


@pytest.mark.django_db(transaction=True)
def test_two_operators_who_click_at_once_give_it_once(settings: Settings) -> None:
    settings.WELCOME_GIFTS_MICRO_USD_PER_DAY = 0
    gift = welcome("ada@lab.example", "192.0.2.1")
    operators = [User.objects.create_superuser(f"op{n}@lab.example") for n in range(6)]

    def click(n: int) -> bool:
        try:
            gifts.give(Gift.objects.get(pk=gift.pk), by=operators[n])
        except gifts.AlreadyDecided:
            return False
        return True

    assert at_once(click, 6).count(True) == 1
    assert Grant.objects.count() == 1
