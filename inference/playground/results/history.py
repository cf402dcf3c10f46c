"""What this browser has run lately, newest first: nobody else's, and no other device's."""

from dataclasses import dataclass

from django.http import HttpRequest

from inference import kinds
from inference.models import Job, State
from inference.playground.requesters import requester_of

MOST = 12


@dataclass(frozen=True)
class Visited:
    job: Job
    headline: str


def of(request: HttpRequest) -> list[Visited]:
    """Up to `MOST` jobs that are still kept, by the visitor's id in the session."""
    requester = requester_of(request)
    if requester.visitor is None:
        return []
    own = Job.objects.visible_to(user_id=requester.user_id, visitor=requester.visitor)
    # Of a signed-in person, too, only what came from this browser.
    rows = kinds.readable(own).filter(visitor=requester.visitor).order_by("-created_at")
    jobs = rows.select_related("card").defer("vectors")[:MOST]
    return [Visited(job, _headline(job)) for job in jobs]


def _headline(job: Job) -> str:
    if job.state != State.SUCCEEDED:
        return job.get_state_display()
    kind = kinds.of(job)
    return kind.headline(job) if kind.headline else kind.page(job).headline
