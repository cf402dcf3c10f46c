"""Home, and the playground's form."""

import uuid
from functools import partial
from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from catalog.demand import board
from catalog.http import client_address
from catalog.infrastructure import storage
from inference import jobs
from inference.playground import drafts, picture_urls
from inference.playground.context import form_context
from inference.playground.forms import PlaygroundForm
from inference.playground.requesters import image_counter, requester_of
from inference.playground.results import history
from inference.playground.results.pictures import picture_response
from inference.playground.samples import FIRST, SAMPLES
from inference.runtime.images import headers

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
    return render(request, "inference/playground/home.html", lists | form_context())


@require_http_methods(["GET", "HEAD", "POST"])
def playground(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        sample = SAMPLES.get(request.GET.get("sample", ""), FIRST)
        context = form_context(request.GET.get("model"), sample.name)
        return render(
            request,
            "inference/playground/playground.html",
            context | {"history": history.of(request)},
        )
    requester = requester_of(request, is_new=True)
    form = PlaygroundForm(
        request.POST,
        request.FILES,
        count_image=image_counter(request, requester),
        fetch=picture_urls.fetch,
        read_draft=partial(drafts.read, visitor=requester.visitor),
    )
    if not form.is_valid():
        return _form_again(request, form, requester)
    job = jobs.submit(
        form.job_request,
        requester=requester,
        idempotency_key=form.cleaned_data["idempotency_key"],
    )
    drafts.delete(requester.visitor)
    return redirect(job)


def _form_again(
    request: HttpRequest, form: PlaygroundForm, requester: jobs.Requester
) -> HttpResponse:
    draft = drafts.keep(form, visitor=requester.visitor, address=client_address(request))
    context = form_context(form.data.get("model")) | {
        "form": form,
        "draft": draft,
        "chosen_prompts": form.chosen_prompts,
        "history": history.of(request),
    }
    response = render(
        request,
        "inference/playground/playground.html",
        context,
        status=form.refusal.status if form.refusal else HTTPStatus.BAD_REQUEST,
    )
    if form.refusal:
        response.headers["Retry-After"] = str(form.refusal.retry_after_s)
    return response


@require_safe
@never_cache
def draft_picture(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    draft = drafts.of(pk, visitor=requester_of(request).visitor)
    try:
        if draft is None:
            raise FileNotFoundError
        content = storage.read(draft.file)
    except FileNotFoundError:
        raise Http404("no such draft") from None
    return picture_response(content, f"image/{headers.read(content).format.lower()}")
