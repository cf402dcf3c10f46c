"""What the operator fills in at the money desk."""

import uuid
from decimal import Decimal
from typing import Any

from django import forms

from catalog.numbers.money import parse_usd

MOST_USD = Decimal(100_000)


class DeskForm(forms.Form):
    """`action_id` is made with the page, so that a form sent twice acts once."""

    action_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    reason = forms.CharField(max_length=150, help_text="The customer reads it on their statement.")


class AmountForm(DeskForm):
    verb = forms.ChoiceField(
        label="what to do",
        choices=[("add", "add credit"), ("take", "take credit back")],
        widget=forms.RadioSelect,
    )
    usd = forms.DecimalField(
        label="amount, in US dollars", min_value=Decimal("0.000001"), max_value=MOST_USD
    )

    field_order = ("verb", "usd", "reason", "action_id")

    @property
    def micro_usd(self) -> int:
        return parse_usd(self.cleaned_data["usd"])


class RefundForm(DeskForm):
    usd = forms.DecimalField(
        label="amount, in US dollars",
        min_value=Decimal("0.01"),
        max_value=MOST_USD,
        decimal_places=2,
    )

    field_order = ("usd", "reason", "action_id")

    def __init__(self, *args: Any, most_cents: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["usd"].initial = Decimal(most_cents) / 100

    @property
    def cents(self) -> int:
        return int(self.cleaned_data["usd"] * 100)
