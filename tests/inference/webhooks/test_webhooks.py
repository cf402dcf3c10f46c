"""Webhooks get what was committed, once: signed, for a day, and never led astray."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from celery import current_app
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from accounts.models import User
from catalog.infrastructure.retention import Budget
from catalog.models import ModelCard
from inference import jobs, tasks
from inference.models import (
    Attempt,
    Delivery,
    DeliveryState,
    DisabledReason,
    Event,
    FailureReason,
    State,
    Webhook,
)
from inference.webhooks import endpoints, posting, queueing, sending, signing_secrets
from inference.webhooks.schedule import BACKOFF, MAX_ATTEMPTS
from tests.conftest import answer_next
from tests.fakes.far_server import Answer, Canary, FarServer
from tests.inference.webhooks.conftest import URL, Send, Submit
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def wait_over() -> None:
    """As if the time to the next try had passed."""
    Delivery.objects.waiting().update(next_try_at=Now())


# --- what is queued --------------------------------------------------------------------------


def test_a_job_that_succeeds_is_delivered_with_its_end(
    card: ModelCard, submit: Submit, hers: jobs.Requester, hook: tuple[Webhook, str]
) -> None:
    job = submit(by=hers)
    assert not Delivery.objects.exists()

    answer_next(card)

    delivery = Delivery.objects.get()
    event = json.loads(delivery.body)
    assert delivery.event == event["type"] == "job.succeeded"
    assert event["data"] == {
        "id": str(job.pk),
        "object": "job",
        "kind": "classify",
        "model": card.repo,
        "status": "succeeded",
        "error_code": None,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])


@pytest.mark.parametrize(("code", "status"), [("invalid_image", "failed"), ("deadline", "expired")])
def test_a_job_that_fails_is_delivered_with_its_code(
    submit: Submit, hers: jobs.Requester, hook: tuple[Webhook, str], code: Any, status: str
) -> None:
    job = submit(by=hers)

    jobs.end([job], state=State.FAILED, code=code)

    event = json.loads(Delivery.objects.get().body)
    assert (event["type"], event["data"]["status"], event["data"]["error_code"]) == (
        "job.failed",
        status,
        code,
    )


def test_a_cancelled_job_is_delivered_as_the_api_spells_it(delivery: Delivery) -> None:
    event = json.loads(delivery.body)

    assert (event["type"], event["data"]["status"]) == ("job.canceled", "canceled")


def test_an_end_that_is_rolled_back_is_not_delivered(
    submit: Submit, hers: jobs.Requester, hook: tuple[Webhook, str]
) -> None:
    job = submit(by=hers)
    with transaction.atomic():
        jobs.cancel(job)
        transaction.set_rollback(True)

    assert not Delivery.objects.exists()


def test_only_what_was_asked_for_is_delivered(
    card: ModelCard, submit: Submit, hers: jobs.Requester, ada: User
) -> None:
    endpoints.add(ada, url=URL, events=["job.failed"])
    submit(by=hers)
    answer_next(card)

    assert not Delivery.objects.exists()


def test_nobody_else_gets_a_call(
    submit: Submit, hers: jobs.Requester, requester: jobs.Requester
) -> None:
    endpoints.add(User.objects.create_user("bob@lab.example"), url=URL, events=Event.values)

    jobs.cancel(submit(by=hers))
    jobs.cancel(submit())

    assert not Delivery.objects.exists()


def test_what_was_tried_in_the_playground_is_not_delivered(
    submit: Submit, ada: User, hook: tuple[Webhook, str]
) -> None:
    jobs.cancel(submit(by=jobs.Requester(user_id=ada.pk, visitor=None)))

    assert not Delivery.objects.exists()


@pytest.mark.parametrize("verb", [endpoints.switch_off, endpoints.remove])
def test_a_webhook_that_is_off_is_not_delivered(
    submit: Submit, hers: jobs.Requester, hook: tuple[Webhook, str], verb: Callable[[Webhook], None]
) -> None:
    verb(hook[0])

    jobs.cancel(submit(by=hers))

    assert not Delivery.objects.exists()


def test_the_same_end_is_queued_once(delivery: Delivery) -> None:
    assert queueing.queue([delivery.job_id]) == 0
    assert Delivery.objects.count() == 1


def test_a_worker_is_woken_on_commit_if_there_is_a_delivery(
    submit: Submit,
    hers: jobs.Requester,
    requester: jobs.Requester,
    hook: tuple[Webhook, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queues: list[str] = []

    def note(name: str, *, queue: str, **_: object) -> None:
        queues.append(queue)

    job, stranger = submit(by=hers), submit()
    monkeypatch.setattr(current_app, "send_task", note)
    jobs.cancel(stranger)
    assert queues == []
    jobs.cancel(job)
    assert queues == ["webhooks"]


def test_a_broker_that_is_away_does_not_fail_the_job(
    submit: Submit, hers: jobs.Requester, hook: tuple[Webhook, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OSError("no broker")

    job = submit(by=hers)
    monkeypatch.setattr(current_app, "send_task", away)

    assert jobs.cancel(job)
    assert Delivery.objects.count() == 1


def test_a_webhook_that_is_deleted_meanwhile_fails_no_batch(
    submit: Submit, hers: jobs.Requester, hook: tuple[Webhook, str]
) -> None:
    all_jobs = [submit(by=hers) for _ in range(8)]

    def either(index: int) -> bool:
        if index == 0:
            try:
                return bool(Webhook.objects.all().delete()[0])
            except IntegrityError:  # a delivery came in between: it is the deletion that fails
                return False
        return jobs.cancel(all_jobs[index])

    ended = at_once(either, 8)

    assert all(ended[1:])


# --- how it is sent --------------------------------------------------------------------------


def test_a_receiver_can_verify_what_it_gets(
    delivery: Delivery, hook: tuple[Webhook, str], far: FarServer, send: Send
) -> None:
    assert send() == 1

    [request] = far.requests
    assert request.method == "POST"
    event = Verifier(hook[1]).verify(request.body, dict(request.headers))
    assert event == json.loads(delivery.body)
    assert request.headers["webhook-id"] == delivery.message_id
    assert request.headers["Content-Type"] == "application/json"
    assert "Cookie" not in request.headers
    assert "Authorization" not in request.headers
    with pytest.raises(WebhookVerificationError):
        Verifier(signing_secrets.new_secret()).verify(request.body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Verifier(hook[1]).verify(request.body + b" ", dict(request.headers))


def test_what_is_delivered_is_delivered_once_and_logged(delivery: Delivery, send: Send) -> None:
    assert send() == 1
    assert send() == 0

    delivery.refresh_from_db()
    attempt = Attempt.objects.get()
    assert (delivery.state, attempt.status, attempt.failure) == (DeliveryState.DELIVERED, 204, "")
    assert delivery.delivered_at


def test_after_a_rotation_both_secrets_verify_for_a_day(
    delivery: Delivery, hook: tuple[Webhook, str], far: FarServer, send: Send
) -> None:
    new = endpoints.rotate(hook[0])
    send()
    [request] = far.requests
    for secret in (new, hook[1]):
        Verifier(secret).verify(request.body, dict(request.headers))

    Webhook.objects.update(old_secret_until=Now() - timedelta(seconds=1))
    endpoints.replay(delivery)
    send()

    Verifier(new).verify(far.requests[1].body, dict(far.requests[1].headers))
    with pytest.raises(WebhookVerificationError):
        Verifier(hook[1]).verify(far.requests[1].body, dict(far.requests[1].headers))


@pytest.mark.parametrize(
    ("answer", "status", "failure"),
    [
        (Answer(status=500), 500, FailureReason.STATUS),
        (Answer(status=404), 404, FailureReason.STATUS),
        (Answer(status=429), 429, FailureReason.STATUS),
        (Answer(status=302, headers={"Location": "/elsewhere"}), 302, FailureReason.REDIRECT),
        (
            Answer(status=308, headers={"Location": "https://localtest.example/"}),
            308,
            FailureReason.REDIRECT,
        ),
        (Answer(hangs=True), None, FailureReason.TIMEOUT),
    ],
)
def test_what_fails_is_logged_and_sent_again_under_the_same_id(
    delivery: Delivery,
    far: FarServer,
    send: Send,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    status: int | None,
    failure: str,
) -> None:
    monkeypatch.setattr(posting, "TOTAL_S", 0.5)
    far.answers = {"/hook": answer, "/elsewhere": Answer()}
    assert send() == 1
    assert send() == 0, "not yet: it waits before it tries again"
    [first] = far.requests
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.failure) == (status, failure)

    monkeypatch.setattr(posting, "TOTAL_S", 10)
    far.answers["/hook"] = Answer()
    wait_over()
    assert send() == 1

    assert [request.path for request in far.requests] == ["/hook", "/hook"], (
        "a redirect is not followed"
    )
    assert far.requests[1].headers["webhook-id"] == first.headers["webhook-id"]
    assert far.requests[1].body == first.body
    assert Delivery.objects.get().state == DeliveryState.DELIVERED
    assert Attempt.objects.count() == 2


@pytest.mark.parametrize(
    "url",
    [
        "https://localtest.example/hook",
        "https://10.0.0.1/hook",
        "https://metadata.google.internal/",
    ],
)
def test_nothing_inside_is_ever_called(
    delivery: Delivery, far: FarServer, send: Send, servers: tuple[FarServer, Canary], url: str
) -> None:
    Webhook.objects.update(url=url)

    send()

    assert servers[1].touched == 0
    assert far.requests == []
    assert Attempt.objects.get().failure == FailureReason.CONNECTION


def test_a_webhook_is_tried_for_a_day_and_then_given_up(
    delivery: Delivery, far: FarServer, send: Send
) -> None:
    far.answers["/hook"] = Answer(status=500)
    for _ in range(MAX_ATTEMPTS + 2):
        send()
        wait_over()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempt_count) == (DeliveryState.GIVEN_UP, MAX_ATTEMPTS)
    assert len(far.requests) == MAX_ATTEMPTS
    assert timedelta(hours=23) < sum(BACKOFF.waits, timedelta()) < timedelta(hours=25)
    assert all(longer > shorter for shorter, longer in pairwise(BACKOFF.waits))


def test_a_sender_that_died_costs_a_wait_and_no_delivery(delivery: Delivery, send: Send) -> None:
    assert sending.claim()  # and then the process dies
    assert send() == 0

    wait_over()

    assert send() == 1


def test_ten_senders_at_once_tell_each_thing_once(
    submit: Submit, hers: jobs.Requester, hook: tuple[Webhook, str], far: FarServer, send: Send
) -> None:
    for _ in range(12):
        jobs.cancel(submit(by=hers))

    tried = at_once(lambda _: send(), 10)
    tried.append(send())

    assert sum(tried) == 12
    assert (
        len({request.headers["webhook-id"] for request in far.requests}) == len(far.requests) == 12
    )


def test_a_webhook_that_fails_takes_one_place_of_a_round(
    submit: Submit,
    hers: jobs.Requester,
    hook: tuple[Webhook, str],
    far: FarServer,
    send: Send,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Webhook.objects.update(failing_since=Now())
    for _ in range(4):
        jobs.cancel(submit(by=hers))
    monkeypatch.setattr(sending, "ROUNDS", 1)

    assert send() == 1


def test_a_success_ends_the_days_of_failure(delivery: Delivery, far: FarServer, send: Send) -> None:
    far.answers["/hook"] = Answer(status=500)
    send()
    assert Webhook.objects.get().failing_since

    far.answers["/hook"] = Answer()
    wait_over()
    send()

    assert Webhook.objects.get().failing_since is None


def test_after_days_of_failure_it_is_switched_off_and_the_owner_learns_it_once(
    delivery: Delivery, far: FarServer, send: Send, settings: Settings
) -> None:
    far.answers["/hook"] = Answer(status=500)
    days = timedelta(days=settings.WEBHOOK_DISABLED_AFTER_DAYS)
    Webhook.objects.update(failing_since=Now() - days + timedelta(minutes=1))
    send()
    assert Webhook.objects.get().is_enabled
    assert mail.outbox == []

    Webhook.objects.update(failing_since=F("failing_since") - timedelta(minutes=2))
    wait_over()
    send()
    wait_over()

    assert send() == 0
    assert Webhook.objects.get().disabled_reason == DisabledReason.FAILING
    [letter] = mail.outbox
    assert letter.to == ["ada@lab.example"]
    assert URL in letter.body
    assert "/account/webhooks/" in letter.body


def test_a_server_that_answers_gone_is_not_called_again(
    delivery: Delivery, far: FarServer, send: Send
) -> None:
    far.answers["/hook"] = Answer(status=410)
    send()

    wait_over()

    assert send() == 0
    assert Webhook.objects.get().disabled_reason == DisabledReason.GONE
    assert len(mail.outbox) == 1


def test_what_waited_goes_out_when_it_is_switched_on(
    delivery: Delivery, hook: tuple[Webhook, str], send: Send
) -> None:
    endpoints.switch_off(hook[0])
    assert send() == 0

    assert endpoints.switch_on(hook[0])
    assert not endpoints.switch_on(hook[0])

    assert send() == 1


def test_a_replay_is_one_more_try_under_the_same_id(
    delivery: Delivery, far: FarServer, send: Send
) -> None:
    send()
    far.answers["/hook"] = Answer(status=500)

    assert endpoints.replay(delivery)
    send()
    wait_over()

    assert send() == 0, "what was delivered before is not repeated for a day"
    assert {request.headers["webhook-id"] for request in far.requests} == {delivery.message_id}
    assert Attempt.objects.count() == 2


def test_what_is_old_is_forgotten(delivery: Delivery, send: Send) -> None:
    Delivery.objects.update(created_at=Now() - timedelta(days=3), next_try_at=Now() - timedelta(2))
    sending.tidy(Budget(20))
    assert Delivery.objects.get().state == DeliveryState.GIVEN_UP

    Delivery.objects.update(created_at=Now() - timedelta(days=31))
    Webhook.objects.update(removed_at=Now() - timedelta(hours=2))
    tasks.sweep_webhooks()

    assert not Delivery.objects.exists()
    assert not Webhook.objects.exists()


# --- secrets ---------------------------------------------------------------------------------


def test_the_table_holds_no_secret(hook: tuple[Webhook, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(hook)::text FROM inference_webhook AS hook")
        [[row]] = cursor.fetchall()

    assert hook[1].removeprefix("whsec_") not in row


def test_a_new_secret_key_opens_what_the_old_one_sealed_while_it_is_kept(
    settings: Settings, delivery: Delivery, send: Send
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert signing_secrets.decrypt(delivery.webhook.secret)

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(signing_secrets.CannotDecrypt):
        signing_secrets.decrypt(delivery.webhook.secret)
    send()

    assert Attempt.objects.get().failure == FailureReason.SECRET


def test_rotating_twice_at_once_gives_one_new_secret(hook: tuple[Webhook, str]) -> None:
    new = at_once(lambda _: endpoints.rotate(Webhook.objects.get()), 5)

    webhook = Webhook.objects.get()
    assert set(new) == {signing_secrets.decrypt(webhook.secret)}
    assert signing_secrets.decrypt(webhook.old_secret) == hook[1]


def test_ten_webhooks_are_the_most_also_at_once(ada: User) -> None:
    def add(number: int) -> bool:
        try:
            endpoints.add(ada, url=f"{URL}/{number}", events=Event.values)
        except endpoints.TooManyWebhooks:
            return False
        return True

    assert sum(at_once(add, 14)) == 10
    assert Webhook.objects.count() == 10


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://good.example/"},
        {"events": []},
        {"events": ["job.born"]},
        {"disabled_at": Now()},
        {"old_secret": "x"},
    ],
)
def test_the_table_keeps_the_rules(hook: tuple[Webhook, str], changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        Webhook.objects.update(**changes)
