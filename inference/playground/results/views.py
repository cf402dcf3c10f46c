"""A job's page, its picture, and ending it."""

import uuid
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from catalog.http import HtmxRequest
from inference import jobs, kinds
from inference.models import Job
from inference.playground.forms import AgainForm
from inference.playground.requesters import image_counter, requester_of, visible_job, visible_jobs
from inference.playground.results import comparison, history, rerun, sharing
from inference.playground.results.job_page import kept_until, view_of
from inference.playground.results.pictures import preview_response

DELETED = "Deleted: the result, its picture, and every link to it. Nothing of it is kept here."


@require_safe
@never_cache
def show_job(request: HtmxRequest, pk: uuid.UUID) -> HttpResponse:
    # htmx asks for the changing part alone, again and again until the job is final.
    return _page(request, visible_job(request, pk))


def _page(request: HtmxRequest, job: Job, form: AgainForm | None = None) -> HttpResponse:
    other = comparison.other_of(request.GET.get("beside"), visible_jobs(request), job)
    context: dict[str, object] = {
        "job": job,
        "view": view_of(job),
        "beside": other,
        "comparison": comparison.of(job, other) if other else None,
        "keep_hours": settings.PLAYGROUND_KEEP_HOURS,
        "kept_until": kept_until(job),
        "has_table": kinds.of(job).table is not None,
    }
    if job.is_final:
        context |= {"link": sharing.link_to(job), "history": history.of(request)}
        if rerun.is_possible(job):
            context |= rerun.context(job, form)
    template = "_job_response.html" if request.htmx else "job.html"
    response = render(
        request,
        f"inference/playground/{template}",
        context,
        status=rerun.status(form, is_htmx=bool(request.htmx)) if form else HTTPStatus.OK,
    )
    if form is not None:
        response.headers["HX-Push-Url"] = "false"  # the form's own address only takes forms
        if form.refusal:
            response.headers["Retry-After"] = str(form.refusal.retry_after_s)
    return response


@require_POST
def run_again(request: HtmxRequest, pk: uuid.UUID) -> HttpResponse:
    """The same picture with other labels, prompts or model: a new job, shown in place by htmx."""
    job = visible_job(request, pk)
    if not rerun.is_possible(job):
        raise Http404("no picture to run again on")
    requester = requester_of(request, is_new=True)
    picture_job = rerun.picture_job(job, visible_jobs(request))
    form = AgainForm(
        request.POST,
        count_image=image_counter(request, requester),
        read_kept=lambda: rerun.read_picture(picture_job),
    )
    if not form.is_valid():
        return _page(request, job, form)
    new = rerun.submit(form, requester=requester, picture_job=picture_job)
    beside = f"?beside={job.pk}" if "beside" in request.POST else ""
    return redirect(f"{new.get_absolute_url()}{beside}")


@require_safe
@never_cache
def job_picture(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return preview_response(visible_job(request, pk))


@require_POST
def cancel_job(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    job = visible_job(request, pk)
    jobs.cancel(job)
    return redirect(job)


@require_POST
def forget_job(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    jobs.delete(visible_job(request, pk))
    messages.success(request, DELETED)
    return redirect("playground")
