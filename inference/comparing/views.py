"""The form that starts a comparison, its page, its pictures and what it exports."""

import uuid
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from catalog import limits
from catalog.http import HtmxRequest, client_address
from catalog.infrastructure import storage
from catalog.models import ModelCard
from catalog.numbers.money import format_usd
from inference.comparing import admission, photos, pictures, starting
from inference.comparing import columns as stored_columns
from inference.comparing.access import shared_or_404, user_of, visible_or_404
from inference.comparing.admission import NotAdmitted
from inference.comparing.columns import MAX_COLUMNS
from inference.comparing.forms import MAX_PHOTOS_PER_FORM, PROMPTS, StartForm
from inference.comparing.results import exports, table
from inference.comparing.results.table import Table
from inference.models import Comparison, Worker
from inference.playground.labels import DEFAULT_TEMPLATE
from inference.playground.requesters import requester_of
from inference.playground.results.sharing import private

ROWS_PER_PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "inference/comparing/start.html", _start_context(request))
    form = StartForm(request.POST, request.FILES)
    if not form.is_valid():
        return _start_again(request, form, HTTPStatus.BAD_REQUEST)
    try:
        comparison = _started(request, form)
    except NotAdmitted as refusal:
        form.add_error(None, str(refusal))
        return _start_again(request, form, HTTPStatus.BAD_REQUEST)
    except limits.Refused as refusal:
        form.add_error(None, str(refusal))
        response = _start_again(request, form, refusal.status)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    _add_photos(request, comparison, form)
    return redirect(comparison)


def _started(request: HttpRequest, form: StartForm) -> Comparison:
    data = form.cleaned_data
    return starting.start(
        data["columns"],
        labels=data["labels"],
        photo_count=data["photo_count"],
        requester=requester_of(request, is_new=True),
        user=user_of(request),
        address=client_address(request),
        idempotency_key=data["idempotency_key"],
    )


def _add_photos(request: HttpRequest, comparison: Comparison, form: StartForm) -> None:
    payer = user_of(request) if comparison.is_paid else None
    try:
        for upload in form.uploads:
            photos.add(comparison, form.cleaned_data["columns"], upload, payer=payer)
    except photos.NotTaken as refusal:
        messages.error(request, str(refusal))
    except storage.StorageUnavailable:
        messages.error(request, "Not all photos could be kept. Please add the others again.")


def _start_again(request: HttpRequest, form: StartForm, status: HTTPStatus) -> HttpResponse:
    context = _start_context(request) | {"form": form}
    return render(request, "inference/comparing/start.html", context, status=status)


def _start_context(request: HttpRequest) -> dict[str, Any]:
    served = list(ModelCard.objects.filter(repo__in=Worker.objects.served_repos()).best_first())
    return {
        "served": served,
        "columns": _chosen_columns(request, [card.repo for card in served]),
        "prompt_choices": PROMPTS,
        "template": DEFAULT_TEMPLATE,
        "idempotency_key": uuid.uuid4().hex,
        "keep_hours": settings.PLAYGROUND_KEEP_HOURS,
        "free_per_hour": settings.PLAYGROUND_JOBS_PER_HOUR_SESSION,
        "max_per_form": MAX_PHOTOS_PER_FORM,
        "max_free": admission.MAX_FREE_PHOTOS,
        "max_batch": admission.MAX_BATCH_PHOTOS,
        "is_open_to_batches": request.user.is_authenticated,
    }


