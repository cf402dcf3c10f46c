"""A link that shows one result, read only, to whoever has it.

The link is a signed id: guessing it is hopeless, and neither a dump of the table nor a log line
opens anything (config.access_log leaves tokens out). It ends when its owner revokes it, and with
the result and its picture at the latest.
"""

import uuid
from http import HTTPStatus
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.signing import BadSignature, Signer
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from inference import kinds
from inference.models import Job, SharedResult, State
from inference.playground.requesters import visible_job
from inference.playground.results.job_page import kept_until, view_of
from inference.playground.results.pictures import preview_response

SIGNER = Signer(salt="inference.playground.share")
REVOKED = "The link is revoked: it shows nothing any more."


def link_to(job: Job) -> str:
    """The absolute address of the job's link; "" without one."""
    share = SharedResult.objects.filter(job=job).first()
    if share is None:
        return ""
    path = reverse("shared-result", args=[SIGNER.sign(share.pk.hex)])
    # From the settings: a request's Host header is whatever its sender says.
    return f"{settings.SITE_URL}{path}"


@require_POST
def share(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    job = visible_job(request, pk)
    if job.state != State.SUCCEEDED:
        raise Http404("only a result can be shared")
    try:
        with transaction.atomic():
            SharedResult.objects.get_or_create(job=job)
    except IntegrityError:
        raise Http404("it was deleted meanwhile") from None
    return _back_to(request, job)


@require_POST
def revoke(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    job = visible_job(request, pk)
    SharedResult.objects.filter(job=job).delete()
    messages.success(request, REVOKED)
    return _back_to(request, job)


def _back_to(request: HttpRequest, job: Job) -> HttpResponse:
    """The job's page as it was: perhaps with another result beside it."""
    beside = request.GET.get("beside", "")
    query = f"?{urlencode({'beside': beside})}" if beside else ""
    return redirect(f"{job.get_absolute_url()}{query}#share")


@require_safe
@never_cache
def shared_result(request: HttpRequest, token: str) -> HttpResponse:
    job = _shared_job(token)
    if job is None:
        return private(_ended(request))
    context = {
        "job": job,
        "view": view_of(job),
        "token": token,
        "kept_until": kept_until(job),
    }
    return private(render(request, "inference/playground/results/shared.html", context))


def _ended(request: HttpRequest) -> HttpResponse:
    context = {"keep_hours": settings.PLAYGROUND_KEEP_HOURS}
    template = "inference/playground/results/shared_gone.html"
    return render(request, template, context, status=HTTPStatus.GONE)


@require_safe
@never_cache
def shared_picture(request: HttpRequest, token: str) -> HttpResponse:
    job = _shared_job(token)
    if job is None:
        raise Http404("the link has ended")
    return private(preview_response(job))


def _shared_job(token: str) -> Job | None:
    """None: revoked, or deleted. Raises Http404 for a link that we have never made."""
    try:
        pk = uuid.UUID(SIGNER.unsign(token))
    except (BadSignature, ValueError):
        raise Http404("no such link") from None
    jobs = kinds.readable(Job.objects.filter(share=pk, state=State.SUCCEEDED))
    return jobs.select_related("card").first()


def private(response: HttpResponse) -> HttpResponse:
    """The address is the key: it goes into no index and to no other site."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
