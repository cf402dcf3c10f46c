"""The operator sees what came in, week by week and model by model, and what looks like abuse."""

import csv
import doctest
import io
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import credits
from accounts.models import Category, Entry, User
from accounts.staff import launches
from accounts.staff.dashboard import (
    bursts,
    disposable_domains,
    launch_metrics,
    model_charts,
    model_metrics,
    weekly_metrics,
)
from accounts.staff.dashboard.launch_metrics import MailCounts
from accounts.staff.dashboard.model_metrics import ModelCredit, ModelDemand
from accounts.staff.dashboard.weekly_charts import weekly_charts
from accounts.staff.dashboard.weekly_metrics import Week
from catalog.demand import votes, waitlist
from catalog.models import Launch, Mail, ModelCard, Stage, Subscriber, Vote, WaitlistEntry
from inference.models import Worker
from tests.conftest import make_card

PAGES = [
    "/admin/demand/",
    "/admin/demand/abuse/",
    "/admin/demand/weeks.csv",
    "/admin/demand/models.csv",
    "/admin/demand/credit.csv",
]
# A Wednesday: the week began on Monday the 16th.
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
MONDAY = date(2026, 11, 16)


@pytest.fixture(autouse=True)
def _outbox(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"


@pytest.fixture
def operator(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("op@lab.example"))
    return client


def person(email: str, *, joined: datetime = NOW, confirmed: datetime | None = None) -> User:
    user = User.objects.create_user(email)
    User.objects.filter(pk=user.pk).update(date_joined=joined)
    EmailAddress.objects.create(
        user=user, email=email, verified=confirmed is not None, primary=True
    )
    if confirmed:
        wallet = credits.wallet_of(user)
        type(wallet).objects.filter(pk=wallet.pk).update(created_at=confirmed)
    return user


def spend(user: User, micro_usd: int) -> None:
    reference = f"job:{Entry.objects.count()}"
    credits.hold(user, amount_micro_usd=micro_usd, reference=reference)
    credits.capture(reference, amount_micro_usd=micro_usd)


def rows_of(csv_text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text.decode())))


# --- by week ------------------------------------------------------------------------------------


def test_there_are_twelve_weeks_that_begin_on_mondays(db: None) -> None:
    weeks = weekly_metrics.weeks(NOW)

    assert len(weeks) == 12
    assert weeks[-1] == Week(MONDAY)
    assert [week.monday.weekday() for week in weeks] == [0] * 12


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        (datetime(2026, 11, 16, 0, 0, tzinfo=UTC), MONDAY),
        (datetime(2026, 11, 15, 23, 59, 59, tzinfo=UTC), MONDAY - timedelta(weeks=1)),
        (datetime(2026, 11, 16, 1, tzinfo=UTC) - timedelta(weeks=11), date(2026, 8, 31)),
    ],
)
def test_a_moment_belongs_to_its_week_in_utc(db: None, moment: datetime, monday: date) -> None:
    person("ada@lab.example", joined=moment, confirmed=moment)

    counted = {week.monday: (week.signed_up, week.confirmed) for week in weekly_metrics.weeks(NOW)}

    assert counted.pop(monday) == (1, 1)
    assert set(counted.values()) == {(0, 0)}


def test_what_is_older_is_left_out(db: None) -> None:
    person("ada@lab.example", joined=NOW - timedelta(weeks=12))

    assert sum(week.signed_up for week in weekly_metrics.weeks(NOW)) == 0


def test_who_never_confirmed_has_signed_up_only(db: None) -> None:
    person("ada@lab.example")

    week = weekly_metrics.weeks(NOW)[-1]

    assert (week.signed_up, week.confirmed) == (1, 0)


def test_votes_and_the_waitlist_are_counted_by_what_became_of_them(card: ModelCard) -> None:
    for n in range(3):
        Vote.objects.create(
            card=card, user=person(f"p{n}@lab.example"), voted_at=NOW, is_set_aside=n == 0
        )
        address = waitlist.subscriber_at(f"p{n}@lab.example")
        WaitlistEntry.objects.create(
            card=card,
            subscriber=address,
            consent_text="1",
            requested_at=NOW,
            confirmed_at=NOW if n else None,
        )

    week = weekly_metrics.weeks(NOW)[-1]

    assert (week.votes, week.votes_set_aside) == (2, 1)
    assert (week.waitlist_asked, week.waitlist_confirmed) == (3, 2)


