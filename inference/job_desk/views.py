"""/admin/jobs/: the desk's search, and the page of one job."""

import uuid
from http import HTTPStatus

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from inference.job_desk import lookup
from inference.job_desk.forms import LookupForm
from inference.models import Job


@require_safe
@never_cache
@admin.site.admin_view
@permission_required("inference.view_job", raise_exception=True)
def search_page(request: HttpRequest) -> HttpResponse:
    """One match leads straight to its page."""
    form = LookupForm(request.GET if "q" in request.GET else None)
    found = lookup.find(form.cleaned_data["q"]) if form.is_valid() else []
    if len(found) == 1:
        return redirect("job_desk_job", found[0].id)
    context = admin.site.each_context(request) | {
        "title": "Find a job",
        "opts": Job._meta,
        "form": form,
        "jobs": found,
        "most": lookup.MOST,
        "record_days": settings.JOB_RECORD_DAYS,
    }
    status = HTTPStatus.BAD_REQUEST if form.errors else HTTPStatus.OK
    return render(request, "admin/job_desk.html", context, status=status)


@require_safe
@never_cache
@admin.site.admin_view
@permission_required("inference.view_job", raise_exception=True)
def job_page(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    job = lookup.get(pk)
    if job is None:
        raise Http404
    context = admin.site.each_context(request) | {
        "title": f"Job {job.id}",
        "opts": Job._meta,
        "job": job,
    }
    return render(request, "admin/job_desk_job.html", context)
