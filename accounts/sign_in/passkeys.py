"""allauth's passkey forms, proof against what no browser sends: to that theirs answer 500."""

import struct

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
)
from cryptography.exceptions import InvalidSignature
from django.core.exceptions import ValidationError

# What fido2 raises for bytes, fields or signatures that are not a passkey's.
NOT_A_PASSKEY = (
    AttributeError,
    InvalidSignature,
    KeyError,
    TypeError,
    ValueError,
    struct.error,
)
SENTENCE = "That passkey is not one of ours, or the answer was damaged. Please try again."


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]  # allauth is untyped
    def clean(self) -> dict[str, object]:
        try:
            cleaned: dict[str, object] = super().clean()
        except NOT_A_PASSKEY:
            raise ValidationError(SENTENCE) from None
        return cleaned


class PasskeyForm(AuthenticateWebAuthnForm):  # type: ignore[misc]
    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()
        except NOT_A_PASSKEY:
            raise ValidationError(SENTENCE) from None


class PasskeySignInForm(PasskeyForm, LoginWebAuthnForm):  # type: ignore[misc]
    pass


class PasskeyAgainForm(PasskeyForm):
    """From somebody who is signed in and shows that it is still them."""

    reauthenticated = True
