"""Who sends the playground's forms, and which jobs they may see."""

import secrets
import uuid
from functools import partial

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.crypto import salted_hmac

from catalog.http import client_address
from inference import jobs, kinds
from inference.models import Job, JobQuerySet
from inference.playground import limits


def requester_of(request: HttpRequest, *, is_new: bool = False) -> jobs.Requester:
    """Anonymous visitors are known by a random id in the session; `is_new` makes a missing one."""
    if is_new and "visitor" not in request.session:
        request.session["visitor"] = str(_new_visitor(request))
    visitor = request.session.get("visitor")
    return jobs.Requester(
        user_id=request.user.pk if request.user.is_authenticated else None,
        visitor=uuid.UUID(visitor) if visitor else None,
    )


def _new_visitor(request: HttpRequest) -> uuid.UUID:
    """The same for all tabs of a browser: each may send its first form before any has a session,
    the session cookie that comes last replaces the others, and each job must stay theirs.

    What tabs have in common by then is the random cookie that came with the form.
    """
    secret = request.META.get("CSRF_COOKIE") or secrets.token_hex()
    digest = salted_hmac("inference.playground.visitor", secret, algorithm="sha256").digest()
    return uuid.UUID(bytes=digest[:16], version=4)


def visible_jobs(request: HttpRequest) -> JobQuerySet:
    requester = requester_of(request)
    own = Job.objects.visible_to(user_id=requester.user_id, visitor=requester.visitor)
    return kinds.readable(own)


def visible_job(request: HttpRequest, pk: uuid.UUID) -> Job:
    """The gate: somebody else's job does not exist (Http404)."""
    return get_object_or_404(visible_jobs(request).select_related("card"), pk=pk)


def image_counter(request: HttpRequest, requester: jobs.Requester) -> partial[None]:
    """Counts an image against the limits of this visitor; raises limits.Refused."""
    return partial(
        limits.count_image, visitor=str(requester.visitor), address=client_address(request)
    )
