"""Support edits cards with all that belongs to them, and moves them from stage to stage."""

from typing import Any

from django.contrib import admin, messages
from django.db import models, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from catalog import hub, price_history, stages
from catalog.admin import edited_parts
from catalog.admin.audited import Audited, log_step
from catalog.admin.forms import CardForm, MoveActionForm, MoveForm, Paragraphs, ProvenanceForm
from catalog.admin.labeled import LabeledInline
from catalog.admin.read_only import ReadOnlyInline
from catalog.models import (
    MOVES,
    Alias,
    Evaluation,
    ModelCard,
    PriceChange,
    Provenance,
    Question,
    Stage,
    StageChange,
)
from catalog.price_history import PRICED_BY


class ProvenanceInline(LabeledInline[Provenance, ModelCard]):
    model = Provenance
    form = ProvenanceForm
    extra = 0
    verbose_name = "source"


class EvaluationInline(LabeledInline[Evaluation, ModelCard]):
    model = Evaluation
    extra = 0


class QuestionInline(LabeledInline[Question, ModelCard]):
    model = Question
    extra = 0
    formfield_overrides = {models.TextField: {"form_class": Paragraphs}}


class AliasInline(LabeledInline[Alias, ModelCard]):
    model = Alias
    extra = 0


class StageChangeInline(ReadOnlyInline[StageChange]):
    model = StageChange
    can_delete = False
    fields = ["changed_at", "before", "stage", "reason", "by"]


class PriceChangeInline(ReadOnlyInline[PriceChange]):
    model = PriceChange
    can_delete = False
    fields = [
        "since",
        "nano_usd_per_image",
        "nano_usd_per_token",
        "nano_usd_per_text",
        "basis",
        "inputs",
    ]


