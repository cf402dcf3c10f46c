"""The one field of the job desk."""

from django import forms


class LookupForm(forms.Form):
    q = forms.CharField(
        label="a job's id, request id, batch id, or the owner's address",
        max_length=320,
        widget=forms.TextInput(
            attrs={"class": "vTextField", "type": "search", "spellcheck": "false"}
        ),
    )
