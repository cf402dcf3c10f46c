"""The operator's launch page in the admin: one form, one press."""

from http import HTTPStatus

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.http import SignedInRequest
from accounts.staff import launches
from accounts.staff.launches.forms import LaunchForm
from catalog.admin.audited import log_step
from catalog.models import ModelCard
from catalog.standing import serving


@require_http_methods(["GET", "HEAD", "POST"])
@admin.site.admin_view
@permission_required("catalog.change_modelcard", raise_exception=True)
def launch_page(request: SignedInRequest, pk: int) -> HttpResponse:
    card = get_object_or_404(ModelCard.objects.real(), pk=pk)
    if request.method != "POST":
        return _page(request, card, LaunchForm(initial=_initial(card)))
    form = LaunchForm(request.POST)
    if form.is_valid() and _launch(request, card, form):
        return redirect("admin:catalog_modelcard_change", card.pk)
    return _page(request, card, form, status=HTTPStatus.BAD_REQUEST)


def _initial(card: ModelCard) -> dict[str, object]:
    return {"usd_per_1k_images": card.price.usd_per_1k_images if card.price else None}


def _launch(request: SignedInRequest, card: ModelCard, form: LaunchForm) -> bool:
    """False: it was refused, and the form says why."""
    before = card.stage
    try:
        launch, is_new = launches.launch(
            card,
            micro_usd_per_image=form.micro_usd_per_image,
            micro_usd_per_label=form.micro_usd_per_label,
            reason=form.cleaned_data["reason"],
            by=request.user,
            without_worker=form.cleaned_data["without_worker"],
        )
    except launches.LaunchRefused as refused:
        form.add_error(None, str(refused))
        return False
    if is_new:
        label = card.launch_price_micro_usd_per_label
        prices = f"{launch.micro_usd_per_image} µ$ an image, {label} µ$ a label"
        log_step(request, card, "stage", before, f"{card.stage} at {prices}")
        messages.success(request, f"{card.repo} is live. Everybody who wanted it is being told.")
    else:
        messages.info(request, f"{card.repo} was launched before; nothing has changed.")
    return True


def _page(
    request: SignedInRequest,
    card: ModelCard,
    form: LaunchForm,
    *,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    context = admin.site.each_context(request) | _about(card) | {"form": form}
    return render(request, "admin/launch.html", context, status=status)


def _about(card: ModelCard) -> dict[str, object]:
    return {
        "card": card,
        "title": f"Launch {card.name}",
        "audience": launches.audience_of(card),
        "is_served": serving.is_served(card),
        # The admin's own templates look for it: breadcrumbs, and the link to the model.
        "opts": ModelCard._meta,
    }
