"""Home, the playground and its jobs."""

import uuid
from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.demand import board
from catalog.http import HtmxRequest
from catalog.infrastructure import storage
from catalog.models import ModelCard
from inference import jobs
from inference.kinds.classify.template_sets import SETS
from inference.models import Worker
from inference.playground.forms import SAMPLE_LABELS, SAMPLES, PlaygroundForm
from inference.playground.job_page import view_of
from inference.playground.labels import DEFAULT_TEMPLATE
from inference.playground.prompts import MAX_TEXTS, Prompts
from inference.playground.requesters import image_counter, requester_of, visible_job

LISTED = 5  # models in each list of the home page


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    ranked = list(board.ranked(timezone.now().date())[:LISTED])
    wanted = [card for card in ranked if board.score_of(card)]
    lists = {
        # Only what somebody has asked for; while nobody has, what is coming soon.
        "most_wanted": wanted or ranked,
        "is_wanted": bool(wanted),
        "launched": board.recently_launched()[:LISTED],
    }
    return render(request, "inference/playground/home.html", lists | _playground_context())


@require_http_methods(["GET", "HEAD", "POST"])
def playground(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(
            request,
            "inference/playground/playground.html",
            _playground_context(request.GET.get("model")),
        )
    requester = requester_of(request, is_new=True)
    form = PlaygroundForm(
        request.POST, request.FILES, count_image=image_counter(request, requester)
    )
    if not form.is_valid():
        return _form_again(request, form)
    return redirect(
        jobs.submit(
            form.job_request,
            requester=requester,
            idempotency_key=form.cleaned_data["idempotency_key"],
        )
    )


def _form_again(request: HttpRequest, form: PlaygroundForm) -> HttpResponse:
    context = _playground_context(form.data.get("model")) | {
        "form": form,
        "chosen_prompts": form.chosen_prompts,
    }
    if form.refusal is None:
        return render(
            request, "inference/playground/playground.html", context, status=HTTPStatus.BAD_REQUEST
        )
    response = render(
        request, "inference/playground/playground.html", context, status=form.refusal.status
    )
    response.headers["Retry-After"] = str(form.refusal.retry_after_s)
    return response


def _playground_context(requested: str | None = None) -> dict[str, object]:
    served = list(ModelCard.objects.filter(repo__in=Worker.objects.served_repos()).best_first())
    chosen = next(
        (card for card in served if card.repo == requested), served[0] if served else None
    )
    return {
        "served": served,
        "chosen": chosen,
        "unserved": requested if requested and (not chosen or chosen.repo != requested) else None,
        "samples": SAMPLES,
        "sample_labels": SAMPLE_LABELS,
        "template": DEFAULT_TEMPLATE,
        "prompts": Prompts,
        "prompt_sets": list(SETS),
        "chosen_prompts": Prompts.ONE,
        "max_texts": MAX_TEXTS,
        # In the form: sending it twice, by a double click or "back", gives one job.
        "idempotency_key": uuid.uuid4().hex,
        "keep_hours": settings.PLAYGROUND_KEEP_HOURS,
    }


@require_safe
@never_cache
def show_job(request: HtmxRequest, pk: uuid.UUID) -> HttpResponse:
    # htmx asks for the changing part alone, again and again until the job is final.
    job = visible_job(request, pk)
    context = {
        "job": job,
        "view": view_of(job),
        "keep_hours": settings.PLAYGROUND_KEEP_HOURS,
    }
    return render(
        request,
        "inference/playground/_job.html" if request.htmx else "inference/playground/job.html",
        context,
    )


@require_safe
@never_cache
def job_picture(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    job = visible_job(request, pk)
    try:
        response = HttpResponse(storage.read(job.preview_file), content_type="image/jpeg")
    except FileNotFoundError:
        raise Http404("the preview is gone") from None
    # Should a browser ever take a stranger's bytes for a page, it may do nothing.
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@require_POST
def cancel_job(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    job = visible_job(request, pk)
    jobs.cancel(job)
    return redirect(job)


@require_POST
def forget_job(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    jobs.delete(visible_job(request, pk))
    return redirect("playground")
