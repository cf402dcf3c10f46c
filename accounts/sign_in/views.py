"""Signing in, and showing again that it is still the same person, who stays signed in meanwhile."""

from http import HTTPStatus

from allauth.account.internal.flows.reauthentication import resume_request
from allauth.account.utils import get_next_redirect_url
from allauth.account.views import ConfirmLoginCodeView, LoginView
from allauth.mfa.webauthn.internal.auth import begin_authentication
from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.http import SignedInRequest
from accounts.sign_in import addresses, links, purpose, reauthentication
from accounts.sign_in.reauthentication import SavableForm, Way
from catalog.http import client_address


class SignIn(LoginView):  # type: ignore[misc]  # allauth is untyped
    def get_context_data(self, **context: object) -> dict[str, object]:
        mine = {"purpose": purpose.of(self.request, get_next_redirect_url(self.request))}
        return dict(super().get_context_data(**context)) | mine

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)
        refusal = getattr(form, "refusal", None)
        if refusal:
            response.status_code = refusal.status
            response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response


class ConfirmCode(ConfirmLoginCodeView):  # type: ignore[misc]
    def get_context_data(self, **context: object) -> dict[str, object]:
        mine = {"purpose": purpose.of(self.request, get_next_redirect_url(self.request))}
        return dict(super().get_context_data(**context)) | mine

    def _verify_form_valid(self, form: forms.Form) -> HttpResponse:
        # Before allauth notes the address as confirmed, and asks for a second step.
        addresses.detach_from_nobodys(self._process.user)
        response: HttpResponse = super()._verify_form_valid(form)
        return response


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def confirm_identity(request: SignedInRequest) -> HttpResponse:
    """For whoever has been signed in for long; leads back to the page they asked for."""
    return _confirm(
        request, reauthentication.ways_of(request.user), "accounts/sign_in/sign_in_again.html"
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def second_factor(request: SignedInRequest) -> HttpResponse:
    """What staff show before the admin opens; who has no second factor yet is led to set one up."""
    if not request.user.is_staff:
        raise PermissionDenied
    ways = reauthentication.second_factors_of(request.user)
    return _confirm(request, ways, "accounts/sign_in/second_factor.html")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def sign_in_link(request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
    """The page of a link that the operator has made; the button signs in, opening it does not."""
    try:
        if request.method == "POST":
            return links.use(request, uidb64, token, address=client_address(request))
        person = links.person_of(uidb64, token)
    except links.LinkEnded:
        return render(request, "accounts/sign_in/link.html", status=HTTPStatus.GONE)
    return render(request, "accounts/sign_in/link.html", {"person": person})


def _confirm(request: SignedInRequest, ways: set[Way], template: str) -> HttpResponse:
    if request.method != "POST":
        return _page(request, ways, template)
    if request.POST.get("way") == "send" and Way.MAIL in ways:
        reauthentication.send_code(request)
        query = urlencode({"next": get_next_redirect_url(request) or reverse("account")})
        return redirect(f"{request.path}?{query}")
    way = _way(request, ways)
    form = reauthentication.form_of(way, request) if way else None
    if way is None or form is None or not form.is_valid():
        return _page(request, ways, template, failed=form)
    form.save()
    # What allauth had put off, or the page that `next` names.
    return resume_request(request) or redirect("account")


def _way(request: HttpRequest, ways: set[Way]) -> Way | None:
    return next((way for way in ways if way.value == request.POST.get("way")), None)


def _page(
    request: SignedInRequest,
    ways: set[Way],
    template: str,
    *,
    failed: SavableForm | None = None,
) -> HttpResponse:
    context: dict[str, object] = {
        "next": get_next_redirect_url(request),
        "ways": {way.value for way in ways},
        "failed": failed,
        "sent_to": reauthentication.code_sent_to(request) if Way.MAIL in ways else "",
    }
    if Way.PASSKEY in ways:
        context["passkey_options"] = {"request_options": begin_authentication(request.user)}
    status = HTTPStatus.BAD_REQUEST if request.method == "POST" else HTTPStatus.OK
    return render(request, template, context, status=status)
