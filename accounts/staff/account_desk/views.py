"""/admin/account/<person>/: what support does with an account; each step is in its history."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import keys, lifecycle, suspension
from accounts.http import SignedInRequest
from accounts.models import ApiKey, User, Wallet
from accounts.staff.account_desk.forms import ConfirmForm, SuspendForm
from catalog.admin.audited import log_step

SUSPENDS = (
    "Nobody can sign in to {} any more, and its {} stop working at once. Jobs and batches that are"
    " open are canceled and not charged; that cannot be undone. Credit, keys and data are kept, and"
    " work again when you reinstate the account."
)
REVOKES = "{} of {} stop working at once. That cannot be undone: its owner creates new ones."


@require_safe
@never_cache
@admin.site.admin_view
@permission_required("accounts.view_user", raise_exception=True)
def account_page(request: SignedInRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User, pk=pk)
    may_change = request.user.has_perm("accounts.change_user")
    context = _about(request, person, f"Account of {person}") | {
        "wallet": Wallet.objects.filter(user=person).first(),
        "active_keys": ApiKey.objects.of(person.pk).active().count(),
        "may_change": may_change and _is_in_reach(request, person),
    }
    return render(request, "admin/account_desk.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@admin.site.admin_view
@permission_required("accounts.change_user", raise_exception=True)
def suspend_page(request: SignedInRequest, pk: int) -> HttpResponse:
    person = _person_in_reach(request, pk)
    form = SuspendForm(request.POST or None)
    if form.is_valid():
        before, reason = person.suspension_reason, form.cleaned_data["reason"]
        try:
            ended = suspension.suspend(person, reason=reason)
        except suspension.NotSuspendable as refusal:
            messages.error(request, str(refusal))
        else:
            log_step(request, person, "suspension", before, reason)
            messages.success(request, f"Suspended; {ended} open job{_s(ended)} canceled.")
        return redirect("account_desk", person.pk)
    sentence = SUSPENDS.format(person, _keys_of(person))
    return _confirm(request, person, form, "Suspend the account", sentence)


@require_POST
@admin.site.admin_view
@permission_required("accounts.change_user", raise_exception=True)
def reinstate(request: SignedInRequest, pk: int) -> HttpResponse:
    person = _person_in_reach(request, pk)
    if suspension.reinstate(person):
        log_step(request, person, "suspension", person.suspension_reason, "")
        messages.success(request, "Reinstated: its owner can sign in, and its keys work.")
    else:
        messages.warning(request, "That account is not suspended.")
    return redirect("account_desk", person.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@admin.site.admin_view
@permission_required("accounts.change_user", raise_exception=True)
def revoke_keys_page(request: SignedInRequest, pk: int) -> HttpResponse:
    person = _person_in_reach(request, pk)
    if request.method == "POST":
        count = keys.revoke_all(person)
        log_step(request, person, "API keys", "", f"{count} revoked")
        messages.success(request, f"{count} key{_s(count)} revoked.")
        return redirect("account_desk", person.pk)
    sentence = REVOKES.format(_keys_of(person), person)
    return _confirm(request, person, ConfirmForm(), "Revoke all API keys", sentence)


@require_POST
@never_cache
@admin.site.admin_view
@permission_required("accounts.change_user", raise_exception=True)
def export(request: SignedInRequest, pk: int) -> HttpResponse:
    """What "your data" gives the person; a POST, since each download is noted."""
    person = _person_in_reach(request, pk)
    response = JsonResponse(lifecycle.export(person), json_dumps_params={"indent": 2})
    response.headers["Content-Disposition"] = f'attachment; filename="account-{person.pk}.json"'
    log_step(request, person, "export", "", "downloaded")
    return response


def _person_in_reach(request: SignedInRequest, pk: int) -> User:
    """Raises PermissionDenied and Http404."""
    person = get_object_or_404(User, pk=pk)
    if not _is_in_reach(request, person):
        raise PermissionDenied
    return person


def _is_in_reach(request: SignedInRequest, person: User) -> bool:
    """Nobody locks themselves out, and no clerk an administrator."""
    if person == request.user:
        return False
    return request.user.is_superuser or not person.is_superuser


def _confirm(
    request: SignedInRequest, person: User, form: forms.Form, title: str, sentence: str
) -> HttpResponse:
    context = _about(request, person, title) | {"form": form, "sentence": sentence}
    status = HTTPStatus.BAD_REQUEST if form.is_bound else HTTPStatus.OK
    return render(request, "admin/account_confirm.html", context, status=status)


def _about(request: SignedInRequest, person: User, title: str) -> dict[str, Any]:
    about = {"person": person, "title": title, "opts": User._meta}
    return admin.site.each_context(request) | about


def _keys_of(person: User) -> str:
    count = ApiKey.objects.of(person.pk).active().count()
    return f"{count} API key{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
