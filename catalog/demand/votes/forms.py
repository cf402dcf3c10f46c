"""What people may state with a vote."""

from decimal import Decimal

from django import forms

from catalog.numbers import parsing

MOST_IMAGES = 10**12
LONGEST_VOLUME = 30  # characters


class VolumeForm(forms.Form):
    """How many images a month: 100k, 2.5M, 1,000,000. Empty: rather not say."""

    images_per_month = forms.CharField(
        label="images per month, roughly (optional)",
        required=False,
        max_length=LONGEST_VOLUME,
        widget=forms.TextInput(attrs={"placeholder": "100k", "autocomplete": "off"}),
    )

    def clean_images_per_month(self) -> int | None:
        text: str = self.cleaned_data["images_per_month"]
        return _whole_images(parsing.parse(text)) if text else None


def _whole_images(number: Decimal | None) -> int:
    if number is None or number != int(number) or not 0 < number <= MOST_IMAGES:
        raise forms.ValidationError(
            "Write a whole number of images, such as 5000, 100k or 2.5M; 1T is the most."
        )
    return int(number)
