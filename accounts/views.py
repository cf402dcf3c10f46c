"""A person's own pages: profile, data, sessions, and leaving."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import AddWebAuthnView
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import erasure, lifecycle
from accounts.forms import DeleteForm
from accounts.http import SignedInRequest
from accounts.sign_in.reauthentication import recent_sign_in_required
from accounts.staff.site import needs_second_factor
from catalog.limits import known_browsers


@require_safe
@login_required
@never_cache
def account(request: SignedInRequest) -> HttpResponse:
    person = request.user
    methods = Authenticator.objects.filter(user=person)
    context = {
        "addresses": EmailAddress.objects.filter(user=person).order_by("-primary", "email"),
        "passkeys": [m.wrap() for m in methods.filter(type=Authenticator.Type.WEBAUTHN)],
        "has_app": methods.filter(type=Authenticator.Type.TOTP).exists(),
        "connected": SocialAccount.objects.filter(user=person),
        "sessions": UserSession.objects.purge_and_list(person),
    }
    return render(request, "accounts/profile.html", context)


@require_POST
@login_required
def end_session(request: SignedInRequest, number: int) -> HttpResponse:
    session = get_object_or_404(UserSession, pk=number, user=request.user)
    session.end()
    messages.success(request, "That browser was signed out.")
    return redirect("account")


@require_safe
@login_required
@never_cache
def your_data(request: SignedInRequest) -> HttpResponse:
    return render(request, "accounts/your_data.html")


@require_safe
@recent_sign_in_required
@never_cache
def export(request: SignedInRequest) -> HttpResponse:
    response = JsonResponse(lifecycle.export(request.user), json_dumps_params={"indent": 2})
    response.headers["Content-Disposition"] = 'attachment; filename="gigarouter-my-data.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
@never_cache
def delete(request: SignedInRequest) -> HttpResponse:
    person = request.user
    if erasure.has_admin_history(person):
        status = 409 if request.method == "POST" else 200
        return render(request, "accounts/keep_for_history.html", status=status)
    form = DeleteForm(request.POST or None, person=person)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/delete.html", {"form": form})
    erasure.request(person)
    logout(request)
    messages.success(
        request,
        "Your account is closed, and everything we keep about you is being deleted. That takes a "
        "few minutes at most. Goodbye, and thank you.",
    )
    response = redirect("home")
    known_browsers.forget(response)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    # Signing up and signing in are one page; the query (next, email) goes along.
    query = request.GET.urlencode()
    return redirect(reverse("account_login") + (f"?{query}" if query else ""))


@require_safe
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    # The admin has no door of its own; who came in by ours and is no staff gets a 403.
    query = urlencode({"next": request.GET.get("next", reverse("admin:index"))})
    if not request.user.is_authenticated:
        return redirect(f"{reverse('account_login')}?{query}")
    if needs_second_factor(request):
        return redirect(f"{reverse('account_second_factor')}?{query}")
    raise PermissionDenied


def no_passwords(request: HttpRequest) -> HttpResponse:
    # allauth has pages for passwords; nobody here has one.
    raise Http404


class AddPasskey(AddWebAuthnView):  # type: ignore[misc]  # allauth is untyped
    # allauth would show recovery codes next: those are for the authenticator app, and for staff,
    # whom a lost passkey would keep out of the admin.
    def get_success_url(self) -> str:
        shows_codes = self.request.user.is_staff and self.did_generate_recovery_codes
        return reverse("mfa_view_recovery_codes" if shows_codes else "account")
