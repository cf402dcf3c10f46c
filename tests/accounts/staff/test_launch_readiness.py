"""The operator sees what stands between a model and its launch, and what a launch would change."""

import re
from typing import TypedDict

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Entry, Gift, User
from accounts.staff import launches
from accounts.staff.launches.readiness import State
from catalog.demand import votes, waitlist
from catalog.models import (
    Benchmark,
    Launch,
    Mail,
    ModelCard,
    PriceChange,
    Stage,
    StageChange,
    Subscriber,
    Vote,
)
from inference.models import Worker
from tests.conftest import PRICED, make_card


class Terms(TypedDict):
    """What a launch and its rehearsal are both called with."""

    nano_usd_per_image: int
    nano_usd_per_token: int | None
    reason: str


TERMS: Terms = {"nano_usd_per_image": 90_000, "nano_usd_per_token": None, "reason": "launched"}


@pytest.fixture(autouse=True)
def _outbox(settings: Settings) -> None:
    """The site's own way of mail, which the test runner replaces."""
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"


def person(email: str) -> User:
    user = User.objects.create_user(email)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


@pytest.fixture
def popular(db: None) -> ModelCard:
    """Ada voted and waits, Bob voted, Cyd waits, Dan's vote does not count."""
    card = make_card("x/popular", stage=Stage.ONBOARDING, **PRICED)
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo])
    ada, bob, cyd, dan = (person(f"{name}@lab.example") for name in ("ada", "bob", "cyd", "dan"))
    for user in (ada, bob, dan):
        votes.cast(card, user)
    Vote.objects.filter(user=dan).update(is_set_aside=True)
    for user in (ada, cyd):
        waitlist.join(card, user, consent_address="127.0.0.1")
    return card


@pytest.fixture
def operator(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("op@lab.example"))
    return client


def states(card: ModelCard) -> dict[str, State]:
    return {check.name: check.state for check in launches.checks(card)}


def everything() -> list[int]:
    """How many rows there are of all that a launch writes."""
    kinds = [Launch, Mail, Gift, Entry, StageChange, PriceChange, Subscriber]
    return [kind._default_manager.count() for kind in kinds]


def test_a_rehearsal_says_what_the_launch_then_does(popular: ModelCard, settings: Settings) -> None:
    settings.LAUNCH_CREDIT_MICRO_USD = 500_000
    before = everything()

    plan = launches.rehearse(popular, by=None, **TERMS)

    assert everything() == before
    assert mail.outbox == []
    stored = ModelCard.objects.get(pk=popular.pk)
    assert (stored.stage, stored.launch_price_nano_usd_per_image) == (Stage.ONBOARDING, None)
    assert popular.stage == Stage.ONBOARDING

    launched, _ = launches.launch(popular, **TERMS)
    notified = launches.notify(launched)
    assert (plan.mails, plan.credited) == (notified.mailed, notified.credited) == (3, 2)
    assert plan.total_credit_micro_usd == 1_000_000
    assert plan.nano_usd_per_image == launched.nano_usd_per_image
    stored.refresh_from_db()
    assert plan.nano_usd_per_token == stored.launch_price_nano_usd_per_token
    assert (plan.stage_before, plan.stage_after) == (Stage.ONBOARDING, stored.stage)


def test_who_wants_no_mail_is_not_counted(popular: ModelCard) -> None:
    waitlist.leave_at_once(
        waitlist.entries_of(Subscriber.objects.none()), waitlist.subscriber_at("bob@lab.example")
    )

    plan = launches.rehearse(popular, **TERMS)

    assert plan.mails == launches.notify(launches.launch(popular, **TERMS)[0]).mailed == 2


@pytest.mark.parametrize(
    ("stage", "nano_usd_per_image", "without_worker", "sentence"),
    [
        (Stage.ONBOARDING, 0, False, "at least one nano-dollar"),
        (Stage.ONBOARDING, 90, False, "No worker serves"),
        (Stage.REQUESTED, 90, True, "starts from onboarding or preview"),
    ],
)
def test_a_rehearsal_refuses_what_a_launch_refuses(
    db: None, stage: Stage, nano_usd_per_image: int, without_worker: bool, sentence: str
) -> None:
    card = make_card("x/y", stage=stage, image_gflops=1.0, text_gflops=1.0)
    terms: Terms = {**TERMS, "nano_usd_per_image": nano_usd_per_image}

    with pytest.raises(launches.LaunchRefused, match=sentence):
        launches.rehearse(card, **terms, without_worker=without_worker)
    with pytest.raises(launches.LaunchRefused, match=sentence):
        launches.launch(card, **terms, without_worker=without_worker)
    assert not Launch.objects.exists()


