"""What the admin's forms for cards accept."""

from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError

from catalog.models import ModelCard, Provenance, Source, Stage, StageChange
from catalog.price_history import PRICED_BY

# What a card is by itself, not by what somebody has read somewhere.
NOT_FACTS = frozenset(
    {
        "id",
        "repo",
        "stage",
        "successor",
        "deprecated_at",
        "shutdown_at",
        "next_price_nano_usd_per_image",
        "next_price_nano_usd_per_token",
        "next_price_at",
        "created_at",
        "changed_at",
        "fixture_sha256",
    }
)

# What a price follows from is divided and multiplied in SQL with twelve decimals.
LEAST_MEASURED = 0.001
MOST = 1e9
MOST_NANO_USD = 10**12  # $1,000 an image


def fact_names() -> list[str]:
    fields = ModelCard._meta.concrete_fields
    return [f.name for f in fields if f.name not in NOT_FACTS and not f.generated]


def _fact_choices() -> list[tuple[str, str]]:
    return [("", "---------"), *((name, name) for name in sorted(fact_names()))]


class Paragraphs(forms.CharField):
    """Text of several lines, as it was written: what a browser and Django make of it is no edit.

    The one ends lines with CRLF, the other takes space from both ends.
    """

    def to_python(self, value: Any) -> Any:
        return _in_unix_lines(super().to_python(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _in_unix_lines(initial) != _in_unix_lines(data)


def _in_unix_lines(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n").strip()


class CardForm(forms.ModelForm[ModelCard]):
    # Its two lists must be lists of sentences, because pages print them so.

    def clean_best_for(self) -> Any:
        return _sentences(self.cleaned_data["best_for"])

    def clean_limits(self) -> Any:
        return _sentences(self.cleaned_data["limits"])

    def clean(self) -> dict[str, Any]:
        # The database computes the price from these, so they must be figures that it can divide.
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in PRICED_BY:
            if isinstance(figure := cleaned.get(name), float) and not 0 <= figure <= MOST:
                self.add_error(name, f"From 0 to {MOST:.0e}; empty where it is unknown.")
            elif name.startswith("measured") and figure is not None and figure < LEAST_MEASURED:
                self.add_error(name, f"At least {LEAST_MEASURED}; empty where it is unknown.")
        figures = {name: cleaned.get(name) for name in PRICED_BY}
        if not self.errors and _dearest_nano_usd(ModelCard(**figures)) > MOST_NANO_USD:
            raise ValidationError("The price that follows from these figures is too high.")
        return cleaned


def _dearest_nano_usd(card: ModelCard) -> int:
    price = card.price
    if price is None:
        return 0
    return max(price.nano_usd_per_image, price.nano_usd_per_token, price.nano_usd_per_text)


def _sentences(value: object) -> object:
    """JSON's null is an empty list."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise ValidationError('Write a list of sentences: ["one", "another"].')
    return value


class ProvenanceForm(forms.ModelForm[Provenance]):
    field = forms.ChoiceField(choices=_fact_choices)

    class Meta:
        model = Provenance
        fields = ["field", "source", "read_on"]


class SourceForm(forms.ModelForm[Source]):
    # An address without its scheme is meant to be https.

    url = forms.URLField(required=False, assume_scheme="https")


class MoveForm(forms.Form):
    stage = forms.TypedChoiceField(choices=Stage.choices, coerce=Stage)
    reason = forms.CharField(max_length=StageChange._meta.get_field("reason").max_length)
    without_worker = forms.BooleanField(required=False)


class MoveActionForm(ActionForm):
    # MoveForm's fields beside the list's actions; optional, since other actions need none.

    stage = forms.ChoiceField(choices=[("", "stage …"), *Stage.choices], required=False)
    reason = forms.CharField(required=False)
    without_worker = forms.BooleanField(required=False, label="even without a worker")
