"""The operator's launch page in the admin: the checks, a dry run, the launch, what came of it."""

from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.http import SignedInRequest
from accounts.staff import launches
from accounts.staff.dashboard import launch_metrics
from accounts.staff.launches.forms import LaunchForm
from catalog.admin.audited import log_step
from catalog.models import ModelCard
from catalog.standing import serving


@require_http_methods(["GET", "HEAD", "POST"])
@admin.site.admin_view
@permission_required("catalog.change_modelcard", raise_exception=True)
def launch_page(request: SignedInRequest, pk: int) -> HttpResponse:
    """GET shows the checks; POST launches, or with `rehearse` says what a launch would change."""
    card = get_object_or_404(ModelCard.objects.real(), pk=pk)
    if request.method != "POST":
        return _page(request, card, _form(card, initial=_initial(card)))
    form = _form(card, request.POST)
    if not form.is_valid():
        return _page(request, card, form, status=HTTPStatus.BAD_REQUEST)
    if "rehearse" in request.POST:
        return _rehearse(request, card, form)
    if _launch(request, card, form):
        return redirect("launch", card.pk)
    return _page(request, card, form, status=HTTPStatus.BAD_REQUEST)


def _form(card: ModelCard, *args: Any, **kwargs: Any) -> LaunchForm:
    return LaunchForm(*args, needs_worker=serving.is_served(card), **kwargs)


def _initial(card: ModelCard) -> dict[str, object]:
    return {"usd_per_1k_images": card.price.usd_per_1k_images if card.price else None}


def _terms(form: LaunchForm) -> dict[str, Any]:
    return {
        "nano_usd_per_image": form.nano_usd_per_image,
        "nano_usd_per_token": form.nano_usd_per_token,
        "reason": form.cleaned_data["reason"],
        "without_worker": form.cleaned_data.get("without_worker", False),
    }


def _rehearse(request: SignedInRequest, card: ModelCard, form: LaunchForm) -> HttpResponse:
    try:
        plan = launches.rehearse(card, by=request.user, **_terms(form))
    except launches.LaunchRefused as refused:
        form.add_error(None, str(refused))
        return _page(request, card, form, status=HTTPStatus.BAD_REQUEST)
    return _page(request, card, form, plan=plan)


def _launch(request: SignedInRequest, card: ModelCard, form: LaunchForm) -> bool:
    """False: it was refused, and the form says why."""
    before = card.stage
    try:
        launch, is_new = launches.launch(card, by=request.user, **_terms(form))
    except launches.LaunchRefused as refused:
        form.add_error(None, str(refused))
        return False
    if is_new:
        token = card.launch_price_nano_usd_per_token
        prices = f"{launch.nano_usd_per_image} n$ per image, {token} n$ per text token"
        log_step(request, card, "stage", before, f"{card.stage} at {prices}")
        messages.success(request, f"{card.repo} is live. Everybody who asked for it is being told.")
    else:
        messages.info(request, f"{card.repo} was launched before, so nothing has changed.")
    return True


def _page(
    request: SignedInRequest,
    card: ModelCard,
    form: LaunchForm,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    plan: launches.Plan | None = None,
) -> HttpResponse:
    context = admin.site.each_context(request) | _about(card) | {"form": form, "plan": plan}
    return render(request, "admin/launch.html", context, status=status)


def _about(card: ModelCard) -> dict[str, object]:
    return {
        "card": card,
        "title": f"Launch {card.name}",
        "checks": [*launches.checks(card), *launches.mail_checks(card)],
        "is_possible": launches.is_possible(card),
        "outcome": launch_metrics.of(card),
        # The admin's own templates look for it: breadcrumbs, and the link to the model.
        "opts": ModelCard._meta,
    }
