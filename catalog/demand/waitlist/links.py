"""The signed links in the waitlist's mails.

BadLink    root: the link was not signed by us

A link to confirm carries a random token and expires after three days. The links to the preference
page and to leave carry the subscriber's random key and never expire: people may leave however old
the mail is. All are signed, so that a guess costs no query.
"""

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.core.signing import BadSignature, Signer, TimestampSigner
from django.urls import reverse

from catalog.models import EntryQuerySet, ModelCard, Subscriber, WaitlistEntry

CONFIRM_LINK_LIVES = timedelta(hours=72)
TOKEN_BYTES = 32

CONFIRM = TimestampSigner(salt="waitlist.confirm")
LEAVE = Signer(salt="waitlist.leave")
PREFERENCES = Signer(salt="waitlist.preferences")
UNDO = Signer(salt="waitlist.undo")
ALL = "all"


class BadLink(Exception):
    """Altered on its way, or made up."""


def absolute(path: str) -> str:
    # From the settings: a request's Host header is whatever its sender says.
    return f"{settings.SITE_URL}{path}"


def to_preferences(subscriber: Subscriber) -> str:
    return absolute(reverse("waitlist-preferences", args=[PREFERENCES.sign(subscriber.key.hex)]))


def to_leave(subscriber: Subscriber, card: ModelCard | None) -> str:
    """Takes the address off one model's waitlist; without a card, off all of them."""
    signed = LEAVE.sign(f"{subscriber.key.hex}-{card.pk if card else ALL}")
    return absolute(reverse("waitlist-leave", args=[signed]))


def to_confirm(token: str) -> str:
    return absolute(reverse("waitlist-confirm", args=[token]))


def to_undo(subscriber: Subscriber, left_at: datetime) -> str:
    """Takes back what was left at that very moment; `operations.undo_leaving` says until when."""
    signed = UNDO.sign(f"{subscriber.key.hex}-{left_at.isoformat()}")
    return absolute(reverse("waitlist-undo", args=[signed]))


def undone_by(signed: str) -> tuple[Subscriber | None, datetime]:
    """Whom an undo link is about, if still kept, and when they left. Raises BadLink."""
    key, _, left_at = _unsigned(UNDO, signed).partition("-")
    subscriber = Subscriber.objects.filter(key=uuid.UUID(key)).first()
    return subscriber, datetime.fromisoformat(left_at)


def subscriber_of(signed: str) -> Subscriber | None:
    """Whom a preference link is about; None: the address was deleted since. Raises BadLink."""
    key = _unsigned(PREFERENCES, signed)
    return Subscriber.objects.filter(key=uuid.UUID(key)).first()


def entries_of(signed: str) -> EntryQuerySet:
    """What a leave link is about: one entry, all of an address, or by now none. Raises BadLink."""
    key, _, which = _unsigned(LEAVE, signed).partition("-")
    # No join: an UPDATE of these must ask each row itself, once more after waiting for its lock.
    subscriber = Subscriber.objects.filter(key=uuid.UUID(key))
    entries = WaitlistEntry.objects.filter(subscriber__in=subscriber)
    return entries if which == ALL else entries.filter(card=int(which))


def subscriber_leaving_all(signed: str) -> Subscriber | None:
    """Who wants no mail at all, if the link is for all models; else None. Raises BadLink."""
    key, _, which = _unsigned(LEAVE, signed).partition("-")
    return Subscriber.objects.filter(key=uuid.UUID(key)).first() if which == ALL else None


def new_token() -> str:
    # The mail has it; the database stores its hash only.
    return CONFIRM.sign(secrets.token_urlsafe(TOKEN_BYTES))


def hash_of(secret: str) -> str:
    # Plain SHA-256 is enough for what is too random, or too short-lived, to be guessed.
    return hashlib.sha256(secret.encode()).hexdigest()


def check(token: str) -> None:
    """Raises BadLink unless we have signed it; the database knows whether it is still in time."""
    _unsigned(CONFIRM, token)


def _unsigned(signer: Signer, signed: str) -> str:
    try:
        return signer.unsign(signed)
    except BadSignature as error:
        raise BadLink(str(error)) from None
