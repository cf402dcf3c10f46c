"""What of a card a form of the admin has changed, in the words of `catalog.hand_edits`."""

from collections.abc import Iterable
from typing import Any

from django import forms

from catalog import hand_edits
from catalog.admin.read_only import ReadOnlyInline
from catalog.loading.cards import NOT_FROM_A_FILE
from catalog.models import HandEdit, ModelCard, Provenance


class HandEditInline(ReadOnlyInline[HandEdit]):
    # Rows come by editing the card; deleting one gives the part back to the card's file.

    model = HandEdit
    fields = ["part", "edited_at"]
    readonly_fields = ["part", "edited_at"]
    verbose_name_plural = (
        "edited by hand: the card's file leaves these alone; what is deleted here it writes again"
    )


def note(card: ModelCard, form: forms.BaseForm, formsets: Iterable[Any]) -> None:
    """Note which parts this form has edited, and which it gives back to the card's file."""
    hand_edits.mark(card, _edited(form, formsets))
    if any(formset.model is HandEdit and formset.deleted_objects for formset in formsets):
        # Or the next load would take the file for one that it has loaded already.
        ModelCard.objects.filter(pk=card.pk).update(fixture_sha256="")


def _edited(form: forms.BaseForm, formsets: Iterable[Any]) -> set[str]:
    parts = set(form.changed_data)
    for formset in formsets:
        if formset.model is Provenance:
            parts |= _cited(formset)
        elif formset.model in hand_edits.SECTIONS and formset.has_changed():
            parts.add(hand_edits.SECTIONS[formset.model])
    return parts - NOT_FROM_A_FILE


def _cited(formset: Any) -> set[str]:
    """The fields whose source was changed."""
    changed = [row for row in formset.forms if row.has_changed()]
    # A row may cite another field than before: then both have changed.
    before = {row.initial.get("field") for row in changed}
    return {name for name in before | {row.cleaned_data.get("field") for row in changed} if name}
