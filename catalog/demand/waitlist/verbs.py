"""The verbs of waiting for a model: ask, join, leave; and the line itself.

Closed         the model is live or gone: there is nothing to wait for
NotConfirmed   the account's address is not confirmed

    ask ── mail with a link ── confirmation.confirm ── in line ── leave ── ask again, new link
"""

import logging
import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from catalog import email_addresses
from catalog.demand import preferences
from catalog.demand.waitlist import letters, links
from catalog.limits import DAY_S, TooOften, network_of, take
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
CONSENTS = ["1"]
CONSENT = CONSENTS[-1]

PURGE_UNCONFIRMED_AFTER = timedelta(days=7)
MAILS_PER_DAY = 5
MAIL_EVERY_S = 180

IN_LINE = Q(confirmed_at__isnull=False, left_at__isnull=True)

mail_headers = letters.headers


class Closed(Exception):
    """The model is live, or gone, or is the stand-in."""


class NotConfirmed(Exception):
    """Nobody has shown to read the mail of the account's address."""


def is_open(card: ModelCard) -> bool:
    return card.stage in OPEN and not card.is_stand_in


# --- the line ---------------------------------------------------------------------------------


def waiting_for(card: ModelCard) -> EntryQuerySet:
    """Who is in line for the model, in order, each with its subscriber."""
    waiting = WaitlistEntry.objects.waiting().filter(card=card)
    return waiting.select_related("subscriber").order_by("confirmed_at", "pk")


def size_of(card: ModelCard) -> int:
    """How many are in line."""
    return WaitlistEntry.objects.waiting().filter(card=card).count()


def place_of(entry: WaitlistEntry) -> int | None:
    """The place in line, 1 for the first; None: not in line."""
    return first_place(WaitlistEntry.objects.filter(pk=entry.pk))


def first_place(entries: EntryQuerySet) -> int | None:
    """The best place that one of the entries has."""
    return entries.values_list(_place(), flat=True).order_by(_place()).first()


def with_places(entries: EntryQuerySet) -> EntryQuerySet:
    """Each entry with its `place`, None where it is not in line."""
    return entries.annotate(place=_place())


