"""A launch is one action: repeated, cut short or pressed twice, it does each thing once."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from accounts import credits
from accounts.models import Grant, User
from accounts.staff import launches
from accounts.staff.launches import notifications
from catalog import price_history
from catalog.demand import votes, waitlist
from catalog.demand.waitlist import confirmation, links
from catalog.infrastructure.retention import Budget
from catalog.mail.backend import Outbox
from catalog.models import (
    Launch,
    Mail,
    ModelCard,
    PriceChange,
    Stage,
    StageChange,
    Vote,
    WaitlistEntry,
)
from inference.models import Worker
from tests.conftest import PRICED, make_card
from tests.support.threads import at_once


@pytest.fixture(autouse=True)
def _outbox(settings: Settings) -> None:
    """The site's own way of mail, which the test runner replaces."""
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"


@pytest.fixture
def card(db: None) -> ModelCard:
    repo = "openai/clip-vit-base-patch32"
    card = make_card(repo, stage=Stage.ONBOARDING, name="CLIP ViT-L/14", **PRICED)
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo, "laion/other"])
    return card


def person(email: str) -> User:
    user = User.objects.create_user(email)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


@pytest.fixture
def popular(card: ModelCard) -> ModelCard:
    """Ada voted and waits, Bob voted, Cyd waits, Dan's vote does not count."""
    ada, bob, cyd, dan = (person(f"{name}@lab.example") for name in ("ada", "bob", "cyd", "dan"))
    for user in (ada, bob, dan):
        votes.cast(card, user)
    Vote.objects.filter(user=dan).update(is_set_aside=True)
    for user in (ada, cyd):
        waitlist.join(card, user, consent_address="127.0.0.1")
    return card


def unsubscribe(email: str) -> None:
    waitlist.leave_at_once(WaitlistEntry.objects.none(), waitlist.subscriber_at(email))


def launch(card: ModelCard) -> Launch:
    return launches.launch(ModelCard.objects.get(pk=card.pk), nano_usd_per_image=90_000)[0]


def mailed() -> list[str]:
    return sorted(mail.recipients[0] for mail in Mail.objects.filter(subject__endswith="is live"))


def test_a_launch_goes_live_at_a_frozen_price(popular: ModelCard) -> None:
    launch(popular)

    card = ModelCard.objects.get()
    assert card.stage == Stage.LIVE
    assert card.price is not None
    assert (card.price.nano_usd_per_image, card.price.is_estimate) == (90_000, False)
    assert PriceChange.objects.latest("since").nano_usd_per_image == 90_000
    assert StageChange.objects.latest("changed_at").reason == "launched"


@pytest.mark.parametrize("fact", ["image_gflops", "text_gflops"])
def test_a_fact_corrected_later_changes_no_price_of_a_launched_model(
    card: ModelCard, fact: str
) -> None:
    launches.launch(card, nano_usd_per_image=800_000)
    frozen = ModelCard.objects.get().price
    assert frozen is not None
    assert (frozen.nano_usd_per_image, frozen.nano_usd_per_token) == (800_000, 853)

    for corrected in (40.0, None):
        ModelCard.objects.update(**{fact: corrected})

        assert ModelCard.objects.get().price == frozen
        assert price_history.record_all() == 0


def test_a_label_may_be_given_a_price_of_its_own_or_none(card: ModelCard) -> None:
    other = make_card("laion/other", stage=Stage.ONBOARDING)

    launches.launch(card, nano_usd_per_image=800_000, nano_usd_per_token=5)
    launches.launch(other, nano_usd_per_image=800_000, nano_usd_per_token=0)

    prices = [card.price, ModelCard.objects.get(repo=other.repo).price]
    assert [price and price.nano_usd_per_token for price in prices] == [5, 0]
    assert all(price and price.is_whole for price in prices)


def test_a_launch_without_a_price_of_labels_is_refused(db: None) -> None:
    card = make_card(stage=Stage.ONBOARDING, image_gflops=162.03)

    with pytest.raises(launches.LaunchRefused, match="price of texts"):
        launches.launch(card, nano_usd_per_image=90_000, without_worker=True)

    stored = ModelCard.objects.get()
    assert card.stage == stored.stage == Stage.ONBOARDING
    assert stored.launch_price_nano_usd_per_image is None
    assert not Launch.objects.exists()


def test_half_a_launch_price_cannot_be_written(card: ModelCard) -> None:
    with pytest.raises(IntegrityError, match="card_launch_prices_are_whole"):
        ModelCard.objects.update(launch_price_nano_usd_per_image=90_000)


def test_each_who_wanted_it_is_told_once(popular: ModelCard) -> None:
    launches.notify(launch(popular))

    assert mailed() == ["ada@lab.example", "bob@lab.example", "cyd@lab.example"]
    assert Launch.objects.get().announced_at is not None


