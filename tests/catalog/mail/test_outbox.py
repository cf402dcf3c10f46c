"""Mail is kept first and sent after: none is lost, none is sent twice, nobody waits for it."""

from collections.abc import Iterator
from datetime import timedelta
from email.message import Message

import pytest
from celery import current_app
from django.core.mail import EmailMessage, EmailMultiAlternatives, send_mail
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts import lifecycle
from accounts.models import User
from catalog import tasks
from catalog.infrastructure.backoff import Exponential
from catalog.infrastructure.retention import Budget
from catalog.mail import sending
from catalog.mail.backend import CannotKeep
from catalog.models import Launch, Mail, MailState, ModelCard
from tests.fakes.smtp import MailServer, Mood, closed_port, mail_server
from tests.support.threads import at_once

OUTBOX = "catalog.mail.backend.Outbox"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _outbox(server: MailServer, settings: Settings) -> None:
    """The tests' own mail backend gives way to the site's."""
    settings.EMAIL_BACKEND = OUTBOX
    settings.MAIL_TRANSPORT = SMTP
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_TIMEOUT = 20  # a busy machine is no server that is away


@pytest.fixture
def _impatient(settings: Settings) -> None:
    """For tests whose server hangs."""
    settings.EMAIL_TIMEOUT = 0.2


def write(to: str = "ada@lab.example", **headers: str) -> None:
    EmailMessage("hello", "your code is 123", "us@site.example", [to], headers=headers).send()


def parts_of(mail: Message) -> list[str]:
    return [str(part.get_payload()) for part in mail.walk() if not part.is_multipart()]


def wait_over() -> None:
    """As if the time to the next try had passed."""
    Mail.objects.waiting().update(next_try_at=Now(), server_away_at=None)


@pytest.mark.django_db(transaction=True)
def test_mail_of_a_transaction_that_fails_is_never_sent(server: MailServer) -> None:
    with transaction.atomic():
        write()
        transaction.set_rollback(True)

    assert sending.send_due() == 0
    assert server.calls == 0


@pytest.mark.django_db(transaction=True)
def test_mail_goes_out_once_whole_and_is_emptied(server: MailServer) -> None:
    message = EmailMultiAlternatives(
        "hello",
        "plain words\n.dot",
        "Us <us@site.example>",
        ["ada@lab.example"],
        headers={"List-Unsubscribe": "<https://site.example/u/1>"},
        reply_to=["help@site.example"],
    )
    message.attach_alternative("<p>words</p>", "text/html")
    message.send()

    assert sending.send_due() == 1
    assert sending.send_due() == 0

    [taken] = server.taken
    text, html = parts_of(taken)
    assert (taken["To"], taken["From"]) == ("ada@lab.example", "Us <us@site.example>")
    assert taken["Reply-To"] == "help@site.example"
    assert taken["List-Unsubscribe"] == "<https://site.example/u/1>"
    assert text.split() == ["plain", "words", ".dot"]
    assert html == "<p>words</p>"
    mail = Mail.objects.get()
    assert mail.state == MailState.SENT
    assert mail.sent_at
    assert (mail.text, mail.html, mail.headers) == ("", "", {})


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("mood", [Mood.REFUSES, Mood.HANGS, Mood.GREYLISTS])
def test_a_server_that_fails_gets_the_same_mail_later_and_once(
    server: MailServer, mood: Mood
) -> None:
    write()
    server.mood = mood
    assert sending.send_due() == 0
    first = Mail.objects.get()
    assert first.state == MailState.WAITING
    assert first.error
    assert sending.send_due() == 0, "not yet: it waits before it tries again"

    server.mood = Mood.FRIENDLY
    wait_over()
    tasks.sweep_mail()
    tasks.sweep_mail()

    [taken] = server.taken
    assert taken["Message-ID"] == first.message_id
    assert Mail.objects.get().state == MailState.SENT


