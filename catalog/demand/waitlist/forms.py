"""What the waitlist's forms accept."""

from typing import Any

from django import forms
from django.core.validators import validate_email

from catalog.demand import waitlist

NO_ADDRESS = "That is no e-mail address we can write to. Please look at it again."


def one_spelling(given: str) -> str:
    """An address as it is kept, however its domain was spelled.

    Raises ValidationError also for what only looks like ASCII letters: the database takes a long s
    for an s when capitals do not matter, so that one person's code would go to another's mailbox.
    """
    try:
        email = waitlist.normalised(given)
    except UnicodeError:
        raise forms.ValidationError(NO_ADDRESS) from None
    if not email.isascii() or len(email) > 254:
        raise forms.ValidationError(NO_ADDRESS)
    validate_email(email)
    return email


class AskForm(forms.Form):
    """One field for people, one for machines, and which sentence was agreed to."""

    email = forms.EmailField(
        label="e-mail address",
        max_length=254,
        error_messages={"invalid": NO_ADDRESS, "required": "Please type your e-mail address."},
    )
    # Not shown. Who fills it in is a machine, and hears the same as everybody.
    website = forms.CharField(required=False)
    consent = forms.ChoiceField(
        choices=[(each, each) for each in waitlist.CONSENTS],
        error_messages={
            "required": "The form was not whole. Please send it again from here.",
            "invalid_choice": "The form has changed since. Please send it again from here.",
        },
    )

    def clean_email(self) -> str:
        return one_spelling(self.cleaned_data["email"])

    @property
    def is_from_a_machine(self) -> bool:
        return bool(self.data.get("website"))


class Change(forms.Form):
    """One press on the preference page: on an entry, or on everything."""

    action = forms.ChoiceField(
        choices=[(each, each) for each in ["leave", "confirm", "leave-all", "forget"]]
    )
    entry = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        if cleaned.get("action") in {"leave", "confirm"} and not cleaned.get("entry"):
            raise forms.ValidationError("Which one?")
        return cleaned
