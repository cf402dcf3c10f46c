"""Joining a model's waitlist, by mail or signed in, and leaving it.

Closed         the model is live or gone: there is nothing to wait for
NotConfirmed   the account's address is not confirmed

    join_by_mail ── mail with a link ── confirmation.confirm ── waiting ── leave ── join again
"""

import logging
import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from catalog import email_addresses
from catalog.demand import subscribers
from catalog.demand.waitlist import emails, links, positions
from catalog.infrastructure.retention import ROWS_PER_SLICE, Budget, Retention
from catalog.limits import (
    Limit,
    TooOften,
    mails,
    network_of,
    spend,
    wait_before_next,
    wait_in_words,
)
from catalog.models import (
    COMING_SOON,
    EntryQuerySet,
    ModelCard,
    Stage,
    Subscriber,
    WaitlistEntry,
)

log = logging.getLogger(__name__)

OPEN = (*COMING_SOON, Stage.PREVIEW)
# Versions of the sentence agreed to: `_consent_<version>.html` of the waitlist's templates.
CONSENTS = ["1", "2"]
CONSENT = CONSENTS[-1]

PURGE_UNCONFIRMED_AFTER = timedelta(days=7)
MAIL_EVERY_S = 180


class Closed(Exception):
    """The model is live, or gone, or is the stand-in; `str(error)` is a sentence for people."""


class NotConfirmed(Exception):
    """Nobody has shown to read the mail of the account's address; `str(error)` says what to do."""


NOT_CONFIRMED = "You haven't joined the waitlist yet: please confirm your address first."


def closed_sentence(card: ModelCard) -> str:
    return f"The waitlist for {card.name} is closed: its page says how to use the model."


def is_open(card: ModelCard) -> bool:
    return card.stage in OPEN and not card.is_stand_in


def join_by_mail(
    card: ModelCard,
    email: str,
    *,
    consent_address: str,
    consent: str = CONSENT,
    browser_id: str = "",
) -> None:
    """Mail the address a link to confirm, or, if it waits already, its position.

    Just after such a mail nothing more happens: the link in it stays good. `browser_id`: of a
    browser that is known for the address (`limits.known_browsers`). Raises Closed,
    limits.TooOften for the network address (`consent_address`) or the mails to this address,
    limits.CannotCount.
    """
    if not is_open(card):
        raise Closed(closed_sentence(card))
    requester = mails.Requester(network_of(consent_address), browser_id)
    _count_request(requester.network)
    if not _count_mail(card, email, requester):
        log.info("waitlist mail not sent again card=%s", card.pk)
        return
    token = links.new_token()
    with transaction.atomic():
        _join_by_mail(card, email, token=token, consent=consent, consent_address=consent_address)


def _count_request(network: str) -> None:
    limit = Limit(f"waitlist:from:{network}", settings.WAITLIST_ASKS_PER_HOUR_ADDRESS)
    wait_s = spend([limit])
    if wait_s:
        raise TooOften(
            "Your network address has asked for many mails this hour. Please try again in "
            f"{wait_in_words(wait_s)}.",
            retry_after_s=wait_s,
        )


def _count_mail(card: ModelCard, email: str, requester: mails.Requester) -> bool:
    """Count one more mail to the address: anybody can join in somebody else's name.

    False: this requester has just had one about the model sent to it.
    """
    mailbox = links.hash_of(email_addresses.mailbox_of(email))
    who = requester.browser_id or requester.network
    of_model = Limit(f"waitlist:card:{card.pk}:{mailbox}:{who}", 1, MAIL_EVERY_S)
    # All or none: what is refused must not pass for a mail that was sent.
    wait_s = spend([of_model, *mails.limits_of("waitlist", email, requester)])
    if wait_s and mails.is_crowded("waitlist", email, requester):
        # A crowd uses up what strangers have, and not the mail of each half hour.
        of_network = mails.limits_of_network("waitlist", email, requester)
        wait_s = spend([of_model, *of_network, mails.limit_of_crowd("waitlist", email)])
    if wait_s and wait_before_next([of_model]):
        return False
    if wait_s:
        raise TooOften(
            "We have sent several mails to this address today; the links in them still work. "
            f"The next can be sent in {wait_in_words(wait_s)}.",
            retry_after_s=wait_s,
        )
    return True


def _join_by_mail(
    card: ModelCard, email: str, *, token: str, consent: str, consent_address: str
) -> None:
    # Known or not, every address takes these same steps, so that neither the answer nor its time
    # tells whether we know it.
    subscriber, token_sha256 = subscriber_at(email), links.hash_of(token)
    is_new = _start_entry(
        card,
        subscriber,
        token_sha256=token_sha256,
        confirmed_at=None,
        consent_text=consent,
        consent_address_sha256=_fingerprint(consent_address),
    )
    entry = subscriber.entries.select_related("card", "subscriber").get(card=card)
    position, size = positions.position_of(entry), positions.size_of(card)
    if is_new:
        emails.queue_confirmation(entry, token=token, size=size, once=token_sha256)
    else:
        emails.queue_reminder(entry, position=position, size=size, once=token_sha256)


