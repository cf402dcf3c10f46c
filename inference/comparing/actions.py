"""What changes a comparison: a photo more, a truth, canceling, sharing, deleting."""

import re
import secrets
import uuid
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from catalog import limits
from catalog.http import HtmxRequest, client_address
from catalog.infrastructure import storage
from inference.comparing import columns as stored_columns
from inference.comparing import deletion, photos, starting
from inference.comparing.access import user_of, visible_or_404
from inference.comparing.admission import NotAdmitted
from inference.comparing.forms import MAX_PHOTOS_PER_FORM, uploads_of
from inference.comparing.photos import Upload, cleaned_name
from inference.comparing.results import table
from inference.comparing.views import render_table
from inference.models import NONE_OF_THE_LABELS, Comparison

NUMBER = re.compile(r"[0-9]{1,18}")

Refusal = tuple[HTTPStatus, str, int | None]


@require_POST
def add_photos(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One photo from a script, which is answered in a status and a sentence; or a form's few."""
    comparison = visible_or_404(request, pk)
    is_script = "script" in request.POST
    uploads = _uploads(request)
    refusal = _take(request, comparison, uploads, is_more=not is_script)
    if is_script:
        return _script_response(refusal)
    if refusal:
        messages.error(request, refusal[1])
    return redirect(comparison)


def _uploads(request: HttpRequest) -> list[Upload]:
    files = request.FILES.getlist("photos")
    name = request.POST.get("name", "")
    if not files and "too_large" in request.POST:
        # A script has seen that it can't be taken, and spares us the bytes.
        return [Upload(cleaned_name(name), None)]
    return uploads_of(files, name=name)


def _take(
    request: HttpRequest, comparison: Comparison, uploads: list[Upload], *, is_more: bool
) -> Refusal | None:
    if not uploads:
        return HTTPStatus.BAD_REQUEST, "Please choose a photo.", None
    if len(uploads) > MAX_PHOTOS_PER_FORM:
        most = f"Please send up to {MAX_PHOTOS_PER_FORM} photos at a time."
        return HTTPStatus.BAD_REQUEST, most, None
    columns, user = stored_columns.of(comparison), user_of(request)
    if comparison.is_paid and (user is None or user.pk != comparison.owner_id):
        # A browser in which somebody else was signed in before still sees it.
        return HTTPStatus.FORBIDDEN, "Only whoever started a paid comparison adds to it.", None
    payer = user if comparison.is_paid else None
    try:
        if is_more:
            starting.admit_more(
                comparison,
                columns,
                photos=len(uploads),
                user=user,
                address=client_address(request),
            )
        for upload in uploads:
            photos.add(comparison, columns, upload, payer=payer)
    except (photos.NotTaken, NotAdmitted, limits.Refused) as refusal:
        return _refusal(refusal)
    except storage.StorageUnavailable:
        return HTTPStatus.SERVICE_UNAVAILABLE, "The photo could not be kept. Send it again.", 5
    return None


def _refusal(refusal: Exception) -> Refusal:
    match refusal:
        case photos.Busy():
            return HTTPStatus.TOO_MANY_REQUESTS, str(refusal), refusal.retry_after_s
        case limits.Refused():
            return refusal.status, str(refusal), refusal.retry_after_s
        case photos.NotTaken():
            return HTTPStatus.CONFLICT, str(refusal), None
    return HTTPStatus.BAD_REQUEST, str(refusal), None


def _script_response(refusal: Refusal | None) -> HttpResponse:
    if refusal is None:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    status, sentence, retry_after_s = refusal
    response = HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


@require_POST
def set_truth(request: HtmxRequest, pk: uuid.UUID) -> HttpResponse:
    comparison = visible_or_404(request, pk)
    photo_id = request.POST.get("photo", "")
    photo = get_object_or_404(
        comparison.photos, pk=int(photo_id) if NUMBER.fullmatch(photo_id) else 0
    )
    truth = request.POST.get("truth", "")
    indices = {label: index for index, label in enumerate(comparison.labels)}
    # By the label itself: an index would mean another one if the form were old.
    photo.truth = NONE_OF_THE_LABELS if truth == "\u2205" else indices.get(truth)
    photo.save(update_fields=["truth"])
    if request.htmx:
        return render_table(request, comparison, table.read(comparison))
    return redirect(f"{comparison.get_absolute_url()}#photo-{photo.pk}")


@require_POST
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    comparison = visible_or_404(request, pk)
    deletion.cancel(comparison)
    return redirect(comparison)


@require_POST
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    deletion.delete(visible_or_404(request, pk))
    messages.success(request, "Deleted: the photos' copies, the answers and the table.")
    return redirect("compare-photos")


@require_POST
def share(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    comparison = visible_or_404(request, pk)
    # A second click keeps the first link.
    Comparison.objects.filter(pk=comparison.pk, share_token="").update(
        share_token=secrets.token_urlsafe(32)
    )
    return redirect(f"{comparison.get_absolute_url()}#share")


@require_POST
def stop_sharing(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    comparison = visible_or_404(request, pk)
    Comparison.objects.filter(pk=comparison.pk).update(share_token="")
    return redirect(f"{comparison.get_absolute_url()}#share")