def test_credit_is_what_the_ledger_says(db: None) -> None:
    ada = person("ada@lab.example")
    credits.grant(ada, amount_micro_usd=900, category=Category.PURCHASE, reference="purchase:1")
    spend(ada, 94)
    credits.hold(ada, amount_micro_usd=100, reference="job:open")

    week = weekly_metrics.weeks(timezone.now())[-1]

    assert (week.granted, week.spent) == (900, 94)


# --- by model -----------------------------------------------------------------------------------


def test_models_stand_as_on_the_board(card: ModelCard) -> None:
    other = make_card("laion/other")
    for n in range(2):
        votes.cast(other, person(f"p{n}@lab.example"))
    votes.cast(card, User.objects.get(email="p0@lab.example"))

    demand = model_metrics.demand(timezone.now().date())

    assert [(row.rank, row.card.repo, row.votes) for row in demand] == [
        (1, "laion/other", 2),
        (2, card.repo, 1),
    ]


def test_spent_credit_belongs_to_the_model_that_its_hold_names(db: None) -> None:
    ada = person("ada@lab.example")
    credits.grant(ada, amount_micro_usd=900, category=Category.PURCHASE, reference="purchase:1")
    for reference, model, spent in [("a", "openai/a", 5), ("b", "openai/b", 7), ("c", "", 9)]:
        credits.hold(ada, amount_micro_usd=spent, reference=reference, model=model)
        credits.capture(reference)

    credit = model_metrics.credit(timezone.now())

    assert [(row.repo, row.spent) for row in credit] == [("", 9), ("openai/b", 7), ("openai/a", 5)]


def launched_card() -> ModelCard:
    """Live; two had voted, a third waits."""
    card = make_card("laion/live", stage=Stage.ONBOARDING, image_gflops=9, text_gflops=1)
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo])
    for n in range(3):
        user = person(f"p{n}@lab.example", confirmed=NOW)
        if n:
            votes.cast(card, user)
        else:
            waitlist.join(card, user, consent_address="")
    launches.notify(launches.launch(card, nano_usd_per_image=90_000)[0])
    return card


def test_a_launch_shows_how_many_were_told_and_credited(db: None) -> None:
    card = launched_card()

    [outcome] = launch_metrics.recent()

    assert outcome.credited == 2
    assert outcome.mail == MailCounts(mails=3, sent=0, waiting=3)
    assert model_metrics.credit(timezone.now()) == [ModelCredit(card.repo, 1_000_000, 0)]


def test_the_mails_of_each_launch_are_counted_apart(db: None) -> None:
    card = launched_card()
    other = make_card("laion/other", stage=Stage.LIVE)
    launch = Launch.objects.create(card=other, nano_usd_per_image=90_000, credit_micro_usd=0)
    # A key that says otherwise counts for nothing.
    Mail.objects.filter(launch__card=card).first().delete()  # type: ignore[union-attr]
    key = f"waitlist:0:launch:{card.pk}"  # of nobody
    Mail.objects.create(launch=launch, key=key, recipients=["a@b.example"])

    counts = {outcome.launch.card_id: outcome.mail.mails for outcome in launch_metrics.recent()}

    assert counts == {card.pk: 2, other.pk: 1}


def test_the_migration_reads_the_launch_out_of_keys(db: None) -> None:
    card = launched_card()
    launch = Launch.objects.get()
    Mail.objects.create(key="waitlist:7:confirm:abc", recipients=["a@b.example"])
    Mail.objects.create(key=f"waitlist:8:launch:{card.pk + 1}", recipients=["a@b.example"])
    Mail.objects.update(launch=None)

    with connection.cursor() as cursor:
        cursor.execute(import_module("catalog.migrations.0014_fill_launch_of_mail").FILL)

    assert Mail.objects.filter(launch=launch).count() == 3
    assert Mail.objects.filter(launch=None).count() == 2


def test_a_launch_nobody_waited_for_is_shown_too(card: ModelCard) -> None:
    Launch.objects.create(card=card, nano_usd_per_image=90_000, credit_micro_usd=0)

    [outcome] = launch_metrics.recent()

    assert (outcome.credited, outcome.mail.mails, outcome.micro_usd_per_1k_images) == (0, 0, 90_000)


# --- pictures -----------------------------------------------------------------------------------