def _chosen_columns(request: HttpRequest, served: list[str]) -> list[dict[str, Any]]:
    """What the form shows in each column: as it was sent, named in the address, or a proposal."""
    if request.method == "POST":
        sent = request.POST
        return [
            {
                "number": number,
                "model": sent.get(f"model_{number}", ""),
                "prompts": sent.get(f"prompts_{number}", "one"),
                "template": sent.get(f"template_{number}", ""),
            }
            for number in range(1, MAX_COLUMNS + 1)
        ]
    named = [repo for repo in request.GET.getlist("model") if repo in served]
    models = list(dict.fromkeys([*named, *served]))[: max(2, len(named))][:MAX_COLUMNS]
    proposed = [{"model": repo, "prompts": "one"} for repo in models]
    if len(models) == 1:  # one model can still be asked in two ways
        proposed.append({"model": models[0], "prompts": "openai-7"})
    empty = {"model": "", "prompts": "one"}
    proposed += [empty] * (MAX_COLUMNS - len(proposed))
    return [{"number": n, "template": "", **column} for n, column in enumerate(proposed, start=1)]


@require_safe
@never_cache
def show(request: HtmxRequest, pk: uuid.UUID) -> HttpResponse:
    # htmx asks for the changing part alone, again and again until all has ended.
    comparison = visible_or_404(request, pk)
    return render_table(request, comparison, table.read(comparison))


def render_table(request: HtmxRequest, comparison: Comparison, read: Table) -> HttpResponse:
    part = "_table" if request.htmx else "comparison"
    context = _page_context(request, read) | {
        "base": comparison.get_absolute_url(),
        "is_own": True,
        "share_url": request.build_absolute_uri(
            reverse("comparison-shared", args=[comparison.share_token])
        )
        if comparison.share_token
        else "",
    }
    return render(request, f"inference/comparing/{part}.html", context)


@require_safe
@never_cache
def show_shared(request: HtmxRequest, token: str) -> HttpResponse:
    comparison = shared_or_404(token)
    context = _page_context(request, table.read(comparison)) | {
        "base": reverse("comparison-shared", args=[token])
    }
    part = "_table" if request.htmx else "comparison"
    return private(render(request, f"inference/comparing/{part}.html", context))


def _page_context(request: HttpRequest, read: Table) -> dict[str, Any]:
    ordered = [*read.split, *read.waiting, *read.agreed, *read.unanswered]
    page = Paginator(ordered, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    shown = {row.photo.pk for row in page}
    groups = [
        ("where they disagree", read.split),
        ("waiting for answers", read.waiting),
        ("where they agree", read.agreed),
        ("without an answer", read.unanswered),
    ]
    return {
        "comparison": read.comparison,
        "table": read,
        "page": page,
        "groups": [
            (heading, len(rows), [row for row in rows if row.photo.pk in shown])
            for heading, rows in groups
        ],
        "cost": format_usd(read.cost_micro_usd),
        "keep_hours": settings.PLAYGROUND_KEEP_HOURS,
        "max_per_form": MAX_PHOTOS_PER_FORM,
    }


@require_safe
def photo(request: HttpRequest, pk: uuid.UUID, photo_id: int) -> HttpResponse:
    return pictures.response(visible_or_404(request, pk), photo_id, request.GET.get("column"))


@require_safe
def shared_photo(request: HttpRequest, token: str, photo_id: int) -> HttpResponse:
    column = request.GET.get("column")
    return private(pictures.response(shared_or_404(token), photo_id, column))


@require_safe
@never_cache
def export_csv(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    read = table.read(visible_or_404(request, pk))
    response = HttpResponse(exports.as_csv(read), content_type="text/csv; charset=utf-8")
    return _as_file(response, "comparison.csv")


@require_safe
@never_cache
def export_json(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    read = table.read(visible_or_404(request, pk), predictions=exports.MAX_PREDICTIONS)
    return _as_file(JsonResponse(exports.as_json(read)), "comparison.json")


@require_safe
@never_cache
def export_program(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    comparison = visible_or_404(request, pk)
    code = exports.as_program(comparison, stored_columns.of(comparison))
    response = HttpResponse(code, content_type="text/x-python; charset=utf-8")
    return _as_file(response, "compare.py")


def _as_file(response: HttpResponse, name: str) -> HttpResponse:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
