"""What the operator fills in at the account desk."""

from django import forms


class SuspendForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        help_text="A sentence or two. The customer reads it at sign-in and from the API.",
    )


class ConfirmForm(forms.Form):
    """Nothing to fill in: sending it is the confirmation."""
