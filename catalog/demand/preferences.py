"""An address on our waitlists, and the person it belongs to."""

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Q, QuerySet

from catalog import email_addresses
from catalog.models import EntryQuerySet, Mail, Subscriber


def at(*emails: str) -> "QuerySet[Subscriber]":
    """The subscribers of these addresses, however they are written."""
    return email_addresses.rows_at(Subscriber.objects.all(), *emails)


def confirmed_addresses(user: AbstractUser) -> list[str]:
    """The addresses whose mail this person has shown to read, in small letters."""
    confirmed = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    return [email_addresses.fold(email) for email in confirmed.values_list("email", flat=True)]


def has_confirmed(user: AbstractUser) -> bool:
    """Whether the account's main address is among them."""
    return email_addresses.fold(user.email) in confirmed_addresses(user)


def of_person(user: AbstractUser) -> "QuerySet[Subscriber]":
    """The person's addresses on our lists, adopted or confirmed."""
    mine = at(*confirmed_addresses(user)).values("pk")
    return Subscriber.objects.filter(Q(user=user.pk) | Q(pk__in=mine))


@transaction.atomic
def adopt(user: AbstractUser) -> None:
    """Note that an address has an account now; called at each sign-in.

    The link follows the account's main address. Nothing is confirmed by it: somebody else may have
    asked in this person's name.
    """
    if not has_confirmed(user):
        return
    address = at(user.email).values("pk")
    Subscriber.objects.filter(user=user.pk).exclude(pk__in=address).update(user=None)
    stranger = Q(user=None) | ~Q(user=user.pk)
    Subscriber.objects.filter(stranger, pk__in=address).update(user=user.pk)


def end_silence(entries: EntryQuerySet) -> None:
    """Who has put themselves in line wants mail again; being asked for by anybody is not enough."""
    in_line = entries.waiting().values("subscriber")
    Subscriber.objects.filter(pk__in=in_line).update(silenced_at=None)


@transaction.atomic
def forget(subscribers: "QuerySet[Subscriber]") -> int:
    """Delete addresses with all they waited for and were mailed about it; how many.

    Locked first: somebody may be asking for one of them again right now (waitlist.ask).
    """
    locked = Subscriber.objects.filter(pk__in=subscribers.values("pk")).order_by("pk")
    found = [each.pk for each in locked.select_for_update()]
    for pk in found:
        Mail.objects.filter(key__startswith=mail_key(pk)).delete()
    Subscriber.objects.filter(pk__in=found).delete()
    return len(found)


def mail_key(subscriber_id: int) -> str:
    """What the X-Idempotency-Key of each mail about the waitlist begins with."""
    return f"waitlist:{subscriber_id}:"
