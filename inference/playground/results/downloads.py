"""A result as a file, for its owner: CSV for a spreadsheet, JSON as the API answers."""

import csv
import io
import uuid

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from inference import kinds
from inference.models import Job, State
from inference.playground.requesters import visible_job

# A spreadsheet takes a cell that begins so for a formula, and labels are what somebody typed.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@require_safe
@never_cache
def as_csv(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    job = _succeeded(request, pk)
    table = kinds.of(job).table
    if table is None:
        raise Http404("no table")
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in line] for line in table(job))
    return _as_file(
        HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8"), job, "csv"
    )


@require_safe
@never_cache
def as_json(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    job = _succeeded(request, pk)
    answer = kinds.of(job).answer(job)
    response = JsonResponse(answer, json_dumps_params={"indent": 2, "ensure_ascii": False})
    return _as_file(response, job, "json")


def _succeeded(request: HttpRequest, pk: uuid.UUID) -> Job:
    job = visible_job(request, pk)
    if job.state != State.SUCCEEDED:
        raise Http404("no result yet")
    return job


def _as_file(response: HttpResponse, job: Job, extension: str) -> HttpResponse:
    name = f"{job.kind}-{str(job.pk)[:8]}.{extension}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _cell(value: object) -> object:
    # An apostrophe makes it text; the JSON holds the label as it is.
    is_formula = isinstance(value, str) and value.startswith(FORMULAS)
    return f"'{value}" if is_formula else value