def test_bars_end_within_their_picture_and_stand_for_their_figures() -> None:
    weeks = [Week(MONDAY + timedelta(weeks=n), signed_up=n, confirmed=n // 2) for n in range(12)]

    accounts, *_ = weekly_charts(weeks)

    signed_up, confirmed = accounts.series
    assert len(signed_up.bars) == 11
    assert len(confirmed.bars) == 10
    assert signed_up.bars[-1].words.endswith(": 11")
    for bar in [*signed_up.bars, *confirmed.bars]:
        assert bar.x >= 0
        assert bar.x + bar.width <= accounts.width
        assert bar.y + bar.height <= accounts.height
    assert "signed up 66 in all and 11 in the week that runs" in accounts.label


def test_bars_of_models_follow_each_other_and_end_before_the_edge(card: ModelCard) -> None:
    picture = model_charts.demand_chart([ModelDemand(1, card, 30, 10, Decimal(50))])

    votes_bar, waiting_bar = (series.bars[0] for series in picture.series)
    assert waiting_bar.x == pytest.approx(votes_bar.x + votes_bar.width + 1, abs=0.2)
    assert waiting_bar.x + waiting_bar.width < picture.width


def test_pictures_of_nothing_have_no_bars() -> None:
    for picture in weekly_charts([Week(MONDAY)] * 12):
        assert [series.bars for series in picture.series] == [[], []]


# --- abuse --------------------------------------------------------------------------------------


def test_disposable_mailboxes_are_flagged_with_what_they_did(card: ModelCard) -> None:
    now = timezone.now()
    for n in range(2):
        votes.cast(card, person(f"p{n}@mailinator.com", joined=now))
    Subscriber.objects.create(email="x@sub.Mailinator.com", key="1" * 32)
    votes.cast(card, person("ada@lab.example", joined=now))

    domains = disposable_domains.recent(now)

    assert [(row.domain, row.accounts, row.votes, row.waiting) for row in domains] == [
        ("mailinator.com", 2, 2, 0),
        ("sub.mailinator.com", 0, 0, 1),
    ]


def test_the_examples_of_disposable_domains_hold() -> None:
    assert doctest.testmod(disposable_domains).failed == 0


def test_many_accounts_of_one_domain_in_an_hour_are_shown(db: None) -> None:
    for n in range(5):
        person(f"p{n}@farm.example", joined=NOW)
        person(f"p{n}@gmail.com", joined=NOW)
        person(f"p{n}@slow.example", joined=NOW - timedelta(hours=n))

    [burst] = bursts.recent(NOW)

    assert (burst.activity, burst.origin, burst.count, burst.hour) == (
        "accounts",
        "@farm.example",
        5,
        NOW,
    )


def test_many_votes_of_one_domain_in_an_hour_are_shown(card: ModelCard) -> None:
    for n in range(20):
        user = person(f"p{n}@farm.example", joined=NOW - timedelta(days=300))
        Vote.objects.create(card=card, user=user, voted_at=NOW)

    [burst] = bursts.recent(NOW)

    assert (burst.activity, burst.origin, burst.count) == ("votes", "@farm.example", 20)


def session(user: User, ip: str, at: datetime) -> None:
    UserSession.objects.create(user=user, ip=ip, created_at=at, session_key=f"s{user.pk}")


def test_many_accounts_of_one_network_are_shown_by_its_hash(db: None) -> None:
    for n in range(5):
        session(person(f"a@four{n}.example", joined=NOW), "192.0.2.7", NOW)
        session(person(f"a@six{n}.example", joined=NOW), f"2001:db8:1:2::{n + 1:x}", NOW)
        session(person(f"a@other{n}.example", joined=NOW), f"198.51.100.{n}", NOW)

    recent = bursts.recent(NOW)

    assert [(burst.activity, burst.count) for burst in recent] == [("accounts", 5), ("accounts", 5)]
    assert all(burst.origin.startswith("network ") for burst in recent)
    assert not any("192.0.2" in burst.origin or "2001" in burst.origin for burst in recent)


def test_votes_of_one_network_are_counted_once_each(card: ModelCard) -> None:
    cards = [card, *(make_card(f"laion/m{n}") for n in range(4))]
    for n in range(4):
        user = person(f"a@d{n}.example", joined=NOW - timedelta(days=300))
        session(user, "192.0.2.7", NOW - timedelta(days=1))
        for voted in cards:
            Vote.objects.create(card=voted, user=user, voted_at=NOW)

    [burst] = bursts.recent(NOW)

    assert (burst.activity, burst.count) == ("votes", 20)


def test_many_asks_of_one_network_are_shown(card: ModelCard) -> None:
    for n in range(10):
        address = waitlist.subscriber_at(f"a@d{n}.example")
        WaitlistEntry.objects.create(
            card=card,
            subscriber=address,
            consent_text="1",
            requested_at=NOW,
            consent_address_sha256="ab" * 32,
        )

    [burst] = bursts.recent(NOW)

    assert (burst.activity, burst.origin, burst.count) == ("waitlist", "network abababababab", 10)


def test_the_lists_behind_the_links_hold_what_was_counted(
    card: ModelCard, operator: Client
) -> None:
    now = timezone.now()
    for n in range(20):
        user = person(f"p{n}@mailinator.com", joined=now)
        votes.cast(card, user)
        session(user, "192.0.2.7", now)
        entry = WaitlistEntry(
            card=card,
            subscriber=waitlist.subscriber_at(user.email),
            consent_text="1",
            consent_address_sha256="ab" * 32,
        )
        entry.save()
    links = [burst.link for burst in bursts.recent(now)]
    links += disposable_domains.recent(now)[0].links.values()

    assert len(links) == 9
    for link in links:
        page = operator.get(link)
        assert page.status_code == 200, link
        assert "20 " in re.sub(r"\s+", " ", page.content.decode().split("paginator", 1)[1]), link


# --- the pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PAGES)
def test_only_staff_with_permission_looks(db: None, client: Client, address: str) -> None:
    assert client.get(address)["Location"].startswith("/admin/login/")
    client.force_login(User.objects.create_user("ada@lab.example"))
    assert client.get(address).status_code == 302
    staff = User.objects.create_user("staff@lab.example", is_staff=True)
    client.force_login(staff)
    assert client.get(address).status_code == 403
    seen = ["view_vote", "view_waitlistentry", "view_entry", "view_user"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=seen))
    assert client.get(address).status_code == 200
    assert client.post(address).status_code == 405


def test_who_may_not_see_people_sees_no_abuse(db: None, client: Client) -> None:
    staff = User.objects.create_user("staff@lab.example", is_staff=True)
    seen = ["view_vote", "view_waitlistentry", "view_entry"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=seen))
    client.force_login(staff)

    assert client.get("/admin/demand/").status_code == 200
    assert client.get("/admin/demand/abuse/").status_code == 403