@pytest.mark.django_db(transaction=True)
def test_no_server_at_all_is_like_one_that_is_down(settings: Settings) -> None:
    settings.EMAIL_PORT = closed_port()
    write()

    assert sending.send_due() == 0
    assert Mail.objects.get().server_away_at


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_impatient")
def test_while_the_server_is_away_one_mail_is_tried_and_the_rest_wait(server: MailServer) -> None:
    server.mood = Mood.HANGS
    for number in range(5):
        write(f"person{number}@lab.example")

    for _ in range(4):
        sending.send_due()

    assert server.calls == 1
    assert Mail.objects.filter(attempt_count=0).count() == 4


@pytest.mark.django_db(transaction=True)
def test_the_answer_to_a_visitor_does_not_depend_on_the_mail_server(
    server: MailServer, client: Client
) -> None:
    server.mood = Mood.HANGS

    sent = client.post("/accounts/login/", {"login": "ada@lab.example"})

    assert sent["Location"].startswith("/accounts/login/code/confirm/")
    assert server.calls == 0
    server.mood = Mood.FRIENDLY
    tasks.send_mail()
    assert [mail["To"] for mail in server.taken] == ["ada@lab.example"]


@pytest.mark.django_db(transaction=True)
def test_a_mailbox_that_does_not_exist_is_given_up_at_once(server: MailServer) -> None:
    server.mood = Mood.REFUSES_THE_PERSON
    write()

    sending.send_due()

    mail = Mail.objects.get()
    assert (mail.state, mail.text) == (MailState.GIVEN_UP, "")
    assert "no such mailbox" in mail.error


@pytest.mark.django_db(transaction=True)
def test_the_same_key_is_queued_once(server: MailServer) -> None:
    write(**{"X-Idempotency-Key": "launch:1:ada"})
    write(**{"X-Idempotency-Key": "launch:1:ada"})
    write(**{"X-Idempotency-Key": "launch:1:bob"})

    assert sending.send_due() == 2
    assert all("X-Idempotency-Key" not in taken for taken in server.taken)


@pytest.mark.django_db(transaction=True)
def test_a_mails_launch_is_a_column_that_no_server_sees(
    server: MailServer, card: ModelCard
) -> None:
    launch = Launch.objects.create(card=card, nano_usd_per_image=90_000, credit_micro_usd=0)

    write(**{"X-Launch": str(launch.pk)})
    sending.send_bulk()

    assert Mail.objects.get().launch == launch
    assert all("X-Launch" not in taken for taken in server.taken)


@pytest.mark.django_db(transaction=True)
def test_twenty_senders_at_once_send_each_mail_once(server: MailServer) -> None:
    for number in range(40):
        write(f"person{number}@lab.example")

    sent = at_once(lambda _: sending.send_due(), 20)

    assert sum(sent) == 40
    assert len({taken["To"] for taken in server.taken}) == len(server.taken) == 40


@pytest.mark.django_db(transaction=True)
def test_a_code_to_sign_in_waits_behind_no_mail_to_many(
    server: MailServer, settings: Settings
) -> None:
    settings.MAIL_BULK_PER_MINUTE = 60
    for number in range(30):
        write(f"person{number}@lab.example", **{"X-Bulk": "1"})
    write("ada@lab.example")

    assert sending.send_due() == 1
    assert [taken["To"] for taken in server.taken] == ["ada@lab.example"]

    # A sixth of a minute's worth, and the rest where the next round finds it.
    assert sending.send_bulk() == 10
    assert Mail.objects.waiting().count() == 20
    assert all("X-Bulk" not in taken for taken in server.taken)
    assert sending.send_bulk() == 10


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_impatient")
def test_a_code_goes_out_while_mail_to_many_is_being_sent(server: MailServer) -> None:
    write("many@lab.example", **{"X-Bulk": "1"})
    assert sending.claim_next(Mail.objects.bulk())  # by a sender that is not done with it
    write("ada@lab.example")

    assert sending.send_due() == 1