def test_the_checks_follow_what_is_known(db: None) -> None:
    bare = make_card("x/y", stage=Stage.ONBOARDING)
    assert states(bare) == {
        "stage": State.DONE,
        "worker": State.DOUBT,
        "benchmark": State.DOUBT,
        "price of images": State.DOUBT,
        "price of texts": State.DOUBT,
    }

    known = make_card("x/z", stage=Stage.PREVIEW, image_gflops=162.03, text_gflops=13.3)
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[known.repo])
    Benchmark.objects.create(
        card=known,
        measured_at=timezone.now(),
        hardware="one GPU",
        device="cuda",
        dtype="float16",
        load_s=1,
        resident_bytes=1,
    )
    assert set(states(known).values()) == {State.DONE}


@pytest.mark.parametrize("stage", [s for s in Stage if s not in {Stage.ONBOARDING, Stage.PREVIEW}])
def test_a_forbidden_launch_is_not_offered(operator: Client, stage: Stage) -> None:
    card = make_card("x/y", stage=stage)

    page = operator.get(f"/admin/launch/{card.pk}/").content.decode()
    change = operator.get(f"/admin/catalog/modelcard/{card.pk}/change/").content.decode()

    assert "Launch it" not in page
    assert "blocked" in page
    assert f"/admin/launch/{card.pk}/" not in change
    assert not launches.is_possible(card)


@pytest.mark.parametrize("stage", [Stage.ONBOARDING, Stage.PREVIEW])
def test_a_possible_launch_is_offered(operator: Client, stage: Stage) -> None:
    card = make_card("x/y", stage=stage)

    assert "Launch it" in operator.get(f"/admin/launch/{card.pk}/").content.decode()
    change = operator.get(f"/admin/catalog/modelcard/{card.pk}/change/").content.decode()
    assert f"/admin/launch/{card.pk}/" in change


def test_the_board_leads_to_the_launch_of_what_may_be_launched(
    operator: Client,
    popular: ModelCard,
) -> None:
    early = make_card("x/early", stage=Stage.REQUESTED, summary_is_generated=False)

    page = operator.get("/admin/demand/").content.decode()

    assert f"/admin/launch/{popular.pk}/" in page
    assert f"/admin/launch/{early.pk}/" not in page


def test_going_without_a_worker_is_asked_only_where_there_is_none(
    operator: Client,
    popular: ModelCard,
) -> None:
    address = f"/admin/launch/{popular.pk}/"
    assert "without_worker" not in operator.get(address).content.decode()

    Worker.objects.all().delete()

    assert "without_worker" in operator.get(address).content.decode()


def test_the_pages_dry_run_shows_the_plan_and_launches_nothing(
    operator: Client,
    popular: ModelCard,
) -> None:
    sent = {"usd_per_1k_images": "0.094", "reason": "most wanted", "rehearse": "Dry run"}

    response = operator.post(f"/admin/launch/{popular.pk}/", sent)

    page = response.content.decode()
    assert response.status_code == 200
    assert re.search(r"<dt>e-mails</dt><dd>3</dd>", page)
    assert "$0.094" in page
    assert not Launch.objects.exists()
    assert ModelCard.objects.get(pk=popular.pk).stage == Stage.ONBOARDING


def test_the_command_rehearses(popular: ModelCard, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("launch", popular.repo, price="0.09", dry_run=True)

    assert "3 told, 2 given credit; nothing has changed" in capsys.readouterr().out
    assert not Launch.objects.exists()


def test_after_the_launch_the_page_says_what_came_of_it(
    operator: Client,
    popular: ModelCard,
) -> None:
    launches.notify(launches.launch(popular, **TERMS)[0])

    page = operator.get(f"/admin/launch/{popular.pk}/").content.decode()

    assert "Launched" in page
    assert "3: 0 sent, 3 waiting" in page or "3: 3 sent" in page
    assert "Launch it" not in page