def _place() -> Case:
    """Who confirmed first stands first; whoever leaves makes room."""
    before = Q(confirmed_at__lt=OuterRef("confirmed_at")) | Q(
        confirmed_at=OuterRef("confirmed_at"), pk__lte=OuterRef("pk")
    )
    ahead = (
        WaitlistEntry.objects.waiting()
        .filter(before, card=OuterRef("card"))
        .order_by()
        .values("card")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return Case(When(IN_LINE, then=Subquery(ahead)), output_field=IntegerField())


# --- asking and confirming ------------------------------------------------------------------------


def ask(card: ModelCard, email: str, *, consent_address: str, consent: str = CONSENT) -> None:
    """Mail the address: to confirm, or, to whoever is in line already, the place.

    Both ways take the same steps, so that neither answer nor time tells whether we know the
    address. Beyond the limit of mails to one address nothing happens, and nothing is said of it:
    the link sent before stays good. Raises Closed, limits.TooOften for the network address
    (`consent_address`), limits.CannotCount.
    """
    if not is_open(card):
        raise Closed(card.repo)
    network = network_of(consent_address)
    if not take(f"waitlist:from:{network}", settings.WAITLIST_ASKS_PER_HOUR_ADDRESS):
        raise TooOften(
            "Your network address has asked for many mails this hour. Please come back later."
        )
    if not _may_be_mailed(card, email):
        log.info("waitlist mail not sent again card=%s", card.pk)
        return
    with transaction.atomic():
        _ask(card, email, token=links.new_token(), consent=consent, consent_address=consent_address)


def _ask(card: ModelCard, email: str, *, token: str, consent: str, consent_address: str) -> None:
    subscriber, token_sha256 = subscriber_at(email), links.hash_of(token)
    has_begun = _begin(
        card,
        subscriber,
        token_sha256=token_sha256,
        confirmed_at=None,
        consent_text=consent,
        consent_address_sha256=_fingerprint(consent_address),
    )
    entry = subscriber.entries.select_related("card", "subscriber").get(card=card)
    place, size = place_of(entry), size_of(card)
    if has_begun:
        letters.queue_confirmation(entry, token=token, size=size, once=token_sha256)
    else:
        letters.queue_reminder(entry, place=place, size=size, once=token_sha256)


def _may_be_mailed(card: ModelCard, email: str) -> bool:
    """Count one more mail to the address; anybody can ask in somebody else's name."""
    mailbox = links.hash_of(email_addresses.fold(email))
    return take(f"waitlist:card:{card.pk}:{mailbox}", 1, window_s=MAIL_EVERY_S) and take(
        f"waitlist:day:{mailbox}", MAILS_PER_DAY, window_s=DAY_S
    )


def subscriber_at(email: str) -> Subscriber:
    """The address's row, made if need be, and locked: the purge must not take it from under us."""
    locked = preferences.at(email).select_for_update(no_key=True)
    while True:  # a second time only if a purge or an erasure has just deleted the row we met
        new = Subscriber(email=email, key=uuid.uuid4())
        Subscriber.objects.bulk_create([new], ignore_conflicts=True)
        found = locked.first()
        if found is not None:
            return found


def _begin(card: ModelCard, subscriber: Subscriber, **fields: object) -> bool:
    """Start the entry, or start it anew; False: it is in line already and stays as it is."""
    new = WaitlistEntry(card=card, subscriber=subscriber)
    WaitlistEntry.objects.bulk_create([new], ignore_conflicts=True)
    mine = subscriber.entries.filter(card=card)
    return bool(mine.filter(~IN_LINE).update(asked_at=Now(), left_at=None, **fields))


# --- people who are signed in ---------------------------------------------------------------------


@transaction.atomic
def join(card: ModelCard, user: AbstractUser, *, consent_address: str) -> None:
    """Put a person in line without a mail: that the address is theirs is known.

    Nobody stands in a line twice by having two addresses. Raises Closed, NotConfirmed.
    """
    if not is_open(card):
        raise Closed(card.repo)
    if not preferences.has_confirmed(user):
        raise NotConfirmed(user.pk)
    if own_entries(user).waiting().filter(card=card).exists():
        return
    _begin(
        card,
        subscriber_at(email_addresses.normalize(user.email)),
        token_sha256="",
        confirmed_at=Now(),
        consent_text=CONSENT,
        consent_address_sha256=_fingerprint(consent_address),
    )
    preferences.end_silence(own_entries(user).filter(card=card))
    preferences.adopt(user)


def own_entries(user: AbstractUser) -> EntryQuerySet:
    return entries_of(preferences.of_person(user))


def entries_of(subscribers: "QuerySet[Subscriber]") -> EntryQuerySet:
    """All that these addresses wait for, have waited for, or were asked about."""
    return WaitlistEntry.objects.filter(subscriber__in=subscribers)


def confirm_own(entries: EntryQuerySet, *, consent_address: str) -> int:
    """The press of a signed-in person; it is their consent that counts from now on."""
    confirmed = entries.unconfirmed().update(
        confirmed_at=Now(),
        consent_text=CONSENT,
        consent_address_sha256=_fingerprint(consent_address),
    )
    if confirmed:
        preferences.end_silence(entries)
    return confirmed


# --- leaving --------------------------------------------------------------------------------------


def leave(entries: EntryQuerySet) -> int:
    """Take them out of line, confirmed or not; how many were not out already.

    A confirmation at the same moment loses, whichever comes first: it asks for entries not left.
    """
    return entries.filter(left_at__isnull=True).update(left_at=Now())


def silence(subscriber: Subscriber) -> None:
    """No mail of any model any more, not of those that its person voted for either."""
    Subscriber.objects.filter(pk=subscriber.pk).update(silenced_at=Now())


@transaction.atomic
def purge() -> int:
    """Delete what nobody has confirmed for a week, and addresses that wait for nothing; entries.

    Addresses are locked first, and those that somebody asks for right now are left alone.
    """
    overdue = WaitlistEntry.objects.filter(
        confirmed_at__isnull=True, asked_at__lt=Now() - PURGE_UNCONFIRMED_AFTER
    )
    entries = WaitlistEntry.objects.filter(subscriber=OuterRef("pk"))
    idle = Subscriber.objects.filter(
        Exists(overdue.filter(subscriber=OuterRef("pk"))) | ~Exists(entries)
    )
    # Who wants no mail at all must stay known as such. A person's address goes with the account:
    # the links in a mail about what they voted for must work for good, and its key keep it one.
    idle = idle.filter(silenced_at__isnull=True, user__isnull=True)
    locked = idle.order_by("pk").select_for_update(skip_locked=True)
    found = [each.pk for each in locked]
    purged, _ = overdue.filter(subscriber__in=found).delete()
    Subscriber.objects.filter(~Exists(entries), pk__in=found).delete()
    return purged


def _fingerprint(address: str) -> str:
    """Of a network address, keyed: there are so few of them that a bare hash could be looked up."""
    return salted_hmac("waitlist.consent", address, algorithm="sha256").hexdigest()
