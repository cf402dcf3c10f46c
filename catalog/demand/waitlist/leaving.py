"""Leaving waitlists, and taking that back: the mail with the link may have been forwarded."""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import EntryQuerySet, Subscriber, WaitlistEntry

UNDO_FOR = timedelta(hours=1)
# By the clock that noted the leaving.
CAN_UNDO = Q(left_at__gt=Now() - UNDO_FOR)


def leave(entries: EntryQuerySet) -> int:
    """Leave the waitlists, confirmed or not; how many were not left already."""
    # A confirmation at the same moment loses, whichever comes first: it wants entries not left.
    return entries.filter(left_at__isnull=True).update(left_at=Now())


@transaction.atomic
def leave_at_once(entries: EntryQuerySet, unsubscribing: Subscriber | None) -> datetime:
    """Leave, and, if somebody is named, want no mail of any model; the moment that undoes both."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    entries.filter(left_at__isnull=True).update(left_at=moment)
    if unsubscribing:
        # From models that its person voted for, too.
        subscribed = Subscriber.objects.filter(pk=unsubscribing.pk, unsubscribed_at__isnull=True)
        subscribed.update(unsubscribed_at=moment)
    return moment


@transaction.atomic
def undo(subscriber: Subscriber, moment: datetime) -> bool:
    """Take back what was left at that moment, places in line included; False: nothing, or too late.

    What was confirmed stands as it did; what was not still wants its link.
    """
    left = WaitlistEntry.objects.filter(CAN_UNDO, subscriber=subscriber, left_at=moment)
    unsubscribed = Subscriber.objects.filter(
        pk=subscriber.pk, unsubscribed_at=moment, unsubscribed_at__gt=Now() - UNDO_FOR
    )
    undone = left.update(left_at=None)
    return bool(undone + unsubscribed.update(unsubscribed_at=None))


def undo_entry(entry: EntryQuerySet) -> int:
    return entry.filter(CAN_UNDO).update(left_at=None)