@pytest.mark.django_db(transaction=True)
def test_a_sender_that_died_costs_a_wait_and_no_mail(server: MailServer) -> None:
    write()
    assert sending.claim_next()  # and then the process dies
    assert sending.send_due() == 0

    wait_over()

    assert sending.send_due() == 1


def test_each_wait_is_twice_the_one_before_up_to_its_bound() -> None:
    half_a_minute, hour = timedelta(seconds=30), timedelta(hours=1)

    waits = [
        Exponential(first=half_a_minute, longest=hour).wait_after(attempt)
        for attempt in (1, 2, 3, 20, 4000)
    ]

    assert waits == [half_a_minute, half_a_minute * 2, half_a_minute * 4, hour, hour]


def test_mail_is_given_up_after_a_day_and_forgotten_after_a_month(db: None) -> None:
    write("day@lab.example")
    write("month@lab.example")
    write("today@lab.example")
    write("many@lab.example", **{"X-Bulk": "1"})
    Mail.objects.bulk().update(created_at=Now() - timedelta(days=6))
    old = Mail.objects.to_any(["day@lab.example"])
    old.update(created_at=Now() - timedelta(days=1, minutes=1))
    Mail.objects.to_any(["month@lab.example"]).update(created_at=Now() - timedelta(days=31))

    sending.tidy(Budget(20))

    assert dict(Mail.objects.values_list("recipients__0", "state")) == {
        "day@lab.example": MailState.GIVEN_UP,
        "today@lab.example": MailState.WAITING,
        "many@lab.example": MailState.WAITING,
    }


def test_without_a_server_mail_waits(db: None, settings: Settings) -> None:
    settings.MAIL_TRANSPORT = ""
    write()

    assert sending.send_due() == 0
    assert Mail.objects.get().attempt_count == 0


def test_a_broker_that_is_away_does_not_fail_the_caller(
    db: None,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(current_app, "send_task", away)

    with django_capture_on_commit_callbacks(execute=True):
        write()

    assert Mail.objects.waiting().count() == 1


def test_mail_that_the_table_cannot_hold_is_refused_loudly(db: None) -> None:
    with_copy = EmailMessage("a", "b", "us@site.example", ["a@b.example"], cc=["c@d.example"])
    with_file = EmailMessage("a", "b", "us@site.example", ["a@b.example"])
    with_file.attach("a.txt", "words")

    for message in (with_copy, with_file):
        with pytest.raises(CannotKeep):
            message.send()


def test_the_table_keeps_no_words_of_mail_that_is_done(db: None) -> None:
    write()

    with pytest.raises(IntegrityError):
        Mail.objects.update(state=MailState.SENT, sent_at=Now())


def test_mail_to_a_person_goes_with_the_person(db: None) -> None:
    ada = User.objects.create_user("ada@lab.example")
    send_mail("hello", "words", "us@site.example", [ada.email])
    send_mail("hello", "words", "us@site.example", ["bob@lab.example"])

    lifecycle.delete(ada)

    assert [mail.recipients for mail in Mail.objects.all()] == [["bob@lab.example"]]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "damage",
    [
        {"subject": "two\nlines"},
        {"headers": {"X-Odd": "a\r\nBcc: eve@evil.example"}},
        {"sender": "no address at all @@"},
        {"recipients": ["ada@lab.example\n"]},
    ],
)
def test_one_mail_that_cannot_be_built_does_not_end_its_round(
    server: MailServer, damage: dict[str, object]
) -> None:
    for name in ["first", "broken", "last"]:
        write(f"{name}@lab.example")
    broken = Mail.objects.filter(recipients=["broken@lab.example"]).values("pk")
    broken_pk = broken.get()["pk"]
    Mail.objects.filter(pk=broken_pk).update(**damage)

    sending.send_due()

    states = dict(Mail.objects.values_list("pk", "state"))
    assert states.pop(broken_pk) == MailState.WAITING
    assert set(states.values()) == {MailState.SENT}
    kept = Mail.objects.get(pk=broken_pk)
    assert kept.error
    assert kept.server_away_at is None, "the others need not wait for it"