def subscriber_at(email: str) -> Subscriber:
    """The address's row, made if need be, and locked: the purge must not take it from under us."""
    locked = subscribers.at(email).select_for_update(no_key=True)
    while True:  # a second time only if a purge or an erasure has just deleted the row we met
        new = Subscriber(email=email, key=uuid.uuid4())
        Subscriber.objects.bulk_create([new], ignore_conflicts=True)
        subscriber = locked.first()
        if subscriber is not None:
            return subscriber


def _start_entry(card: ModelCard, subscriber: Subscriber, **fields: object) -> bool:
    """Start the entry, or start it anew; False: it waits already and stays as it is."""
    new = WaitlistEntry(card=card, subscriber=subscriber)
    WaitlistEntry.objects.bulk_create([new], ignore_conflicts=True)
    not_waiting = subscriber.entries.filter(~positions.WAITING, card=card)
    return bool(not_waiting.update(requested_at=Now(), left_at=None, **fields))


@transaction.atomic
def join(card: ModelCard, user: AbstractUser, *, consent_address: str) -> None:
    """Put a person on the waitlist without a mail: the address is known to be theirs.

    Raises Closed, NotConfirmed.
    """
    if not is_open(card):
        raise Closed(closed_sentence(card))
    if not subscribers.has_confirmed(user):
        raise NotConfirmed(NOT_CONFIRMED)
    # Of all the person's addresses: two of them are no second position.
    if own_entries(user).waiting().filter(card=card).exists():
        return
    _start_entry(
        card,
        subscriber_at(email_addresses.normalize(user.email)),
        token_sha256="",
        confirmed_at=Now(),
        consent_text=CONSENT,
        consent_address_sha256=_fingerprint(consent_address),
    )
    subscribers.resubscribe(own_entries(user).filter(card=card))
    subscribers.adopt(user)


def own_entries(user: AbstractUser) -> EntryQuerySet:
    return entries_of(subscribers.of_person(user))


def entries_of(rows: "QuerySet[Subscriber]") -> EntryQuerySet:
    """All that these addresses wait for, have waited for, or were mailed to confirm."""
    return WaitlistEntry.objects.filter(subscriber__in=rows)


def confirm_own(entries: EntryQuerySet, *, consent_address: str) -> int:
    """Confirm what a signed-in person's addresses were entered for; how many were new.

    It is this person's consent that counts from now on.
    """
    confirmed = entries.unconfirmed().update(
        confirmed_at=Now(),
        consent_text=CONSENT,
        consent_address_sha256=_fingerprint(consent_address),
    )
    if confirmed:
        subscribers.resubscribe(entries)
    return confirmed


# Who wants no mail at all must stay known as such. A person's address goes with the account: the
# links in a mail about what they voted for must work for good, and its key keep it one.
FORGETTABLE = Q(unsubscribed_at__isnull=True, user__isnull=True)
UNCONFIRMED = Retention(
    "waitlist entries",
    lambda: WaitlistEntry.objects.filter(
        confirmed_at__isnull=True,
        subscriber__unsubscribed_at__isnull=True,
        subscriber__user__isnull=True,
    ),
    "requested_at",
    PURGE_UNCONFIRMED_AFTER,
)


def purge(budget: Budget) -> int:
    """Delete entries that nobody has confirmed for a week, and addresses left without any.

    Returns the number of entries. Addresses that somebody joins by right now are left alone.
    """
    total = 0
    while not budget.is_spent:
        entries, is_last = _purge_slice()
        total += entries
        if is_last:
            break
    return total


@transaction.atomic
def _purge_slice() -> tuple[int, bool]:
    overdue = UNCONFIRMED.due()
    entries = WaitlistEntry.objects.filter(subscriber=OuterRef("pk"))
    idle = Subscriber.objects.filter(
        Exists(overdue.filter(subscriber=OuterRef("pk"))) | ~Exists(entries)
    )
    locked = idle.filter(FORGETTABLE).order_by("pk").select_for_update(skip_locked=True)
    pks = [subscriber.pk for subscriber in locked.only("pk")[:ROWS_PER_SLICE]]
    purged, _ = overdue.filter(subscriber__in=pks).delete()
    Subscriber.objects.filter(~Exists(entries), pk__in=pks).delete()
    return purged, len(pks) < ROWS_PER_SLICE


def _fingerprint(network_address: str) -> str:
    # Keyed: there are so few network addresses that a bare hash could be looked up.
    return salted_hmac("waitlist.consent", network_address, algorithm="sha256").hexdigest()
