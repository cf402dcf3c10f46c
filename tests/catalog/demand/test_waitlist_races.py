"""What people and their mail programs do to the waitlist in the same moment."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.db.models.functions import Now
from pytest_django import Settings

from accounts import lifecycle
from catalog.demand import subscribers, waitlist
from catalog.demand.waitlist import confirmation, links
from catalog.demand.waitlist.confirmation import Link, LinkState
from catalog.infrastructure.retention import Budget
from catalog.models import Mail, ModelCard, Subscriber, WaitlistEntry
from tests.catalog.demand.joining import ADA, asked_token, person
from tests.conftest import make_card
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 100


@pytest.fixture
def card() -> ModelCard:
    return make_card()


def test_fifty_uses_of_one_link_confirm_once(card: ModelCard) -> None:
    token = asked_token(card)

    answers = at_once(lambda _: confirmation.confirm(token), 50)

    assert sum(link.is_new for link in answers) == 1
    assert {link.state for link in answers} == {LinkState.WAITING}
    assert waitlist.size_of(card) == 1


def test_two_who_ask_at_once_make_one_entry_and_one_mail(
    card: ModelCard, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"

    at_once(lambda _: waitlist.join_by_mail(card, ADA, consent_address="192.0.2.1"), 5)

    assert WaitlistEntry.objects.count() == Subscriber.objects.count() == 1
    assert Mail.objects.count() == 1


def test_two_presses_at_once_put_a_person_in_line_once(card: ModelCard) -> None:
    ada = person(ADA)

    at_once(lambda _: waitlist.join(card, ada, consent_address="192.0.2.1"), 8)

    assert waitlist.size_of(card) == 1


def test_asking_for_many_models_at_once_makes_one_subscriber(db: None) -> None:
    cards = [make_card(f"openai/clip-{number}") for number in range(5)]

    at_once(lambda n: waitlist.join_by_mail(cards[n], ADA, consent_address=f"192.0.2.{n}"), 5)

    assert Subscriber.objects.count() == 1
    assert WaitlistEntry.objects.count() == len(mail.outbox) == 5


def test_confirming_while_leaving_ends_outside_the_line(card: ModelCard) -> None:
    token = asked_token(card)
    signed = links.to_leave(Subscriber.objects.get(), card).split("/")[-2]
    turns: list[Callable[[], object]] = [
        lambda: confirmation.confirm(token),
        lambda: waitlist.leave(links.entries_of(signed)),
        lambda: confirmation.confirm(token),
    ]

    for _ in range(ROUNDS):
        WaitlistEntry.objects.update(confirmed_at=None, left_at=None)
        at_once(lambda n: turns[n](), len(turns))

        assert waitlist.size_of(card) == 0
        assert WaitlistEntry.objects.get().left_at is not None


def test_confirming_while_asking_again_is_never_lost(card: ModelCard) -> None:
    """Either the link was used before it was replaced, or it says that it was replaced."""
    for _ in range(20):
        WaitlistEntry.objects.all().delete()
        token = asked_token(card)
        cache.clear()

        def turn(number: int, token: str = token) -> Link | None:
            if number:
                return confirmation.confirm(token)
            waitlist.join_by_mail(card, ADA, consent_address="192.0.2.1")
            return None

        link = at_once(turn, 2)[1]

        assert link is not None
        expected = LinkState.WAITING if waitlist.size_of(card) else LinkState.REPLACED
        assert link.state is expected


def test_whoever_asks_while_the_purge_runs_is_kept(card: ModelCard) -> None:
    for _ in range(20):
        asked_token(card)
        WaitlistEntry.objects.update(requested_at=Now() - timedelta(days=8))
        cache.clear()
        mail.outbox.clear()

        def turn(number: int) -> None:
            if number:
                waitlist.purge(Budget(20))
            else:
                waitlist.join_by_mail(card, ADA, consent_address="192.0.2.1")

        at_once(turn, 2)

        assert (
            WaitlistEntry.objects.filter(requested_at__gt=Now() - timedelta(minutes=1)).count() == 1
        )
        assert len(mail.outbox) == 1


def test_whoever_asks_while_being_forgotten_gets_an_answer(card: ModelCard) -> None:
    for _ in range(20):
        asked_token(card)
        cache.clear()

        def turn(number: int) -> None:
            if number:
                subscribers.forget(Subscriber.objects.all())
            else:
                waitlist.join_by_mail(card, ADA, consent_address="192.0.2.1")

        at_once(turn, 2)

        assert Subscriber.objects.count() == WaitlistEntry.objects.count()


def test_two_sign_ins_at_once_adopt_once(card: ModelCard) -> None:
    asked_token(card)
    ada = person(ADA)

    at_once(lambda _: lifecycle.onboard(ada), 8)

    assert Subscriber.objects.get().user == ada
