"""What the operator fills in at the model desk. Times are UTC."""

from decimal import Decimal
from typing import Any

from django import forms

from accounts.staff.model_desk import price_change, shutdown
from accounts.staff.model_desk.notices import Instruction
from catalog.models import ModelCard, ModelNotice, Stage
from catalog.numbers.money import parse_nano_usd

WIDGET = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class DeskForm(forms.Form):
    """`seen` is the notice that the page showed, so that two operators don't undo each other."""

    reason = forms.CharField(max_length=300)
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, card: ModelCard, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.card = card


class AnnouncementForm(DeskForm):
    def announce(self, instruction: Instruction) -> ModelNotice:
        """Raises DeskRefused."""
        raise NotImplementedError


class SuccessorField(forms.ModelChoiceField[ModelCard]):
    def label_from_instance(self, obj: ModelCard) -> str:
        return obj.repo


class ShutdownForm(AnnouncementForm):
    at = forms.DateTimeField(label="shutdown date and time (UTC)", widget=WIDGET)
    successor = SuccessorField(
        queryset=ModelCard.objects.none(),
        required=False,
        label="what to use instead",
        help_text="Headers, answers, the model's page and the mail name it.",
    )
    is_urgent = forms.BooleanField(
        label=f"it can't wait {shutdown.NOTICE.days} days",
        required=False,
        help_text="The reason has to say why.",
    )

    field_order = ("at", "successor", "reason", "is_urgent", "seen")

    def __init__(self, card: ModelCard, *args: Any, **kwargs: Any) -> None:
        super().__init__(card, *args, **kwargs)
        self.fields["reason"].help_text = "Shown in the model's public timeline."
        successor = self.fields["successor"]
        assert isinstance(successor, SuccessorField)  # noqa: S101  declared above
        callable_now = ModelCard.objects.callable().exclude(stage=Stage.DEPRECATED)
        successor.queryset = callable_now.exclude(pk=card.pk).order_by("repo")

    def announce(self, instruction: Instruction) -> ModelNotice:
        terms = shutdown.Terms(
            at=self.cleaned_data["at"],
            successor=self.cleaned_data["successor"],
            is_urgent=self.cleaned_data["is_urgent"],
        )
        return shutdown.announce(self.card, terms, instruction)


class PriceForm(AnnouncementForm):
    usd_per_1k_images = forms.DecimalField(
        label="price per 1,000 images, in US dollars",
        min_value=Decimal("0.000001"),
        max_value=Decimal(1000),
        decimal_places=6,
    )
    usd_per_1m_tokens = forms.DecimalField(
        label="price per million tokens of new texts, in US dollars",
        min_value=Decimal(0),
        max_value=Decimal(1000),
        decimal_places=3,
        help_text="0 makes texts free.",
    )
    at = forms.DateTimeField(
        label="from (UTC)",
        required=False,
        widget=WIDGET,
        help_text=f"At least {price_change.NOTICE.days} days ahead if anything gets dearer. Leave"
        " it empty to lower the price at once.",
    )

    field_order = ("usd_per_1k_images", "usd_per_1m_tokens", "at", "reason", "seen")

    def announce(self, instruction: Instruction) -> ModelNotice:
        terms = price_change.Terms(
            nano_usd_per_image=parse_nano_usd(self.cleaned_data["usd_per_1k_images"]) // 1000,
            nano_usd_per_token=parse_nano_usd(self.cleaned_data["usd_per_1m_tokens"]) // 1_000_000,
            at=self.cleaned_data["at"],
        )
        return price_change.announce(self.card, terms, instruction)
