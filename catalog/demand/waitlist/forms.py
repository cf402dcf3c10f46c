"""What the waitlist's forms accept."""

from typing import Any

from django import forms

from catalog import email_addresses
from catalog.demand import waitlist


class JoinForm(forms.Form):
    email = forms.EmailField(
        label="e-mail address",
        max_length=email_addresses.LONGEST,
        error_messages={
            "invalid": email_addresses.NOT_AN_ADDRESS,
            "required": "Please type your e-mail address.",
        },
    )
    # A honeypot: not shown, so that only a bot fills it in, and it gets everybody's answer.
    website = forms.CharField(required=False)
    # Which version of the sentence was agreed to.
    consent = forms.ChoiceField(
        choices=[(version, version) for version in waitlist.CONSENTS],
        error_messages={
            "required": "Part of the form was missing, so nothing was done. Please send it again.",
            "invalid_choice": "This form has changed since you opened it. Please send it again.",
        },
    )

    def clean_email(self) -> str:
        return email_addresses.clean(self.cleaned_data["email"])

    @property
    def is_from_a_bot(self) -> bool:
        return bool(self.data.get("website"))


# `forget` asks, and only `forget-for-good` deletes: it cannot be undone.
ACTIONS = ["leave", "undo", "confirm", "leave-all", "forget", "forget-for-good"]


class PreferenceForm(forms.Form):
    action = forms.ChoiceField(choices=[(action, action) for action in ACTIONS])
    entry = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        if cleaned.get("action") in {"leave", "undo", "confirm"} and not cleaned.get("entry"):
            raise forms.ValidationError("Which one?")
        return cleaned
