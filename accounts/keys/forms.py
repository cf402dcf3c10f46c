"""The form that makes an API key."""

from datetime import timedelta
from decimal import Decimal

from django import forms
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from catalog.numbers.money import parse_usd

LONGEST_IDEMPOTENCY_KEY = 64
# The first is what a form says by itself: programs that nobody looks at must not stop one day.
LIFETIMES = [("", "never"), ("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year")]


class KeyForm(forms.Form):
    """A name, a lifetime and a limit; the idempotency_key makes a double click one key."""

    name = forms.CharField(max_length=60)
    lifetime = forms.ChoiceField(choices=LIFETIMES, required=False, label="expires")
    limit = forms.DecimalField(
        required=False,
        min_value=Decimal("0.01"),
        max_value=Decimal(1_000_000),
        decimal_places=2,
        label="spending limit, in US dollars",
    )
    idempotency_key = forms.CharField(max_length=LONGEST_IDEMPOTENCY_KEY, required=False)

    @property
    def expires_at(self) -> Combinable | None:
        days = self.cleaned_data["lifetime"]
        return Now() + timedelta(days=int(days)) if days else None

    @property
    def limit_micro_usd(self) -> int | None:
        limit: Decimal | None = self.cleaned_data["limit"]
        return None if limit is None else parse_usd(limit)
