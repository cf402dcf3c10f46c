"""How much credit to add: one of the packs, or an amount of one's own."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

OTHER = "other"


class AddCreditForm(forms.Form):
    pack = forms.ChoiceField(widget=forms.RadioSelect)
    amount = forms.DecimalField(required=False, max_digits=9, decimal_places=2)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        packs = [(str(usd), f"${usd}") for usd in settings.CREDIT_PACKS_USD]
        self.fields["pack"] = forms.ChoiceField(
            choices=[*packs, (OTHER, "another amount")], widget=forms.RadioSelect
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("pack") == OTHER and not self.errors:
            least, most = settings.CREDIT_LEAST_USD, settings.CREDIT_MOST_USD
            amount = cleaned.get("amount")
            if amount is None or not least <= amount <= most:
                self.add_error(
                    "amount", ValidationError(f"Enter an amount from ${least} to ${most}.")
                )
        return cleaned

    @property
    def amount_cents(self) -> int:
        pack = self.cleaned_data["pack"]
        usd = self.cleaned_data["amount"] if pack == OTHER else Decimal(pack)
        return int(usd * 100)
