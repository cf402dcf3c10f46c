"""Messages wake workers; without a broker nobody fails, and nobody waits."""

import pytest
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from catalog.infrastructure import broker

Sent = list[tuple[str, dict[str, object]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    messages: Sent = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, **options: messages.append((name, options))
    )
    return messages


def test_a_message_is_sent_once_and_without_retries(sent: Sent) -> None:
    assert broker.send("a.task", 1, "two", queue="fetch", expires_s=30)

    [(name, options)] = sent
    assert (name, options["args"], options["queue"]) == ("a.task", [1, "two"], "fetch")
    assert (options["expiration"], options["retry"]) == (30, False)
    assert "expires" not in options  # a time of day, which a worker compares with its own clock


@pytest.mark.parametrize("error", [OperationalError("away"), ConnectionRefusedError()])
def test_a_broker_that_is_away_is_logged_and_said(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(current_app, "send_task", fail)

    assert not broker.send("a.task")
    assert "broker away task=a.task" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_what_is_sent_on_commit_waits_for_it_and_goes_down_with_a_rollback(sent: Sent) -> None:
    with transaction.atomic():
        broker.send_on_commit("rolled.back")
        transaction.set_rollback(True)
    with transaction.atomic():
        broker.send_on_commit("committed", 1)
        assert sent == []

    assert [name for name, _ in sent] == ["committed"]


def test_a_message_without_a_queue_goes_to_the_default_one() -> None:
    options = current_app.amqp.router.route({"queue": None}, "a.task")

    assert options["queue"].name == "house"
