"""What people may say with a vote, and how they name the model they ask for."""

from decimal import Decimal

from django import forms

from catalog.demand import requests
from catalog.numbers import facts

MOST_IMAGES = 10**12


class VolumeForm(forms.Form):
    """How many images a month: 100k, 2.5M, 1,000,000. Empty: rather not say."""

    images_per_month = forms.CharField(
        label="images a month, roughly (may stay empty)",
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"placeholder": "100k", "autocomplete": "off"}),
    )

    def clean_images_per_month(self) -> int | None:
        written: str = self.cleaned_data["images_per_month"]
        return _whole_images(facts.read(written)) if written else None


def _whole_images(number: Decimal | None) -> int:
    if number is None or number != int(number) or not 0 < number <= MOST_IMAGES:
        raise forms.ValidationError(
            "Write a whole number of images, such as 5000, 100k or 2.5M; 1T is the most."
        )
    return int(number)


class RequestForm(forms.Form):
    """A model by its id on the hub, or by the address of its page there."""

    repo = forms.CharField(
        label="model on the hub",
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
            return requests.read_name(self.cleaned_data["repo"])
        except requests.NotAName as error:
            raise forms.ValidationError(str(error)) from error
