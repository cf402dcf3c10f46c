"""A person's batches: how far they are, and their files."""

import uuid
from collections.abc import Iterator

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from catalog.infrastructure import storage
from inference.batches import files, lifecycle, progress
from inference.models import ApiFile, Batch

MOST = 50


@require_safe
@login_required
@never_cache
def batches(request: SignedInRequest) -> HttpResponse:
    own = Batch.objects.of(request.user.pk).order_by("-created_at", "-pk")
    rows = [(batch, progress.of(batch)) for batch in own[:MOST]]
    return render(request, "inference/batches/list.html", {"rows": rows, "most": MOST})


@require_safe
@login_required
@never_cache
def batch(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    batch = _own(request, pk)
    context = {
        "batch": batch,
        "progress": progress.of(batch),
        "output": _file(batch, batch.output_file_id),
        "errors": _file(batch, batch.error_file_id),
    }
    return render(request, "inference/batches/batch.html", context)


@require_POST
@login_required
def cancel(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    if lifecycle.cancel(_own(request, pk)):
        messages.success(request, "The batch is being canceled. What was answered stays.")
    else:
        messages.error(request, "The batch has ended already.")
    return redirect("batch", pk=pk)


@require_safe
@login_required
@never_cache
def download(request: SignedInRequest, pk: uuid.UUID, which: str) -> HttpResponseBase:
    batch = _own(request, pk)
    file = _file(batch, batch.output_file_id if which == "output" else batch.error_file_id)
    if file is None:
        raise Http404(f"batch {pk} has no {which} file")
    names = files.chunk_names(file)
    response = StreamingHttpResponse(_content(names), content_type="application/jsonl")
    response["Content-Length"] = str(file.size_bytes)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


def _content(names: list[str]) -> Iterator[bytes]:
    for name in names:
        yield storage.read(name)


def _own(request: SignedInRequest, pk: uuid.UUID) -> Batch:
    # A 404, not a 403: nobody learns which batches others have.
    return get_object_or_404(Batch.objects.of(request.user.pk), pk=pk)


def _file(batch: Batch, pk: uuid.UUID | None) -> ApiFile | None:
    if pk is None:
        return None
    return ApiFile.objects.of(batch.owner_id).complete().filter(pk=pk).first()
