"""After a launch: credit for those who voted before it, one mail to each who voted or waits.

It may take a while and be cut short. Grants and mails bear references of their own, so running it
again does nothing twice and finishes what is missing.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.mail import EmailMessage
from django.db import DataError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string

from accounts import gifts
from accounts.models import Gift, GiftState, User
from catalog import email_addresses
from catalog.demand import subscribers, waitlist
from catalog.demand.waitlist import emails, links
from catalog.models import Launch, Subscriber, Vote
from catalog.standing import serving

log = logging.getLogger(__name__)

MAILS_PER_TRANSACTION = 200
KEY = "X-Idempotency-Key"


@dataclass(frozen=True)
class Notified:
    """How many were given credit, and how many sent a mail, by this run or an earlier one.

    Credit beyond the budget of gifts waits for the operator (`accounts.gifts`).
    """

    credited: int
    mailed: int


def notify(launch: Launch) -> Notified:
    notified = Notified(credited=_grant_credit(launch), mailed=_queue_mails(launch))
    # Last: a launch without this is taken up again by `resume`.
    Launch.objects.filter(pk=launch.pk, announced_at__isnull=True).update(announced_at=Now())
    log.info("launch notified model=%s %s", launch.card.repo, notified)
    return notified


def _voters(launch: Launch) -> QuerySet[User]:
    # Votes cast since are no reason to be thanked: the model was there to be used.
    votes = Vote.objects.counted().filter(card=launch.card, voted_at__lte=launch.launched_at)
    return User.objects.filter(pk__in=votes.values("user"), is_active=True).order_by("pk")


def _grant_credit(launch: Launch) -> int:
    voters = list(_voters(launch)) if launch.credit_micro_usd else []
    given = [gifts.of_launch(user, launch) for user in voters]
    return sum(gift.state == GiftState.GIVEN for gift in given)


def _queue_mails(launch: Launch) -> int:
    mailed = 0
    # As it is now: the mail must not promise what the page it leads to denies.
    is_served = serving.is_served(launch.card)
    # Neither one transaction for all, which would be lost whole, nor one a mail, which is slow.
    batch: list[EmailMessage] = []
    for message in _mails(launch, is_served=is_served):
        batch.append(message)
        mailed += 1
        if len(batch) == MAILS_PER_TRANSACTION:
            _queue(batch)
            batch = []
    _queue(batch)
    return mailed


@transaction.atomic
def _queue(batch: list[EmailMessage]) -> None:
    for message in batch:
        try:
            with transaction.atomic():
                message.send()
        except (ValueError, DataError):
            # One address that makes no mail must not keep all the others from theirs.
            log.exception("launch mail cannot be queued key=%s", message.extra_headers[KEY])


def count_voters(launch: Launch) -> int:
    """How many get credit, if the launch gives any."""
    return _voters(launch).count() if launch.credit_micro_usd else 0


def count_mails(launch: Launch) -> int:
    return sum(1 for _ in _recipients(launch))


def _mails(launch: Launch, *, is_served: bool) -> Iterator[EmailMessage]:
    for subscriber, gift in _recipients(launch):
        yield _mail(launch, subscriber, is_served=is_served, gift=gift)


def _recipients(launch: Launch) -> Iterator[tuple[Subscriber, Gift | None]]:
    """Each address once, whether it waits, has voted, or both; not those that want no mail."""
    for subscriber, gift in _addresses(launch):
        if not subscriber.unsubscribed_at:
            yield subscriber, gift


def _addresses(launch: Launch) -> Iterator[tuple[Subscriber, Gift | None]]:
    # Voters first: who voted and waits gets the mail that names the credit.
    voters = set()
    given = Gift.objects.filter(reference__startswith=f"launch:{launch.card_id}:")
    gifts_by_user = {gift.wallet.user_id: gift for gift in given.select_related("wallet")}
    for user in _voters(launch).iterator():
        voters.add(email_addresses.fold(user.email))
        gift = gifts_by_user.get(user.pk)
        yield _subscriber(user), gift
    waiting = waitlist.waiting_for(launch.card).select_related("subscriber")
    for entry in waiting.iterator():
        if email_addresses.fold(entry.subscriber.email) not in voters:
            yield entry.subscriber, None


@transaction.atomic
def _subscriber(user: User) -> Subscriber:
    """A voter's address: it, too, must be able to say that it wants no mail."""
    subscriber = waitlist.subscriber_at(email_addresses.normalize(user.email))
    if subscriber.user_id != user.pk:
        subscribers.adopt(user)  # or the purge would take it, and with it what the links mean
    return subscriber


def _mail(
    launch: Launch, subscriber: Subscriber, *, is_served: bool, gift: Gift | None
) -> EmailMessage:
    card = launch.card
    # The outbox takes each key once, so a run that repeats another mails nobody again.
    key = f"{subscribers.mail_key(subscriber.pk)}launch:{card.pk}"
    own_headers = {KEY: key, "X-Launch": str(launch.pk)}
    return EmailMessage(
        subject=f"{' '.join(card.name.split())} is live",
        body=_body(launch, subscriber, is_served=is_served, gift=gift),
        to=[subscriber.email],
        headers=emails.headers(subscriber, None) | own_headers,
    )


def _body(launch: Launch, subscriber: Subscriber, *, is_served: bool, gift: Gift | None) -> str:
    context = {
        "card": launch.card,
        "is_served": is_served,
        "launch": launch,
        "gift": gift,
        "card_link": links.absolute(launch.card.get_absolute_url()),
        "leave_link": links.to_leave(subscriber, None),
        "preferences_link": links.to_preferences(subscriber),
    }
    return render_to_string("accounts/mail/launch.txt", context)