def test_voters_are_given_credit_and_nobody_else(popular: ModelCard) -> None:
    launches.notify(launch(popular))

    grants = Grant.objects.filter(reference__startswith="launch:")
    emails = grants.order_by("wallet__user__email").values_list("wallet__user__email", flat=True)
    assert list(emails) == ["ada@lab.example", "bob@lab.example"]
    assert {grant.amount_micro_usd for grant in grants} == {500_000}


def test_a_vote_after_the_launch_earns_nothing(popular: ModelCard) -> None:
    launched = launch(popular)
    late = person("late@lab.example")
    Vote.objects.create(card=popular, user=late, voted_at=Now() + timedelta(seconds=1))

    launches.notify(launched)

    assert credits.balance_of(late).settled == 0


def test_a_second_press_changes_nothing(popular: ModelCard) -> None:
    launches.notify(launch(popular))
    again, is_new = launches.launch(ModelCard.objects.get(), nano_usd_per_image=10_000)
    launches.notify(again)

    assert not is_new
    assert ModelCard.objects.get().launch_price_nano_usd_per_image == 90_000
    assert len(mailed()) == 3
    assert Grant.objects.filter(reference__startswith="launch:").count() == 2


class OutboxForOneMail(Outbox):
    """An outbox whose machine goes away after the first mail."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        if mailed():
            raise ConnectionError("the machine went away")
        return super().send_messages(messages)


def test_what_was_cut_short_is_finished_by_running_it_again(
    popular: ModelCard, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched = launch(popular)
    outbox = settings.EMAIL_BACKEND

    monkeypatch.setattr(notifications, "MAILS_PER_TRANSACTION", 1)
    settings.EMAIL_BACKEND = f"{__name__}.OutboxForOneMail"
    with pytest.raises(ConnectionError):
        launches.notify(launched)
    assert (len(mailed()), Launch.objects.get().announced_at) == (1, None)

    settings.EMAIL_BACKEND = outbox
    assert launches.resume() == 1
    launches.notify(Launch.objects.get())

    assert len(mailed()) == 3
    assert launches.resume() == 0


def test_the_mail_can_be_stopped_with_one_click(popular: ModelCard, client: Client) -> None:
    launches.notify(launch(popular))
    mail = Mail.objects.get(recipients=["bob@lab.example"], subject__endswith="is live")

    link = re.sub(r"[<>]", "", mail.headers["List-Unsubscribe"])
    answer = client.post(link.removeprefix(links.absolute("")), {"List-Unsubscribe": "One-Click"})

    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert answer.status_code == 200
    assert waitlist.subscriber_at("bob@lab.example").unsubscribed_at is not None


def to_leave(email: str) -> str:
    """The path of the link by which this address leaves, from its launch mail."""
    mail = Mail.objects.get(recipients=[email], subject__endswith="is live")
    link: str = mail.headers["List-Unsubscribe"].strip("<>")
    return link.removeprefix(links.absolute(""))


def test_who_only_voted_is_shown_a_button_before_told_to_have_left(
    popular: ModelCard, client: Client
) -> None:
    launches.notify(launch(popular))
    path = to_leave("bob@lab.example")

    before = client.get(path).content.decode()
    client.post(path)
    after = client.get(path).content.decode()

    assert "you have left" not in before
    assert "b•••@lab.example won't get e-mail about any model" in before
    assert "<form" in before
    assert "you have left" in after


def test_a_voter_can_still_stop_mail_after_the_purge(popular: ModelCard, client: Client) -> None:
    other = make_card("laion/other", stage=Stage.ONBOARDING, name="other", **PRICED)
    votes.cast(other, User.objects.get(email="bob@lab.example"))
    launches.notify(launch(popular))

    waitlist.purge(Budget(20))
    client.post(to_leave("bob@lab.example"))
    launches.notify(launch(other))

    assert mailed().count("bob@lab.example") == 1


def test_nobody_is_told_twice_because_of_a_purge(popular: ModelCard) -> None:
    launched = launch(popular)
    launches.notify(launched)

    waitlist.purge(Budget(20))
    launches.notify(launched)

    assert len(mailed()) == 3


def test_a_stranger_who_asks_in_their_name_does_not_end_the_silence(popular: ModelCard) -> None:
    other = make_card("laion/other")
    unsubscribe("bob@lab.example")

    waitlist.join_by_mail(other, "bob@lab.example", consent_address="198.51.100.1")
    launches.notify(launch(popular))

    assert "bob@lab.example" not in mailed()


def test_confirming_ends_the_silence(popular: ModelCard) -> None:
    other = make_card("laion/other")
    unsubscribe("bob@lab.example")

    waitlist.join_by_mail(other, "bob@lab.example", consent_address="198.51.100.1")
    link = re.search(r"/waitlist/confirm/([^/\s]+)/", Mail.objects.get().text)
    assert link
    confirmation.confirm(link[1])

    assert waitlist.subscriber_at("bob@lab.example").unsubscribed_at is None


def test_a_model_is_launched_once_in_its_life(popular: ModelCard) -> None:
    launch(popular)
    ModelCard.objects.update(stage=Stage.ONBOARDING)
    card = ModelCard.objects.get()

    with pytest.raises(launches.LaunchRefused, match="was launched before"):
        launches.launch(card, nano_usd_per_image=80_000)

    assert card.stage == ModelCard.objects.get().stage == Stage.ONBOARDING
    assert ModelCard.objects.get().launch_price_nano_usd_per_image == 90_000


def test_who_wants_no_mail_is_not_told(popular: ModelCard) -> None:
    unsubscribe("bob@lab.example")

    launches.notify(launch(popular))

    assert mailed() == ["ada@lab.example", "cyd@lab.example"]
    assert Grant.objects.filter(reference__startswith="launch:").count() == 2


def test_asking_again_ends_the_silence(popular: ModelCard) -> None:
    other = make_card("laion/other")
    unsubscribe("bob@lab.example")

    waitlist.join(other, User.objects.get(email="bob@lab.example"), consent_address="")

    assert waitlist.subscriber_at("bob@lab.example").unsubscribed_at is None


@pytest.mark.parametrize("stage", [Stage.REQUESTED, Stage.BENCHMARKING, Stage.RETIRED])
def test_a_launch_starts_from_onboarding_or_preview(card: ModelCard, stage: Stage) -> None:
    ModelCard.objects.update(stage=stage)

    with pytest.raises(launches.LaunchRefused):
        launch(card)

    assert not Launch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_launches_at_once_one_counts(popular: ModelCard) -> None:
    def press(price: int) -> bool:
        return launches.launch(ModelCard.objects.get(), nano_usd_per_image=price + 1)[1]

    assert sorted(at_once(press, 4)) == [False, False, False, True]
    launched = Launch.objects.get()
    assert ModelCard.objects.get().launch_price_nano_usd_per_image == launched.nano_usd_per_image


@pytest.mark.django_db(transaction=True)
def test_two_who_tell_at_once_tell_each_once(popular: ModelCard) -> None:
    launched = launch(popular)

    at_once(lambda _: launches.notify(launched), 3)

    assert len(mailed()) == 3
    assert Grant.objects.filter(reference__startswith="launch:").count() == 2


def test_the_command_launches_and_tells(popular: ModelCard) -> None:
    out = StringIO()

    call_command("launch", popular.repo, price="0.09", stdout=out)
    call_command("launch", popular.repo, price="0.09", stdout=out)

    first, second = out.getvalue().splitlines()
    assert first == f"{popular.repo} is live: 3 told, 2 given credit"
    assert "launched before" in second


@pytest.mark.parametrize(
    ("repo", "price"), [("nobody/nothing", "0.1"), ("openai/clip-vit-base-patch32", "0")]
)
def test_the_command_says_what_is_wrong(card: ModelCard, repo: str, price: str) -> None:
    with pytest.raises(CommandError):
        call_command("launch", repo, price=price)


@pytest.fixture
def operator(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("op@lab.example"))
    return client


Post = Callable[..., object]


def test_the_operators_page_launches(popular: ModelCard, operator: Client) -> None:
    page = operator.get(f"/admin/launch/{popular.pk}/").content.decode()
    answer = operator.post(
        f"/admin/launch/{popular.pk}/", {"usd_per_1k_images": "0.094", "reason": "most wanted"}
    )

    assert "2 voted" in page
    assert answer["Location"] == f"/admin/launch/{popular.pk}/"
    assert ModelCard.objects.get().stage == Stage.LIVE
    assert Launch.objects.get().by is not None


def test_the_page_says_what_is_wrong(popular: ModelCard, operator: Client) -> None:
    answer = operator.post(
        f"/admin/launch/{popular.pk}/", {"usd_per_1k_images": "-1", "reason": ""}
    )

    assert answer.status_code == 400
    assert ModelCard.objects.get().stage == Stage.ONBOARDING


def test_strangers_and_staff_without_permission_launch_nothing(
    popular: ModelCard, client: Client
) -> None:
    address = f"/admin/launch/{popular.pk}/"
    assert client.post(address).status_code == 302
    client.force_login(User.objects.create_user("staff@lab.example", is_staff=True))
    assert client.post(address).status_code == 403
    assert not Launch.objects.exists()


def test_the_page_takes_no_other_verb(popular: ModelCard, operator: Client) -> None:
    assert operator.put(f"/admin/launch/{popular.pk}/").status_code == 405
    assert operator.get("/admin/launch/0/").status_code == 404
