"""Idempotency-Key: a call that is repeated is done once (IETF draft, reliability of retries).

begin -> (the job is found, or made under the row's idempotency_key) -> keep | drop

Only what was delivered is kept: whoever got an error may try again with the same key. A replay
writes its answer anew, from the job; so a 4 MB answer is not stored twice.
"""

import logging
import re
import uuid
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.models import User
from inference.api.errors import Conflict, Invalid, KeyReused
from inference.models import IdempotentCall

log = logging.getLogger(__name__)

# Above the longest that a call waits; then its process is taken to be dead.
HELD_FOR = timedelta(seconds=90)
KEY = re.compile(r"[\x21-\x7e]{1,255}")
ATTEMPTS = 3


def key_of(header: str | None) -> str:
    """The key of a header, "" without one; raises Invalid."""
    if header is None:
        return ""
    if not KEY.fullmatch(header):
        raise Invalid(
            "An Idempotency-Key has 1 to 255 visible ASCII characters.",
            code="invalid_idempotency_key",
        )
    return header


def begin(user: User, *, endpoint: str, key: str, fingerprint: str) -> IdempotentCall:
    """Take hold of the key, or find what its call has led to: then the row has a job.

    Raises Conflict while another call is under way, KeyReused if it was another request.
    """
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return IdempotentCall.objects.create(
                    user=user,
                    endpoint=endpoint,
                    key=key,
                    fingerprint=fingerprint,
                    held_until=Now() + HELD_FOR,
                )
        except IntegrityError:
            mine = IdempotentCall.objects.filter(user=user, endpoint=endpoint, key=key)
            mine.old().delete()
            if first := mine.first():
                return _again(first, fingerprint)
    raise _in_flight()


def _again(first: IdempotentCall, fingerprint: str) -> IdempotentCall:
    if first.fingerprint != fingerprint:
        raise KeyReused("This Idempotency-Key was used for another request. Take a new key.")
    if first.held_until is None:
        return first
    abandoned = IdempotentCall.objects.abandoned().filter(pk=first.pk)
    if not abandoned.update(held_until=Now() + HELD_FOR):
        raise _in_flight()
    log.info("idempotent call taken over id=%s", first.pk)
    return first


def _in_flight() -> Conflict:
    return Conflict(
        "A call with this Idempotency-Key is under way.",
        code="idempotency_key_in_use",
        headers={"Retry-After": "1"},
    )


def keep(call: IdempotentCall, job_id: uuid.UUID) -> None:
    """The key now leads to this job."""
    IdempotentCall.objects.filter(pk=call.pk).update(job=job_id, held_until=None)


def drop(call: IdempotentCall) -> None:
    """Nothing came of it: the key is free again."""
    IdempotentCall.objects.filter(pk=call.pk).delete()