def test_the_page_of_an_empty_site_says_so(operator: Client) -> None:
    page = operator.get("/admin/demand/").content.decode()

    assert "No model has launched yet" in page
    assert "Nothing is coming soon" in page
    assert 'role="img"' in page


def test_the_page_shows_pictures_and_the_same_in_tables(card: ModelCard, operator: Client) -> None:
    votes.cast(card, person("ada@lab.example"))
    live = launched_card()

    page = operator.get("/admin/demand/").content.decode()

    assert page.count('role="img"') == 6
    assert page.count('class="demand__scroll"') == 4
    assert live.repo in page
    assert " style=" not in page
    assert "<script>" not in page


def test_an_unsafe_domain_is_shown_as_text(operator: Client) -> None:
    for n in range(5):
        User.objects.create_user(f"p{n}@<b>x.example")

    page = operator.get("/admin/demand/abuse/").content.decode()

    assert "@&lt;b&gt;x.example" in page
    assert "<b>x" not in page


def test_the_page_asks_the_database_a_fixed_number_of_questions(
    operator: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(3):
        votes.cast(make_card(f"laion/m{n}"), person(f"q{n}@lab.example"))
    launched_card()

    # Session and person, six for the weeks, the board and what is set aside, one for credit by
    # model, three for launches.
    with django_assert_num_queries(2 + 6 + 2 + 1 + 3):
        operator.get("/admin/demand/")


def test_the_exports_hold_the_figures(card: ModelCard, operator: Client) -> None:
    user = person("ada@lab.example", joined=timezone.now())
    votes.cast(card, user)
    live = launched_card()

    weeks = rows_of(operator.get("/admin/demand/weeks.csv").content)
    models = rows_of(operator.get("/admin/demand/models.csv").content)
    credit = rows_of(operator.get("/admin/demand/credit.csv").content)

    assert len(weeks) == 12
    assert (weeks[-1]["votes"], weeks[-1]["granted_usd"]) == ("3", "1")
    assert (models[0]["model"], models[0]["rank"], models[0]["score"]) == (card.repo, "1", "2")
    assert credit[0]["model"] == live.repo


def test_the_admins_front_page_leads_there(operator: Client) -> None:
    assert 'href="/admin/demand/"' in operator.get("/admin/").content.decode()


def test_who_may_not_see_it_is_not_led_there(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("staff@lab.example", is_staff=True))

    assert "/admin/demand/" not in client.get("/admin/").content.decode()
