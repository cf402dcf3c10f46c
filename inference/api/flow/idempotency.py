"""Idempotency-Key: a call that is repeated is done once (IETF draft, reliability of retries).

claim -> (the job is found, or submitted under the call's submission_key) -> complete | release

A call that takes long renews its hold; one whose process died does not, and a retry takes it over.

Only what was delivered is kept: after an error, the same key may be tried again. A replay writes
its answer anew, from the job; so a 4 MB answer is not stored twice.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.models import User
from catalog.infrastructure.outages import DATABASE_OUTAGES
from inference.api.errors import Conflict, IdempotencyKeyReused, Invalid
from inference.api.threads import in_thread
from inference.models import IdempotentCall
from inference.models.idempotency import IdempotentCallQuerySet

log = logging.getLogger(__name__)

# A process that has not renewed a hold for so long is taken to be dead. One that was only slow does
# no harm: whoever takes over is led to the same job, by the submission key.
HELD_FOR = timedelta(seconds=15)
RENEW_EVERY_S = 4.0
KEY = re.compile(r"[\x21-\x7e]{1,255}")
ATTEMPTS = 3


def key_of(header: str | None) -> str:
    """ "" without a header; raises Invalid."""
    if header is None:
        return ""
    if not KEY.fullmatch(header):
        raise Invalid(
            "An Idempotency-Key has 1 to 255 visible ASCII characters.",
            code="invalid_idempotency_key",
        )
    return header


def claim(user: User, *, endpoint: str, key: str, fingerprint: str) -> IdempotentCall:
    """Claim the key, or find the call that completed under it: then it has a job.

    Raises Conflict while another call is under way, IdempotencyKeyReused if it was another request.
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
            same_key = IdempotentCall.objects.filter(user=user, endpoint=endpoint, key=key)
            same_key.old().delete()
            # None: it was old, or released a moment ago. Either way the next attempt inserts.
            if first := same_key.first():
                return _claim_again(first, fingerprint)
    raise _in_flight()


def _claim_again(first: IdempotentCall, fingerprint: str) -> IdempotentCall:
    if first.fingerprint != fingerprint:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used for another request. Take a new key."
        )
    if first.held_until is None:
        return first
    # Of several that find the call of a dead process, one takes it over.
    abandoned = IdempotentCall.objects.abandoned().filter(pk=first.pk)
    hold_token = uuid.uuid4()
    if not abandoned.update(held_until=Now() + HELD_FOR, hold_token=hold_token):
        raise _in_flight()
    first.hold_token = hold_token
    log.info("idempotent call taken over id=%s", first.pk)
    return first


def _in_flight() -> Conflict:
    return Conflict(
        "A call with this Idempotency-Key is under way.",
        code="idempotency_key_in_use",
        headers={"Retry-After": "1"},
    )


@asynccontextmanager
async def renewed(
    call: IdempotentCall | None, *, every_s: float = RENEW_EVERY_S
) -> AsyncIterator[None]:
    """The call keeps its key for as long as this lasts; nothing, without a call.

    A call that was completed or taken over meanwhile stays as it is.
    """
    task = asyncio.create_task(_keep_renewing(call, every_s)) if call else None
    try:
        yield
    finally:
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _keep_renewing(call: IdempotentCall, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        with suppress(*DATABASE_OUTAGES):  # the next round may find it back
            await in_thread(_renew, call)


def _renew(call: IdempotentCall) -> None:
    _own(call).filter(held_until__isnull=False).update(held_until=Now() + HELD_FOR)


def complete(call: IdempotentCall, job_id: uuid.UUID) -> None:
    _own(call).update(job=job_id, held_until=None)


def release(call: IdempotentCall) -> None:
    _own(call).delete()


def _own(call: IdempotentCall) -> IdempotentCallQuerySet:
    # Nothing, if the call was so slow that another has taken it over; that one will end it.
    return IdempotentCall.objects.filter(pk=call.pk, hold_token=call.hold_token)
