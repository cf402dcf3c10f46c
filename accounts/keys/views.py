"""A person's API keys: list, make, revoke."""

import uuid
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import credits, gifts, keys
from accounts.http import SignedInRequest
from accounts.keys.forms import LONGEST_IDEMPOTENCY_KEY, KeyForm
from accounts.models import ApiKey, User

MOST_LISTED = 100
FIRST_KEY = "first key"


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache  # no-store: the secret stays in no cache, and not behind the back button
@sensitive_variables("secret")
def api_keys(request: SignedInRequest) -> HttpResponse:
    # The response to a POST is the only page that ever shows the secret.
    if request.method != "POST":
        return _page(request, KeyForm())
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=HTTPStatus.BAD_REQUEST)
    try:
        key, secret = _issue(request.user, form)
    except keys.NotIssued as refusal:
        form.add_error(None, str(refusal))
        return _page(request, form, status=HTTPStatus.CONFLICT)
    return _page(request, KeyForm(), made=key, secret=secret)


def _issue(user: User, form: KeyForm) -> tuple[ApiKey, str]:
    return keys.issue(
        user,
        name=form.cleaned_data["name"],
        expires_at=form.expires_at,
        limit_micro_usd=form.limit_micro_usd,
        idempotency_key=form.cleaned_data["idempotency_key"],
    )


def _page(
    request: SignedInRequest, form: KeyForm, *, status: int = HTTPStatus.OK, **made: object
) -> HttpResponse:
    own = ApiKey.objects.of(request.user.pk).order_by("-revoked_at", "-pk")  # NULLs come first
    context = {
        "form": form,
        "keys": own[:MOST_LISTED],
        "max_active_keys": keys.MAX_ACTIVE_KEYS,
        "idempotency_key": uuid.uuid4().hex,
    }
    return render(request, "accounts/keys.html", context | made, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@sensitive_variables("secret")
def welcome(request: SignedInRequest) -> HttpResponse:
    """What a new person has and does next; POST makes the first key, and alone shows its secret.

    By a click, not at once: a page that is fetched ahead, or opened twice, must leave no key that
    nobody has seen.
    """
    if request.method != "POST":
        return _welcome(request)
    try:
        key, secret = keys.issue(
            request.user,
            name=FIRST_KEY,
            idempotency_key=request.POST.get("idempotency_key", "")[:LONGEST_IDEMPOTENCY_KEY],
        )
    except keys.NotIssued as refusal:
        return _welcome(request, status=HTTPStatus.CONFLICT, refusal=str(refusal))
    return _welcome(request, made=key, secret=secret)


def _welcome(
    request: SignedInRequest, *, status: int = HTTPStatus.OK, **made: object
) -> HttpResponse:
    context = {
        "balance": credits.balance_of(request.user),
        "waiting": gifts.waiting_of(request.user),
        "has_key": ApiKey.objects.of(request.user.pk).active().exists(),
        "idempotency_key": uuid.uuid4().hex,
        "site_url": settings.SITE_URL,
    }
    return render(request, "accounts/offer/welcome.html", context | made, status=status)


@require_POST
@login_required
def revoke_key(request: SignedInRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(ApiKey.objects.of(request.user.pk), pk=pk)
    keys.revoke(key)
    messages.success(request, f"The key “{key.name}” was revoked and no longer works.")
    return redirect("api_keys")
