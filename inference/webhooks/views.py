"""A person's webhooks: add, rotate, switch, remove; and the log of deliveries to each."""

import uuid
from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest
from catalog.limits import CannotCount, take
from inference.models import Delivery, Event, Webhook
from inference.webhooks import endpoints, schedule
from inference.webhooks.forms import WebhookForm

SHOWN_DELIVERIES = 100
REPLAYS_PER_HOUR = 120


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache  # no-store: the secret stays in no cache, and not behind the back button
@sensitive_variables("secret")
def webhooks(request: SignedInRequest) -> HttpResponse:
    if request.method != "POST":
        return _list_page(request, _empty_form())
    form = WebhookForm(request.POST)
    if not form.is_valid():
        return _list_page(request, form, status=HTTPStatus.BAD_REQUEST)
    try:
        _, secret = endpoints.add(request.user, **form.cleaned_data)
    except endpoints.InvalidUrl as refusal:
        form.add_error("url", str(refusal))
        return _list_page(request, form, status=HTTPStatus.BAD_REQUEST)
    except endpoints.NotAdded as refusal:
        form.add_error(None, str(refusal))
        return _list_page(request, form, status=HTTPStatus.CONFLICT)
    # The one page that ever shows it; a redirect would have to carry the secret along.
    return _list_page(request, _empty_form(), secret=secret)


def _empty_form() -> WebhookForm:
    return WebhookForm(initial={"events": Event.values})


@sensitive_variables("secret", "context")
def _list_page(
    request: SignedInRequest, form: WebhookForm, *, status: int = HTTPStatus.OK, secret: str = ""
) -> HttpResponse:
    context = {
        "form": form,
        "webhooks": Webhook.objects.of(request.user.pk).standing().order_by("pk"),
        "max_webhooks": endpoints.MAX_WEBHOOKS,
        "secret": secret,
    }
    return render(request, "inference/webhooks/list.html", context, status=status)


@require_safe
@login_required
@never_cache
def webhook(request: SignedInRequest, pk: int) -> HttpResponse:
    return _log_page(request, _own(request, pk))


@sensitive_variables("secret", "context")
def _log_page(request: SignedInRequest, webhook: Webhook, *, secret: str = "") -> HttpResponse:
    deliveries = webhook.deliveries.prefetch_related("attempts").order_by("-created_at", "pk")
    context = {
        "webhook": webhook,
        "secret": secret,
        "deliveries": deliveries[:SHOWN_DELIVERIES],
        "retry_rule": schedule.in_words(),
    }
    return render(request, "inference/webhooks/log.html", context)


@require_POST
@login_required
@never_cache
@sensitive_variables("secret")
def rotate(request: SignedInRequest, pk: int) -> HttpResponse:
    webhook = _own(request, pk)
    secret = endpoints.rotate(webhook)
    return _log_page(request, webhook, secret=secret)


@require_POST
@login_required
def switch(request: SignedInRequest, pk: int) -> HttpResponse:
    webhook = _own(request, pk)
    if request.POST.get("to") == "on":
        endpoints.switch_on(webhook)
        messages.success(request, "It is on. Queued deliveries go out now.")
    else:
        endpoints.switch_off(webhook)
        messages.success(request, "It is off. Nothing is sent until you switch it on.")
    return redirect("webhook", pk=pk)


@require_POST
@login_required
def test(request: SignedInRequest, pk: int, *, kind: str) -> HttpResponse:
    """`kind`: of the job that the made-up event tells of."""
    webhook = _own(request, pk)
    try:
        may_test = take(f"webhooks:test:{request.user.pk}", REPLAYS_PER_HOUR)
    except CannotCount as refusal:
        messages.error(request, str(refusal))
        return redirect("webhook", pk=pk)
    if not may_test:
        messages.error(request, "That was a lot for one hour. Please come back in a while.")
    elif endpoints.send_test(webhook, kind=kind):
        messages.success(request, "A test event is on its way. Its attempt shows below.")
    else:
        messages.error(request, "The webhook is off. Switch it on first.")
    return redirect("webhook", pk=pk)


@require_POST
@login_required
def remove(request: SignedInRequest, pk: int) -> HttpResponse:
    endpoints.remove(_own(request, pk))
    messages.success(request, "The webhook and its log were removed.")
    return redirect("webhooks")


@require_POST
@login_required
def replay(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    delivery = get_object_or_404(Delivery.objects.of(request.user.pk), pk=pk)
    try:
        may_replay = take(f"webhooks:replay:{request.user.pk}", REPLAYS_PER_HOUR)
    except CannotCount as refusal:
        messages.error(request, str(refusal))
        return redirect("webhook", pk=delivery.webhook_id)
    if not may_replay:
        messages.error(request, "That was a lot for one hour. Please come back in a while.")
    elif endpoints.replay(delivery):
        messages.success(request, "It is sent again now, with the same id.")
    else:
        messages.error(request, "The webhook is off. Switch it on first.")
    return redirect("webhook", pk=delivery.webhook_id)


def _own(request: SignedInRequest, pk: int) -> Webhook:
    # A 404, not a 403: nobody learns which webhooks others have.
    return get_object_or_404(Webhook.objects.of(request.user.pk).standing(), pk=pk)