@admin.register(ModelCard)
class ModelCardAdmin(Audited[ModelCard]):
    form = CardForm
    formfield_overrides = {models.TextField: {"form_class": Paragraphs}}
    action_form = MoveActionForm
    actions = ["move_to_stage"]
    list_display = ["repo", "name", "stage", "parameters", "imagenet_top1", "license"]
    list_filter = ["stage", "task", "family", "hand_edits__part"]
    search_fields = ["repo", "name", "aliases__name"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "repo",
                    "name",
                    "family",
                    "task",
                    "stage",
                    "successor",
                    "is_stand_in",
                    "known_as",
                ]
            },
        ),
        ("texts", {"fields": ["summary", "summary_is_generated", "about", "best_for", "limits"]}),
        ("weights", {"fields": ["loader", "open_clip_model", "revision"]}),
        (
            "facts",
            {
                "description": "Each has its source below. Leave unknown figures empty.",
                "fields": [
                    ("published", "updated"),
                    ("released", "open_clip_since"),
                    ("license", "commercial_use"),
                    ("license_reported", "license_conflicting", "use_limits"),
                    ("training_data", "languages"),
                    ("training_pairs", "pool_size", "samples_seen"),
                    ("fine_tuned_on", "distilled_from"),
                    ("paper_title", "paper_year", "paper_arxiv"),
                    ("tasks", "architecture"),
                    ("parameters", "stated_parameters"),
                    ("image_gflops", "text_gflops"),
                    ("image_size", "patch_size", "embed_dim", "context_length"),
                    ("image_layers", "image_width", "image_heads"),
                    ("text_layers", "text_width", "text_heads"),
                    ("imagenet_top1", "authors_imagenet_top1"),
                    ("downloads_per_month", "likes", "api_providers"),
                ],
            },
        ),
        (
            "what the price rests on",
            {
                "description": "The first that is known counts: launch, stated, measured, compute.",
                "fields": [
                    (
                        "launch_price_nano_usd_per_image",
                        "launch_price_nano_usd_per_token",
                        "launch_price_nano_usd_per_text",
                    ),
                    "est_price_nano_usd_per_image",
                    ("measured_images_per_s", "measured_usd_per_hour"),
                    "nano_usd_per_image",
                ],
            },
        ),
    ]
    ordering = ["repo"]
    readonly_fields = ["stage", "nano_usd_per_image"]
    inlines = [
        ProvenanceInline,
        EvaluationInline,
        QuestionInline,
        AliasInline,
        edited_parts.HandEditInline,
        StageChangeInline,
        PriceChangeInline,
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: ModelCard | None = None) -> list[str]:
        fields = [str(name) for name in super().get_readonly_fields(request, obj)]
        # Of a model that people call, the model desk changes the price, and tells them in time.
        if obj is not None and obj.status in (Stage.LIVE, Stage.DEPRECATED):
            fields += [name for name in PRICED_BY if name.startswith("launch_price")]
        return fields

    def save_model(self, request: HttpRequest, obj: ModelCard, form: Any, change: Any) -> None:
        # The changed fields only: a worker may be writing others of this card just now.
        if not change:
            obj.save()
            return
        # First the card, then its rows: the order in which a load takes them.
        ModelCard.objects.select_for_update().get(pk=obj.pk)
        if form.changed_data:
            obj.save(update_fields=form.changed_data)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        card: ModelCard = form.instance
        if form.has_changed() or any(formset.has_changed() for formset in formsets):
            ModelCard.objects.filter(pk=card.pk).update(changed_at=Now())
        if not change:
            stages.record_births("added by hand")
        edited_parts.note(card, form, formsets)
        card.refresh_from_db()
        price_history.record(card)
        for warning in _doubts(card, form.changed_data if change else [], formsets):
            self.message_user(request, warning, messages.WARNING)

    @admin.action(description="move to the stage, for the reason", permissions=["change"])
    def move_to_stage(self, request: HttpRequest, cards: QuerySet[ModelCard]) -> None:
        form = MoveForm(request.POST)
        if not form.is_valid():
            hint = "choose a stage and say why, in at most 300 characters"
            self.message_user(request, f"Nothing was moved: {hint}.", messages.ERROR)
            return
        for card in cards:
            self._move(request, card, form.cleaned_data)

    def _move(self, request: HttpRequest, card: ModelCard, move: dict[str, Any]) -> None:
        to, reason, without_worker = move["stage"], move["reason"], move["without_worker"]
        before = card.stage
        is_launch = to == Stage.LIVE and Stage.LIVE in MOVES[before]
        if is_launch and card.launch_price_nano_usd_per_image is None:
            # Here it would go live without its price, the voters' credit and everybody's mail.
            hint = f"{card} has no price yet: launch it, which freezes one and tells people."
            self.message_user(request, hint, messages.ERROR)
            return
        # Signed in: the admin has let nobody else come this far.
        by: Any = request.user
        try:
            with transaction.atomic():
                stages.move(card, to, reason=reason, by=by, without_worker=without_worker)
                log_step(request, card, "stage", before, to)
        except stages.NoWorker as refused:
            hint = "start one, or tick “even without a worker”"
            self.message_user(request, f"{refused}: {hint}.", messages.ERROR)
            return
        except stages.MoveRefused as refused:
            self.message_user(request, f"{refused}.", messages.ERROR)
            return
        self.message_user(request, f"{card} is {to} now.", messages.SUCCESS)


def _doubts(card: ModelCard, changed: list[str], formsets: Any) -> list[str]:
    """What a person who has changed a figure may have forgotten."""
    touched = {row.field for row in _touched(formsets) if isinstance(row, Provenance)}
    rows = card.provenance.filter(field__in=set(changed) - touched).select_related("source")
    doubts = [_doubt(row) for row in rows.order_by("field")]
    if "summary" in changed and card.summary_is_generated:
        doubts.append("The summary changed, but is still marked as made from the figures.")
    return doubts


def _touched(formsets: Any) -> list[models.Model]:
    """Rows of the inlines that this save has added or changed."""
    added = [row for formset in formsets for row in formset.new_objects]
    return added + [row for formset in formsets for row, _ in formset.changed_objects]


def _doubt(row: Provenance) -> str:
    doubt = f"{row.field} changed; its source still says {row.source}, read on {row.read_on}."
    if row.source.slug == hub.SOURCE_SLUG:
        doubt += " The next sync with Hugging Face will overwrite it."
    return doubt
