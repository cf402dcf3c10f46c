"""E-mail addresses on our waitlists, and the people they belong to."""

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Q, QuerySet

from catalog import email_addresses
from catalog.models import EntryQuerySet, Mail, Subscriber


def at(*emails: str) -> "QuerySet[Subscriber]":
    return email_addresses.rows_at(Subscriber.objects.all(), *emails)


def confirmed_addresses(user: AbstractUser) -> list[str]:
    """The addresses whose mail this person has shown to read, in small letters."""
    confirmed = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    return [email_addresses.fold(email) for email in confirmed.values_list("email", flat=True)]


def has_confirmed(user: AbstractUser) -> bool:
    """Whether the account's main address is confirmed."""
    return email_addresses.fold(user.email) in confirmed_addresses(user)


def of_person(user: AbstractUser) -> "QuerySet[Subscriber]":
    confirmed = at(*confirmed_addresses(user)).values("pk")
    return Subscriber.objects.filter(Q(user=user.pk) | Q(pk__in=confirmed))


@transaction.atomic
def adopt(user: AbstractUser) -> None:
    """Note that an address has an account now; called at each sign-in.

    The link follows the account's main address.
    """
    # Nothing else is confirmed by it: somebody may have joined a waitlist in this person's name.
    if not has_confirmed(user):
        return
    main = at(user.email).values("pk")
    Subscriber.objects.filter(user=user.pk).exclude(pk__in=main).update(user=None)
    not_linked = Q(user=None) | ~Q(user=user.pk)
    Subscriber.objects.filter(not_linked, pk__in=main).update(user=user.pk)


def resubscribe(entries: EntryQuerySet) -> None:
    """Let those who wait be mailed again: they have joined since they unsubscribed from all."""
    # Those of unconfirmed entries stay silenced. Anybody could have asked for them.
    waiting = entries.waiting().values("subscriber")
    Subscriber.objects.filter(pk__in=waiting).update(unsubscribed_at=None)


@transaction.atomic
def forget(subscribers: "QuerySet[Subscriber]") -> int:
    """Delete addresses with their entries and the mails about those; how many addresses."""
    locked = Subscriber.objects.filter(pk__in=subscribers.values("pk")).order_by("pk")
    # Locked first: somebody may be joining by one of them right now (`waitlist.join_by_mail`).
    pks = [subscriber.pk for subscriber in locked.select_for_update()]
    for pk in pks:
        Mail.objects.filter(key__startswith=mail_key(pk)).delete()
    Subscriber.objects.filter(pk__in=pks).delete()
    return len(pks)


def mail_key(subscriber_id: int) -> str:
    """What the X-Idempotency-Key of each mail about the waitlist begins with."""
    return f"waitlist:{subscriber_id}:"
