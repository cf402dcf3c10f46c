"""Below which balance somebody wants one mail."""

from django import forms

from accounts.models import User
from catalog.numbers.money import format_usd

AMOUNTS_MICRO_USD = [100_000, 1_000_000, 5_000_000, 20_000_000]
CHOICES = [
    ("", "never"),
    *((str(micro_usd), format_usd(micro_usd)) for micro_usd in AMOUNTS_MICRO_USD),
]


class AlertForm(forms.Form):
    below = forms.ChoiceField(choices=CHOICES, required=False)

    @property
    def micro_usd(self) -> int | None:
        return int(self.cleaned_data["below"]) if self.cleaned_data["below"] else None

    @property
    def confirmation(self) -> str:
        if self.micro_usd is None:
            return "You won't be mailed when your credit is low."
        return f"You'll get one e-mail when your balance falls below {format_usd(self.micro_usd)}."

    @staticmethod
    def choices_of(user: User) -> list[tuple[str, str, bool]]:
        """Value, label, and whether it is the person's choice."""
        chosen = "" if user.low_balance_micro_usd is None else str(user.low_balance_micro_usd)
        return [(value, label, value == chosen) for value, label in CHOICES]
