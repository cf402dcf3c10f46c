"""The page where people request a model that the catalog lacks."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from catalog.demand import model_requests, votes
from catalog.demand.model_requests.forms import RequestForm
from catalog.http import SignedInRequest
from catalog.limits import Refused
from catalog.models import ModelCard, ModelRequest

MOST_SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def request_page(request: SignedInRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, RequestForm(initial={"repo": request.GET.get("repo", "")[:200]}))
    form = RequestForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    name = form.cleaned_data["repo"]
    card = model_requests.find_card(name)
    try:
        if card is not None:
            return _vote_instead(request, card)
        model_requests.submit(name, request.user)
    except Refused as refusal:
        form.add_error("repo", str(refusal))
        response = _page(request, form, status=refusal.status)
        response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response
    messages.success(
        request, f"Thanks. We're checking {name} on Hugging Face; the result will appear here."
    )
    return redirect("request-model")


def _vote_instead(request: SignedInRequest, card: ModelCard) -> HttpResponse:
    person = request.user
    votes.limit_rate(person)
    try:
        votes.cast(card, person)
    except votes.Closed:
        messages.success(request, f"{card.name} is already in the catalog.")
    else:
        messages.success(
            request,
            f"{card.name} is already in the catalog, so your request counts as a vote for it.",
        )
    return redirect(card)


def _page(request: SignedInRequest, form: RequestForm, *, status: int = 200) -> HttpResponse:
    own = ModelRequest.objects.filter(user_id=request.user.pk).select_related("card")
    context = {
        "form": form,
        "requests": own.order_by("-requested_at", "-pk")[:MOST_SHOWN],
        "requests_a_day": model_requests.REQUESTS_A_DAY,
    }
    return render(request, "catalog/demand/request.html", context, status=status)
