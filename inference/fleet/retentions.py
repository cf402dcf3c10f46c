"""All that is kept for a while only, in every app: what the metrics watch."""

from accounts import lifecycle
from catalog.demand import waitlist
from catalog.infrastructure.retention import Retention
from catalog.mail import sending as mail
from inference.batches import lifecycle as batches
from inference.batches import tidy as files
from inference.comparing import deletion as comparisons
from inference.jobs import sweep, tidy
from inference.status import recording
from inference.webhooks import sending as webhooks


def retentions() -> list[Retention]:
    return [
        *sweep.OVERDUE,
        batches.OVERDUE,
        *files.RETENTIONS,
        comparisons.RETENTION,
        *tidy.RETENTIONS,
        *webhooks.RETENTIONS,
        *recording.RETENTIONS,
        *mail.RETENTIONS,
        waitlist.UNCONFIRMED,
        lifecycle.UNCONFIRMED,
    ]
