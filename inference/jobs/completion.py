"""How jobs end: one conditional UPDATE, whoever ends them, and the news of it on commit."""

import json
import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence

from django.db import connection, transaction

from accounts import credits
from catalog.infrastructure import log_context
from inference import notify
from inference.jobs import image_files, records
from inference.models import OPEN, ErrorCode, Job, State
from inference.webhooks import queueing

log = logging.getLogger(__name__)

# The filter says what must still be true: a job that somebody else has ended, or claimed anew,
# is not in the answer, and whoever asked leaves it alone.
END = """
UPDATE inference_job SET state = %(state)s, error_code = %(code)s,
    error_details = %(details)s, finished_at = now(),
    lease_token = NULL, lease_until = NULL
WHERE id = ANY(%(ids)s) AND state = ANY(%(from_states)s)
    AND (%(token)s::uuid IS NULL OR lease_token = %(token)s)
RETURNING id
"""


def end(
    jobs: Sequence[Job],
    *,
    state: State,
    code: ErrorCode | None = None,
    from_states: Iterable[State] = OPEN,
    lease_token: uuid.UUID | None = None,
    details: Mapping[str, object] | None = None,
) -> list[Job]:
    """Fail or cancel jobs that are still in these states, and under this lease if one is named.

    `details` go with the code: `truncated`, indices of the texts that are too long.
    Returns those that were ended; their held credit is released in the same transaction.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                END,
                {
                    "state": str(state),
                    "code": str(code or ""),
                    "details": json.dumps(details) if details else None,
                    "ids": [job.pk for job in jobs],
                    "from_states": [str(state) for state in from_states],
                    "token": lease_token,
                },
            )
            ids = {row[0] for row in cursor.fetchall()}
        ended = [job for job in jobs if job.pk in ids]
        if paid := [job.hold_reference for job in ended if job.has_own_hold]:
            credits.release_many(paid)  # all at once: wallets are locked in one order
        announce([job.pk for job in ended])
    return ended


def announce(job_ids: Sequence[uuid.UUID]) -> None:
    """Queue webhook deliveries for jobs that end in this transaction; wake who waits, on commit."""
    queueing.queue(job_ids)
    notify.send(job_ids)


def cancel(job: Job, *, from_states: Iterable[State] = OPEN) -> bool:
    ended = end([job], state=State.CANCELLED, from_states=from_states)
    if not ended:
        return False
    image_files.delete(job.image_files)
    with log_context.bound(job=job.pk):
        log.info("job canceled")
    return True


def delete(job: Job) -> None:
    """With all that it has; what support needs of an account's job is kept (records)."""
    cancel(job)
    image_files.delete([*job.image_files, job.preview_file])
    with transaction.atomic():
        records.keep([job.pk])
        job.delete()
