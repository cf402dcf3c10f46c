"""One page: the form. What it finds is on the page of its job."""

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from catalog.models import ModelCard
from inference import jobs
from inference.models import Worker
from inference.playground.requesters import image_counter, requester_of
from inference.ranking.forms import (
    MAX_CHARACTERS,
    MAX_IMAGES,
    MAX_MB,
    SAMPLE_QUERY,
    SAMPLES,
    RankingForm,
)


@require_http_methods(["GET", "HEAD", "POST"])
def ranking(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        chosen = request.GET.get("model", "")
        return render(request, "inference/ranking/ranking.html", _context(chosen))
    requester = requester_of(request, is_new=True)
    form = RankingForm(request.POST, request.FILES, count_image=image_counter(request, requester))
    if not form.is_valid():
        return _form_again(request, form)
    return redirect(
        jobs.submit(
            form.job_request,
            requester=requester,
            idempotency_key=form.cleaned_data["idempotency_key"],
        )
    )


def _form_again(request: HttpRequest, form: RankingForm) -> HttpResponse:
    context = _context(form.data.get("model", "")) | {
        "form": form,
        "query": form.data.get("query", ""),
        "chosen_samples": request.POST.getlist("samples"),
    }
    status = form.refusal.status if form.refusal else 400
    response = render(request, "inference/ranking/ranking.html", context, status=status)
    if form.refusal:
        response.headers["Retry-After"] = str(form.refusal.retry_after_s)
    return response


def _context(requested: str) -> dict[str, object]:
    served = list(ModelCard.objects.filter(repo__in=Worker.objects.served_repos()).best_first())
    requested_card = next((card for card in served if card.repo == requested), None)
    return {
        "served": served,
        "chosen": requested_card or next(iter(served), None),
        "unserved": requested if requested and not requested_card else "",
        "samples": SAMPLES,
        "chosen_samples": list(SAMPLES),
        "query": SAMPLE_QUERY,
        "max_images": MAX_IMAGES,
        "max_mb": MAX_MB,
        "max_characters": MAX_CHARACTERS,
        # In the form: sending it twice, by a double click or "back", gives one job.
        "idempotency_key": uuid.uuid4().hex,
        "keep_hours": settings.PLAYGROUND_KEEP_HOURS,
    }
