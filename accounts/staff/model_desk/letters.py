"""One mail about a notice to each person who called the model in the last 90 days.

The ledger says who they are: each call with a key sets credit aside, and names the model. Mail is
queued in steps, each a transaction of its own; the outbox takes a person's key once, so a run that
was cut short is finished by another.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import DataError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Entry, User
from accounts.models.money import EntryKind
from accounts.staff.model_desk.notices import letter_key
from catalog.models import ModelCard, ModelNotice, NoticeKind, NoticeState
from catalog.pricing import Basis, Price

log = logging.getLogger(__name__)

CALLED_WITHIN = timedelta(days=90)
MAILS_PER_TRANSACTION = 200
# What is still true, and not only announced: a price that fell at once.
TRUE = Q(state__in=[NoticeState.OPEN, NoticeState.DONE])


def recent_callers(card: ModelCard) -> QuerySet[User]:
    """Whom a notice of now would mail."""
    return _callers(card, Now() - CALLED_WITHIN)


def _callers(card: ModelCard, since: object) -> QuerySet[User]:
    names = [card.repo, *card.aliases.values_list("name", flat=True)]
    calls = Entry.objects.filter(kind=EntryKind.HOLD, model__in=names, created_at__gte=since)
    return User.objects.filter(
        pk__in=calls.values("wallet__user"), is_active=True, email__gt=""
    ).order_by("pk")


def resume(*, mails_per_transaction: int = MAILS_PER_TRANSACTION) -> int:
    """Queue the mail of notices that have not reached everybody; how many notices that were."""
    unfinished = ModelNotice.objects.filter(TRUE, notified_at__isnull=True).order_by("pk")
    notice_ids = list(unfinished.values_list("pk", flat=True))
    return sum(send(pk, mails_per_transaction=mails_per_transaction) for pk in notice_ids)


def send(notice_id: int, *, mails_per_transaction: int = MAILS_PER_TRANSACTION) -> bool:
    """False: it was replaced or taken back meanwhile, so the rest is not mailed."""
    notice = ModelNotice.objects.select_related("card__successor").get(pk=notice_id)
    people = _callers(notice.card, notice.letter_since - CALLED_WITHIN)
    mailed, after = 0, 0
    while batch := list(people.filter(pk__gt=after)[:mails_per_transaction]):
        if not _queue(notice, batch):
            return False
        mailed, after = mailed + len(batch), batch[-1].pk
    # Last: a notice without this is taken up again by `resume`.
    unfinished = ModelNotice.objects.filter(TRUE, pk=notice_id, notified_at__isnull=True)
    is_done = bool(unfinished.update(notified_at=Now()))
    log.info("notice mailed model=%s kind=%s people=%d", notice.card.repo, notice.kind, mailed)
    return is_done


@transaction.atomic
def _queue(notice: ModelNotice, people: Sequence[User]) -> bool:
    # Whoever takes the notice back waits for these mails, and then drops them, too.
    if not ModelNotice.objects.select_for_update().filter(TRUE, pk=notice.pk).exists():
        return False
    for user in people:
        try:
            with transaction.atomic():
                _mail(notice, user).send()
        except (ValueError, DataError):
            # One address that makes no mail must not keep all the others from theirs.
            log.exception("notice cannot be queued notice=%s user=%s", notice.pk, user.pk)
    return True


def _mail(notice: ModelNotice, user: User) -> EmailMessage:
    day = f"{notice.effective_at:%d %B %Y}".removeprefix("0")
    name = " ".join(notice.card.name.split())
    is_shutdown = notice.kind == NoticeKind.SHUTDOWN
    subject = f"{name} shuts down on {day}" if is_shutdown else f"{name}: new price from {day}"
    template = "model_shutdown.txt" if is_shutdown else "model_price.txt"
    return EmailMessage(
        subject=subject,
        body=render_to_string(f"accounts/mail/{template}", _context(notice)),
        to=[user.email],
        headers={"X-Idempotency-Key": f"{letter_key(notice)}{user.pk}", "X-Bulk": "1"},
    )


def _context(notice: ModelNotice) -> dict[str, object]:
    card, successor = notice.card, notice.card.use_instead
    return {
        "card": card,
        "notice": notice,
        "card_link": f"{settings.SITE_URL}{card.get_absolute_url()}",
        "successor": successor,
        "successor_link": successor and f"{settings.SITE_URL}{successor.get_absolute_url()}",
        "price": price_of(notice),
        "pricing_link": f"{settings.SITE_URL}{reverse('pricing')}",
    }


def price_of(notice: ModelNotice) -> Price:
    return Price(notice.nano_usd_per_image or 0, notice.nano_usd_per_token or 0, Basis.LAUNCH, {})
