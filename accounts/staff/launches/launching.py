"""Launching a model: one action, safe to repeat, finished by whoever runs it again.

The launch itself is one transaction: stage, price frozen, and a row that says so. What follows may
take a while and may be cut short: credit for those who voted before, and one mail to each who
voted or waits. Grants and mails bear references of their own, so doing it again does nothing
twice.

LaunchRefused    the model's stage, or its price, does not allow it
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import credits
from accounts.models import Category, User
from catalog import email_addresses, price_history, stages
from catalog.demand import subscribers, waitlist
from catalog.demand.waitlist import letters, links
from catalog.infrastructure import broker
from catalog.models import Launch, ModelCard, Stage, Subscriber, Vote

log = logging.getLogger(__name__)

TELL = "accounts.tasks.tell_of_launch"  # by name: tasks import this module, not the reverse
CREDIT_LIVES = timedelta(days=180)
MAILS_A_TRANSACTION = 200


class LaunchRefused(Exception):
    """The model was not launched; the message says why."""


@dataclass(frozen=True)
class Concerned:
    """Whom a launch would reach: people who voted, and addresses that wait."""

    voters: int
    waiting: int


@dataclass(frozen=True)
class Told:
    """How many people a launch concerns: given credit, and sent a mail. Repeats included."""

    credited: int
    mailed: int


def launch(
    card: ModelCard, *, micro_usd_per_image: int, reason: str = "launched", by: User | None = None
) -> tuple[Launch, bool]:
    """Bring a model live at a price; (the launch, whether it is new). Raises LaunchRefused."""
    if micro_usd_per_image < 1:
        raise LaunchRefused("A price is at least one micro-dollar an image.")
    try:
        with transaction.atomic():
            launched = _launch(card, micro_usd_per_image, reason, by)
    except stages.MoveRefused as refused:
        first = Launch.objects.filter(card=card).first()
        if first is None:
            raise LaunchRefused(f"{refused}: a launch starts from onboarding or preview") from None
        return first, False
    log.info("model launched model=%s micro_usd=%d", card.repo, micro_usd_per_image)
    return launched, True


def _launch(card: ModelCard, micro_usd: int, reason: str, by: User | None) -> Launch:
    before = card.stage
    # The stage first: of two who launch at once one finds that it has moved.
    stages.move(card, Stage.LIVE, reason=reason, by=by)
    if Launch.objects.filter(card=card).exists():
        card.stage = before  # where the refusal leaves it
        raise LaunchRefused(
            f"{card.repo} was launched before, and people are told once: "
            "move it to live by its stage"
        )
    card.launch_price_micro_usd_per_image = micro_usd
    card.save(update_fields=["launch_price_micro_usd_per_image", "changed_at"])
    price_history.record(card)
    launched = Launch.objects.create(
        card=card,
        micro_usd_per_image=micro_usd,
        credit_micro_usd=settings.LAUNCH_CREDIT_MICRO_USD,
        by=by,
    )
    broker.send_on_commit(TELL, launched.pk)
    return launched


def resume() -> int:
    """Send again for launches that have not told everybody yet; how many there are."""
    unfinished = list(Launch.objects.filter(told_at__isnull=True))
    for launched in unfinished:
        broker.send(TELL, launched.pk)
    return len(unfinished)


def tell(launched: Launch) -> Told:
    """Credit to those who had voted, a mail to each who wanted it; then note that it is done."""
    told = Told(credited=_give_credit(launched), mailed=_queue_mails(launched))
    Launch.objects.filter(pk=launched.pk, told_at__isnull=True).update(told_at=Now())
    log.info("launch told model=%s %s", launched.card.repo, told)
    return told


def concerned(card: ModelCard) -> Concerned:
    """What the operator should know before pressing the button."""
    voters = Vote.objects.counted().filter(card=card, user__is_active=True).count()
    return Concerned(voters=voters, waiting=waitlist.size_of(card))


def _voters(launched: Launch) -> QuerySet[User]:
    """Those whose vote counts and came before the launch."""
    votes = Vote.objects.counted().filter(card=launched.card, voted_at__lte=launched.launched_at)
    return User.objects.filter(pk__in=votes.values("user"), is_active=True).order_by("pk")


def _give_credit(launched: Launch) -> int:
    if not launched.credit_micro_usd:
        return 0
    voters = list(_voters(launched))
    for user in voters:
        credits.grant(
            user,
            amount_micro_usd=launched.credit_micro_usd,
            category=Category.LAUNCH,
            reference=f"launch:{launched.card_id}:{user.pk}",
            expires_at=timezone.now() + CREDIT_LIVES,
            note=f"launch of {launched.card.repo}",
        )
    return len(voters)


def _queue_mails(launched: Launch) -> int:
    mailed = 0
    batch: list[EmailMessage] = []
    for message in _mails(launched):
        batch.append(message)
        mailed += 1
        if len(batch) == MAILS_A_TRANSACTION:
            _queue(batch)
            batch = []
    _queue(batch)
    return mailed


@transaction.atomic
def _queue(batch: list[EmailMessage]) -> None:
    for message in batch:
        message.send()


def _mails(launched: Launch) -> Iterator[EmailMessage]:
    """One for each address, whether it waits, has voted, or both."""
    voters = set()
    for user in _voters(launched).iterator():
        voters.add(email_addresses.fold(user.email))
        yield from _mail(launched, _subscriber(user), has_voted=True)
    waiting = waitlist.waiting_for(launched.card).select_related("subscriber")
    for entry in waiting.iterator():
        if email_addresses.fold(entry.subscriber.email) not in voters:
            yield from _mail(launched, entry.subscriber, has_voted=False)


@transaction.atomic
def _subscriber(user: User) -> Subscriber:
    """A voter's address: it, too, must be able to say that it wants no mail."""
    subscriber = waitlist.subscriber_at(email_addresses.normalize(user.email))
    if subscriber.user_id != user.pk:
        subscribers.adopt(user)  # or the purge would take it, and with it what the links mean
    return subscriber


def _mail(launched: Launch, subscriber: Subscriber, *, has_voted: bool) -> Iterator[EmailMessage]:
    if subscriber.silenced_at:
        return
    card = launched.card
    context = {
        "card": card,
        "launch": launched,
        "credit": launched.credit_micro_usd if has_voted else 0,
        "card_link": links.absolute(card.get_absolute_url()),
        "leave_link": links.to_leave(subscriber, None),
        "preferences_link": links.to_preferences(subscriber),
    }
    yield EmailMessage(
        subject=f"{' '.join(card.name.split())} is live",
        body=render_to_string("accounts/mail/launch.txt", context),
        to=[subscriber.email],
        headers=letters.headers(subscriber, None)
        | {"X-Idempotency-Key": f"{subscribers.mail_key(subscriber.pk)}launch:{card.pk}"},
    )
