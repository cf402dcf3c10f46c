"""One field signs in whoever reads the mail sent to an address; a new address gets an account.

Known and unknown addresses take the same way and get the same mail: nobody learns which they are.
"""

from allauth.account.forms import LoginForm
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse, RateLimited
from allauth.core.ratelimit import consume, respond_429
from django.contrib.auth.hashers import make_password
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from catalog import email_addresses

CODE_MAIL = "code_mail"  # the rate limit of mails to one address
TOO_MANY_MAILS = (
    "We have sent several mails to this address already. Please look there, spam folder included, "
    "or try again in ten minutes."
)


def get_or_create_user(email: str) -> User:
    """A new one is unconfirmed until the code is typed."""
    matching = email_addresses.rows_at(User.objects.all(), email)
    user = matching.first()
    if user is None:
        new = User(email=email, password=make_password(None))
        # Two tabs at once: the constraint lets one of them insert, and both read that one.
        User.objects.bulk_create([new], ignore_conflicts=True)
        user = matching.get()
    return user


def count_code_mail(request: HttpRequest, email: str, *, dry_run: bool = False) -> None:
    """Raises RateLimited when an address has had its share of mails."""
    key = email_addresses.fold(email)
    consume(request, action=CODE_MAIL, key=key, dry_run=dry_run, raise_exception=True)


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth is untyped
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "e-mail address"
        self.fields["login"].widget.attrs.pop("placeholder", None)
        self.fields["login"].validators.append(MaxLengthValidator(email_addresses.LONGEST))
        if self.request is not None:
            email = self.request.GET.get("email", "")
            self.fields["login"].initial = email[: email_addresses.LONGEST]

    def clean_login(self) -> str:
        # One spelling, so that a mailbox has one account, one welcome and one share of mails.
        return email_addresses.clean(super().clean_login())

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean()
        if self.errors:
            return cleaned
        email = str(cleaned["login"])
        try:
            # Only asked here, to say it in the form; counted where the mail is sent.
            count_code_mail(context.request, email, dry_run=True)
        except RateLimited:
            self.add_error("login", TOO_MANY_MAILS)
            return cleaned
        self.user = self._active_user(email)
        return cleaned

    def _active_user(self, email: str) -> User | None:
        person: User = self.user or get_or_create_user(email)
        if not person.is_active:
            # allauth then sends no mail, and the response is the same: nobody learns of it.
            return None
        # Who was made by a command has no such row yet, and the code confirms only what has one.
        EmailAddress.objects.get_or_create(
            user=person,
            email=email,
            defaults={"primary": email_addresses.fold(person.email) == email},
        )
        return person

    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        try:
            response: HttpResponse = super().login(request, redirect_url)
        except RateLimited:  # two tabs at once
            raise ImmediateHttpResponse(respond_429(request)) from None
        return response
