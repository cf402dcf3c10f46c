"""How people name the model that they request."""

from django import forms

from catalog.demand import model_requests


class RequestForm(forms.Form):
    repo = forms.CharField(
        label="Hugging Face model",
        max_length=500,
        widget=forms.TextInput(
            attrs={
                "placeholder": "owner/name, or the address of its page",
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def clean_repo(self) -> str:
        try:
            return model_requests.parse_name(self.cleaned_data["repo"])
        except model_requests.InvalidName as error:
            raise forms.ValidationError(str(error)) from error
