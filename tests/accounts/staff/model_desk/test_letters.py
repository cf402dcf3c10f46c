"""Whoever called a model lately is mailed about its shutdown or its price, once."""

from collections.abc import Callable, Sequence

import pytest
from django.core.mail import EmailMessage
from django.db.models import F
from pytest_django import Settings

from accounts.models import User
from accounts.staff.model_desk import letters, price_change, shutdown
from accounts.staff.model_desk.notices import Instruction
from accounts.tasks import mail_notices
from catalog.mail import sending
from catalog.mail.backend import Outbox
from catalog.models import Alias, Mail, MailState, ModelCard, ModelNotice
from tests.accounts.staff.model_desk.conftest import caller, in_days
from tests.support.threads import at_once

Instruct = Callable[..., Instruction]


@pytest.fixture
def people(card: ModelCard) -> list[User]:
    return [caller(f"{name}@lab.example") for name in ("ada", "bob", "cleo")]


def announce(card: ModelCard, instruction: Instruction, days: float = 40) -> ModelNotice:
    return shutdown.announce(card, shutdown.Terms(in_days(days)), instruction)


def mailed() -> list[str]:
    return sorted(address for mail in Mail.objects.all() for address in mail.recipients)


def mark_sent() -> None:
    Mail.objects.update(
        state=MailState.SENT, sent_at=F("created_at"), attempt_count=1, text="", headers={}
    )


def test_recent_callers_are_mailed_once_and_nobody_else(
    card: ModelCard, newer: ModelCard, people: list[User], instruct: Instruct
) -> None:
    caller("elsewhere@lab.example", newer.repo)
    caller("long-ago@lab.example", days_ago=91)
    caller("just@lab.example", days_ago=89)
    User.objects.filter(email="bob@lab.example").update(is_active=False)
    announce(card, instruct())

    mail_notices()
    mail_notices()

    assert mailed() == ["ada@lab.example", "cleo@lab.example", "just@lab.example"]
    assert all(mail.is_bulk for mail in Mail.objects.all())


def test_who_called_it_by_its_former_name_is_mailed(card: ModelCard, instruct: Instruct) -> None:
    caller("ada@lab.example", "laion/oldest")
    Alias.objects.create(card=card, name="laion/oldest")
    announce(card, instruct())

    mail_notices()

    assert mailed() == ["ada@lab.example"]


def test_the_mail_names_the_date_the_successor_and_where_to_read_more(
    card: ModelCard, newer: ModelCard, people: list[User], instruct: Instruct
) -> None:
    at = in_days(40)
    shutdown.announce(card, shutdown.Terms(at, newer), instruct())

    mail_notices()

    mail = Mail.objects.all()[0]
    day = f"{at:%d %B %Y}".removeprefix("0")
    assert mail.subject == f"Older shuts down on {day}"
    assert day in mail.text
    assert '"model": "laion/newer"' in mail.text
    assert "/models/laion/older/" in mail.text


def test_the_mail_of_a_price_names_it_and_its_date(
    card: ModelCard, people: list[User], instruct: Instruct
) -> None:
    at = in_days(20)
    price_change.announce(card, price_change.Terms(120_000, 150, at), instruct())

    mail_notices()

    mail = Mail.objects.all()[0]
    assert "$0.12 per 1,000 images" in mail.text
    assert "$0.15 per million tokens" in mail.text
    assert f"{at:%d %B %Y}".removeprefix("0") in mail.text


def test_a_price_that_fell_at_once_is_mailed_too(
    card: ModelCard, people: list[User], instruct: Instruct
) -> None:
    price_change.announce(card, price_change.Terms(80_000, 0), instruct())

    mail_notices()

    assert len(mailed()) == 3
    assert "labels and texts cost nothing" in Mail.objects.all()[0].text


class Breaking(Outbox):
    """The process dies before the mail to bob."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if "bob@lab.example" in email_messages[0].to:
            raise ConnectionError("cut short")
        return super().send_messages(email_messages)


def test_mail_that_was_cut_short_is_finished_and_reaches_each_once(
    card: ModelCard,
    people: list[User],
    instruct: Instruct,
    settings: Settings,
) -> None:
    announce(card, instruct())
    settings.EMAIL_BACKEND = f"{__name__}.Breaking"
    with pytest.raises(ConnectionError):
        letters.resume(mails_per_transaction=1)
    assert mailed() == ["ada@lab.example"]
    assert ModelNotice.objects.get().notified_at is None
    mark_sent()

    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"
    mail_notices()

    assert mailed() == ["ada@lab.example", "bob@lab.example", "cleo@lab.example"]
    assert ModelNotice.objects.get().notified_at is not None


def test_two_who_mail_at_once_mail_each_once(
    transactional_db: None, card: ModelCard, people: list[User], instruct: Instruct
) -> None:
    notice = announce(card, instruct())

    at_once(lambda _: letters.send(notice.pk), 2)

    assert mailed() == ["ada@lab.example", "bob@lab.example", "cleo@lab.example"]


def test_a_later_date_mails_nobody_again_and_an_earlier_one_does(
    card: ModelCard, people: list[User], instruct: Instruct
) -> None:
    first = announce(card, instruct(), 50)
    mail_notices()
    mark_sent()

    second = announce(card, instruct(first.pk), 60)
    mail_notices()
    assert len(mailed()) == 3

    announce(card, instruct(second.pk), 40)
    mail_notices()
    assert len(mailed()) == 6


def test_a_later_date_mails_nobody_again_when_the_old_mail_is_forgotten(
    card: ModelCard, people: list[User], instruct: Instruct
) -> None:
    first = announce(card, instruct(), 50)
    mail_notices()
    mark_sent()
    Mail.objects.all().delete()  # kept for a month

    announce(card, instruct(first.pk), 60)
    mail_notices()

    assert mailed() == []


def test_mail_that_waits_names_the_date_that_it_was_moved_to(
    card: ModelCard, people: list[User], instruct: Instruct
) -> None:
    first = announce(card, instruct(), 50)
    mail_notices()
    sent = Mail.objects.filter(recipients=["ada@lab.example"])
    sent.update(state=MailState.SENT, sent_at=F("created_at"), attempt_count=1, text="", headers={})

    moved = announce(card, instruct(first.pk), 60)
    mail_notices()

    assert mailed() == ["ada@lab.example", "bob@lab.example", "cleo@lab.example"]
    day = f"{moved.effective_at:%d %B %Y}".removeprefix("0")
    waiting = Mail.objects.waiting()
    assert [day in mail.subject for mail in waiting] == [True, True]


def test_what_is_taken_back_is_mailed_to_nobody_else(
    card: ModelCard, people: list[User], instruct: Instruct
) -> None:
    notice = announce(card, instruct())
    mail_notices()
    [tried] = [sending.claim_next(Mail.objects.bulk())]

    shutdown.take_back(card, instruct(notice.pk))
    mail_notices()

    # What a sender holds just now can't be taken back.
    assert [mail.pk for mail in Mail.objects.all()] == [tried and tried.pk]


def test_a_notice_taken_back_while_it_is_mailed_stops(
    card: ModelCard, people: list[User], instruct: Instruct
) -> None:
    notice = announce(card, instruct())
    shutdown.take_back(card, instruct(notice.pk))

    assert not letters.send(notice.pk)
    assert mailed() == []
