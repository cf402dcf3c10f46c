"""What the operator says of a launch."""

from decimal import Decimal

from django import forms

from catalog.numbers.money import parse_usd


class LaunchForm(forms.Form):
    usd_per_1k_images = forms.DecimalField(
        label="price of 1,000 images, in US dollars",
        min_value=Decimal("0.001"),
        max_value=Decimal("1000"),
        decimal_places=3,
        help_text="It is frozen by the launch.",
    )
    usd_per_1k_labels = forms.DecimalField(
        label="price of 1,000 new labels, in US dollars",
        required=False,
        min_value=Decimal(0),
        max_value=Decimal("1000"),
        decimal_places=3,
        help_text="Frozen as well. Leave it empty to let it follow from the price of an image, as"
        " the text tower's compute stands to the image tower's; 0 makes labels free.",
    )
    reason = forms.CharField(
        max_length=300, initial="launched", help_text="Stands in the model's public timeline."
    )
    without_worker = forms.BooleanField(
        label="launch it even if no worker serves it",
        required=False,
        help_text="Its page, the API and the mail then say that none is up.",
    )

    @property
    def micro_usd_per_image(self) -> int:
        return parse_usd(self.cleaned_data["usd_per_1k_images"]) // 1000

    @property
    def micro_usd_per_label(self) -> int | None:
        usd = self.cleaned_data["usd_per_1k_labels"]
        return None if usd is None else parse_usd(usd) // 1000
