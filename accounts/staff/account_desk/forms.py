"""What the operator fills in at the account desk."""

from django import forms


class SuspendForm(forms.Form):
    reason = forms.CharField(
        max_length=299,  # and a full stop
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3}),
        help_text="A sentence or two. The customer reads it at sign-in and from the API.",
    )

    def clean_reason(self) -> str:
        """On one line, and a sentence: others follow it."""
        reason = " ".join(self.cleaned_data["reason"].split())
        return reason if reason.endswith((".", "!", "?")) else f"{reason}."


class ConfirmForm(forms.Form):
    """Nothing to fill in: sending it is the confirmation."""
