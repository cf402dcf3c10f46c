"""What the operator says of a launch."""

from decimal import Decimal
from typing import Any

from django import forms

from catalog.numbers.money import parse_nano_usd


class LaunchForm(forms.Form):
    usd_per_1k_images = forms.DecimalField(
        label="price per 1,000 images, in US dollars",
        min_value=Decimal("0.000001"),
        max_value=Decimal("1000"),
        decimal_places=6,
        help_text="The launch freezes it.",
    )
    usd_per_1m_tokens = forms.DecimalField(
        label="price per million tokens of new texts, in US dollars",
        required=False,
        min_value=Decimal(0),
        max_value=Decimal("1000"),
        decimal_places=3,
        help_text="Frozen as well. Leave it empty to derive it from the price per image, in"
        " proportion to the text tower's compute; 0 makes texts free.",
    )
    reason = forms.CharField(
        max_length=300, initial="launched", help_text="Shown in the model's public timeline."
    )
    without_worker = forms.BooleanField(
        label="launch it even if no worker serves it",
        required=False,
        help_text="Its page, the API and the e-mail then say so.",
    )

    def __init__(self, *args: Any, needs_worker: bool = False, **kwargs: Any) -> None:
        """`needs_worker`: one serves the model, so nobody has to do without."""
        super().__init__(*args, **kwargs)
        if needs_worker:
            del self.fields["without_worker"]

    @property
    def nano_usd_per_image(self) -> int:
        return parse_nano_usd(self.cleaned_data["usd_per_1k_images"]) // 1000

    @property
    def nano_usd_per_token(self) -> int | None:
        usd = self.cleaned_data["usd_per_1m_tokens"]
        return None if usd is None else parse_nano_usd(usd) // 1_000_000
