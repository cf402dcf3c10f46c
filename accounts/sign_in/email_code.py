"""One field signs in whoever reads the mail sent to an address; a new address gets an account.

Known and unknown addresses take the same way and get the same mail: nobody learns which they are.
"""

from allauth.account.forms import (
    AddEmailForm,
    BaseConfirmCodeForm,
    ConfirmEmailVerificationCodeForm,
    LoginForm,
)
from allauth.account.models import EmailAddress
from allauth.core import context
from django import forms
from django.core.validators import MaxLengthValidator

from accounts.models import User
from accounts.sign_in import addresses, code_mails
from catalog import email_addresses
from catalog.limits import Refused

TAKEN = "That address already has an account. Please sign in with it instead."


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth is untyped
    # Why no code is sent now, if so.
    refusal: Refused | None = None

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
        # Not allauth's: it takes whoever names the address for the person that it belongs to.
        cleaned: dict[str, object] = forms.Form.clean(self) or {}
        if self.errors:
            return cleaned
        email = str(cleaned["login"])
        try:
            # Only asked here, to say it in the form; counted where the mail is sent.
            code_mails.offer(context.request, email)
        except Refused as refusal:
            self.refusal = refusal
            self.add_error("login", str(refusal))
            return cleaned
        self.user = _active_person(email)
        return cleaned


class AddAddressForm(AddEmailForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        email: str = super().clean_email()
        try:
            code_mails.check(context.request, email)
        except Refused as refusal:
            raise forms.ValidationError(str(refusal)) from None
        return email


class ConfirmAddressForm(ConfirmEmailVerificationCodeForm):  # type: ignore[misc]
    def clean_code(self) -> str:
        # Not allauth's: an address that somebody has only asked a code for is not taken.
        code: str = BaseConfirmCodeForm.clean_code(self)
        if addresses.is_anothers(self.email, self.user):
            raise forms.ValidationError(TAKEN)
        return code


def _active_person(email: str) -> User | None:
    person = addresses.get_or_create_person(email)
    # Who is suspended gets a code as well: whoever types it is told why.
    if person is None or not (person.is_active or person.is_suspended):
        # allauth then sends no mail, and the response is the same: nobody learns of it.
        return None
    # Who was made by a command has no such row yet, and the code confirms only what has one.
    EmailAddress.objects.get_or_create(
        user=person,
        email=email,
        defaults={"primary": email_addresses.fold(person.email) == email},
    )
    return person
