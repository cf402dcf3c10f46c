"""One look at each part of the site: whether it does for visitors what it is there for.

A part whose check cannot be made, such as mail without a mail server, is not looked at at all.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx2
from django.conf import settings
from django.db.models.functions import Now

from catalog.infrastructure import storage
from catalog.infrastructure.storage import StorageUnavailable
from catalog.models import Mail, ModelCard, PeriodicTask, Stage
from inference.jobs import sweep
from inference.models import Delivery, Part, Webhook, Worker

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 5.0
SERVER_ERRORS = 500
# What is due is dealt with within seconds; so late, nobody works on it.
LATE_AFTER = timedelta(minutes=2)
# In the pictures' storage; what a crash leaves behind is deleted with other orphans.
PROBE_FOLDER = "status"
# Periodic tasks that are looked at with parts of their own.
TASKS_OF_OTHERS = {"mail", "webhooks"}


def look_at_parts() -> dict[Part, bool]:
    """Whether each part works; logs what does not."""
    found = {part: check() for part, check in CHECKS.items() if part not in _left_out()}
    for part, works in found.items():
        if not works:
            log.warning("status check failed part=%s", part)
    return found


def look_at_models() -> dict[ModelCard, bool]:
    """Whether a worker serves each model: those that are promised, and those that are served."""
    served = Worker.objects.served_repos()
    promised = ModelCard.objects.filter(stage__in=(Stage.LIVE, Stage.PREVIEW, Stage.DEPRECATED))
    cards = promised | ModelCard.objects.filter(repo__in=served)
    return {card: card.repo in served for card in cards}


def _left_out() -> set[Part]:
    return set() if settings.MAIL_TRANSPORT else {Part.MAIL}


def _website_answers() -> bool:
    return _answers("/healthz")


def _api_answers() -> bool:
    # 401 is an answer, too: the API is there.
    return _answers("/v1/models")


def _answers(path: str) -> bool:
    """From outside, through whatever stands in front of the site."""
    try:
        response = httpx2.get(f"{settings.SITE_URL}{path}", timeout=ANSWER_WITHIN_S)
    except httpx2.HTTPError as error:
        log.warning("status check path=%s error=%r", path, error)
        return False
    return response.status_code < SERVER_ERRORS


def _storage_keeps() -> bool:
    name = f"{PROBE_FOLDER}/{uuid.uuid4()}.txt"
    content = uuid.uuid4().bytes
    try:
        storage.save({name: content})
        kept = storage.read(name)
        storage.delete([name])
    except (StorageUnavailable, FileNotFoundError) as error:
        log.warning("status check storage error=%r", error)
        return False
    return kept == content


def _work_is_done() -> bool:
    late = _late_tasks() - TASKS_OF_OTHERS
    if late:
        log.warning("periodic tasks late tasks=%s", ",".join(sorted(late)))
    return not late and all(each.overdue_s() < LATE_AFTER.total_seconds() for each in sweep.OVERDUE)


def _late_tasks() -> set[str]:
    return set(PeriodicTask.objects.late().values_list("name", flat=True))


def _mail_goes_out() -> bool:
    waiting = Mail.objects.waiting()
    # What goes to many waits its turn for hours.
    late = waiting.urgent().filter(next_try_at__lt=Now() - LATE_AFTER)
    is_away = waiting.filter(server_away_at__isnull=False).exists()
    return not late.exists() and not is_away and "mail" not in _late_tasks()


def _webhooks_go_out() -> bool:
    # Whether the receivers answer is theirs to say.
    late = Delivery.objects.waiting().filter(next_try_at__lt=Now() - LATE_AFTER)
    is_late = late.filter(webhook__in=Webhook.objects.enabled()).exists()
    return not is_late and "webhooks" not in _late_tasks()


CHECKS: dict[Part, Callable[[], bool]] = {
    Part.WEBSITE: _website_answers,
    Part.API: _api_answers,
    Part.STORAGE: _storage_keeps,
    Part.JOBS: _work_is_done,
    Part.MAIL: _mail_goes_out,
    Part.WEBHOOKS: _webhooks_go_out,
}
