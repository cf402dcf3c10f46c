"""Messages that wait in a table until they are sent: what mail and webhook deliveries share.

    [mail] = Mail.objects.due().claim(limit=1, lease=timedelta(minutes=2))
    ...                                        # talk to the far side, outside of any transaction
    Mail.objects.claimed(mail).retry(backoff.wait_after(mail.attempt_count))

A message is a row of the transaction that it tells of. A claim counts the attempt and moves
`next_try_at` to the end of the lease, so a sender that dies costs a wait and no message. One way
to send twice is left: the process dies between the far side's answer and the update of our row.
So whatever goes out carries an id that is the same each time.

Each kind of message has a table, states and a sender of its own; a state is `waiting` until the
message is sent or `given up`.
"""

from datetime import timedelta
from typing import Any, ClassVar, Self, TypeVar

from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Now

WAITING = "waiting"
GIVEN_UP = "given up"

MessageT = TypeVar("MessageT", bound="OutboxMessage")


class OutboxQuerySet(models.QuerySet[MessageT]):
    """`Mail.objects.waiting().older_than(A_DAY).give_up()`"""

    def waiting(self) -> Self:
        return self.filter(state=WAITING)

    def due(self) -> Self:
        return self.waiting().filter(next_try_at__lte=Now())

    def older_than(self, age: timedelta) -> Self:
        return self.filter(created_at__lt=Now() - age)

    # Any: values for columns that only the sender knows.
    def claim(self, *, limit: int, lease: timedelta, **changes: Any) -> list[MessageT]:
        """Up to `limit` of these messages, longest due first, ours until the lease ends."""
        with transaction.atomic():
            # What another sender is claiming at this moment is not waited for. `of`: a row that
            # is joined for reading stays free for others.
            rows = self.select_for_update(skip_locked=True, of=("self",))
            messages = list(rows.order_by("next_try_at", "pk")[:limit])
            self.model._default_manager.filter(pk__in=[message.pk for message in messages]).update(
                attempt_count=F("attempt_count") + 1, next_try_at=Now() + lease, **changes
            )
        for message in messages:
            message.attempt_count += 1
        return messages

    def claimed(self, message: MessageT) -> Self:
        """Its row, unless another sender has claimed it since: then the lease was too short."""
        return self.waiting().filter(pk=message.pk, attempt_count=message.attempt_count)

    def retry(self, wait: timedelta | None, **changes: Any) -> int:
        """Try again after a wait; None: there was the last attempt."""
        if wait is None:
            return self.give_up(**changes)
        return self.update(next_try_at=Now() + wait, **changes)

    def give_up(self, **changes: Any) -> int:
        return self.update(state=GIVEN_UP, **self.model.EMPTIED, **changes)


class OutboxMessage(models.Model):
    """The columns that a queue in a table needs; `state` has its choices in each model."""

    # What a message loses once it is done: it may hold what nobody should read later.
    EMPTIED: ClassVar[dict[str, Any]] = {}

    attempt_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="fences a sender that lost its lease"
    )
    next_try_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        abstract = True
