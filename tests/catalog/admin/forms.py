"""The admin's forms of a card, as a browser would send them."""

import json
from collections.abc import Sequence

from django.forms.models import model_to_dict
from django.test import Client

from catalog.admin.cards import ModelCardAdmin
from catalog.models import ModelCard

CARDS = "/admin/catalog/modelcard/"
HISTORY = ["hand_edits", "stage_changes", "price_changes"]
INLINES = ["provenance", "evaluations", "faq", "aliases", *HISTORY]


def filled_in(card: ModelCard, **changes: object) -> dict[str, object]:
    """The change form as the browser would send it back, with these changes."""
    values = model_to_dict(card) | {
        "best_for": json.dumps(card.best_for),
        "limits": json.dumps(card.limits),
    }
    shown = {
        name
        for _, options in ModelCardAdmin.fieldsets
        for group in options["fields"]
        for name in _flat(group)
    }
    form_data = {
        name: value for name, value in values.items() if name in shown and value is not None
    }
    if not form_data["is_stand_in"]:
        del form_data["is_stand_in"]
    if not form_data["summary_is_generated"]:
        del form_data["summary_is_generated"]
    for inline in INLINES:
        rows = list(getattr(card, inline).all())
        form_data |= {f"{inline}-TOTAL_FORMS": len(rows), f"{inline}-INITIAL_FORMS": len(rows)}
        # Of history a browser sends back no more than the keys.
        only = ["id", "card"] if inline in HISTORY else None
        for number, row in enumerate(rows):
            fields = model_to_dict(row, only) | {"id": row.pk}
            form_data |= {f"{inline}-{number}-{name}": value for name, value in fields.items()}
    return form_data | changes


def _flat(group: str | Sequence[str]) -> Sequence[str]:
    return [group] if isinstance(group, str) else group


def change(client: Client, card: ModelCard, **changes: object) -> str:
    """Send the form, which must be accepted; what the next page says."""
    response = client.post(f"{CARDS}{card.pk}/change/", filled_in(card, **changes), follow=True)
    assert response.redirect_chain, response.context["errors"]
    return " ".join(str(message) for message in response.context["messages"])


def filled_in_anew(card: ModelCard, **changes: object) -> dict[str, object]:
    """The form of a card that is new."""
    values = model_to_dict(card, ["repo", "name", "summary", "loader", "task"])
    counts = {f"{name}-{kind}_FORMS": 0 for name in INLINES for kind in ("TOTAL", "INITIAL")}
    return values | counts | {"best_for": "[]", "limits": "[]"} | changes
