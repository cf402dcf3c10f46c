"""A model page in other forms: JSON, Markdown, and the picture beside a shared link."""

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from catalog.models import Evaluation, ModelCard, Provenance
from catalog.pages import accuracy, queries, specs
from catalog.standing import license_terms, serving
from catalog.standing.serving import Availability
from catalog.standing.standing import Standing
from catalog.syndication import share_card

MARKDOWN = "text/markdown; charset=utf-8"
DAY_S = 24 * 3600


@require_safe
def model_json(request: HttpRequest, owner: str, name: str) -> JsonResponse:
    card = _card_or_404(owner, name)
    standing = Standing.of(card, is_served=serving.is_served(card))
    return JsonResponse(as_json(card, standing), json_dumps_params={"indent": 2})


@require_safe
def model_markdown(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    card = _card_or_404(owner, name)
    evaluations = card.evaluations.all()
    sheet = specs.sheet_of(card, card.provenance.all(), evaluations)
    context = {
        "card": card,
        "sheet": sheet,
        "license": license_terms.of(card),
        "accuracy": accuracy.groups_of(evaluations, sheet),
        "standing": Standing.of(card, is_served=serving.is_served(card)),
    }
    return render(request, "catalog/model/model.md", context, content_type=MARKDOWN)


@require_safe
def share_card_png(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    card = get_object_or_404(ModelCard, repo=f"{owner}/{name}")
    # Drawn once for each state of the card: it takes longer than any page.
    key = f"share-card:{card.pk}:{card.changed_at.timestamp()}"
    png = cache.get_or_set(key, lambda: share_card.png(card), timeout=DAY_S)
    return HttpResponse(png, content_type="image/png")


# JSON's own kinds of value: text, numbers, lists, mappings.
Document = dict[str, Any]


def _card_or_404(owner: str, name: str) -> ModelCard:
    card = queries.find_card(f"{owner}/{name}")
    if card is None:
        raise Http404(f"no model {owner}/{name}")
    return card


def as_json(card: ModelCard, standing: Standing) -> Document:
    """Unknown figures are left out; prices are strings of US dollars."""
    price = card.price
    # What clients read: keys may be added, and none is renamed.
    return {
        "id": card.repo,
        "name": card.name,
        "url": card.get_absolute_url(),
        "task": card.task,
        "status": card.status.public_label,
        "stage": card.stage,
        "callable": standing.availability is Availability.ANSWERS,
        "api_providers": standing.api_providers,
        "successor": card.use_instead and card.use_instead.repo,
        "deprecated_at": card.deprecated_at,
        "shutdown_at": card.shutdown_at,
        "activation": card.activation or None,
        "summary": card.summary,
        "summary_is_generated": card.summary_is_generated,
        "family": card.family,
        "also_known_as": card.known_as.splitlines(),
        "license": _license(card),
        "released": card.released,
        "published": card.published,
        "updated": card.updated,
        "estimated_price": price
        and {
            "usd_per_1k_images": str(price.usd_per_1k_images),
            "basis": price.basis.value,
            "inputs": dict(price.inputs),
            "nano_usd_per_image": price.nano_usd_per_image,
            "nano_usd_per_text_token": price.nano_usd_per_token,
            "nano_usd_per_text": price.nano_usd_per_text,
        },
        "next_price": card.next_price
        and {
            "since": card.next_price_at,
            "nano_usd_per_image": card.next_price.nano_usd_per_image,
            "nano_usd_per_text_token": card.next_price.nano_usd_per_token,
        },
        "ranks": [asdict(rank) | {"text": rank.text} for rank in standing.ranks],
        "facts": {row.field: _fact(card, row) for row in standing.stated(card.provenance.all())},
        "evaluations": [_evaluation(row) for row in card.evaluations.all()],
        "best_for": card.best_for,
        "limits": card.limits,
        "faq": [asdict(row) for row in standing.questions],
        "stages": [
            {"stage": change.stage, "since": change.changed_at, "reason": change.reason}
            for change in card.stage_changes.all()
        ],
        "price_history": [
            {
                "since": change.since,
                "nano_usd_per_image": change.nano_usd_per_image,
                "nano_usd_per_text_token": change.nano_usd_per_token,
                "nano_usd_per_text": change.nano_usd_per_text,
                "basis": change.basis,
                "inputs": change.inputs,
            }
            for change in card.price_changes.all()
        ],
    } | {key: import_string(path)(card) for key, path in settings.MODEL_JSON_SECTIONS.items()}


def _license(card: ModelCard) -> Document:
    """What is stated of the weights' license; `commercial_use` is yes, no or unknown."""
    terms = license_terms.of(card)
    return {
        "id": card.license or None,
        "reported_by_others": card.license_reported or None,
        "conflicting_record": card.license_conflicting or None,
        "commercial_use": terms.commercial_use,
        "sentence": terms.sentence,
        "text": terms.url or None,
        "remarks": list(terms.remarks),
    }


def _fact(card: ModelCard, row: Provenance) -> Document:
    remark = {"remark": row.remark} if row.remark else {}
    return {"value": getattr(card, row.field)} | remark | _origin(row)


def _evaluation(row: Evaluation) -> Document:
    figure = {"dataset": row.dataset, "metric": row.metric, "percent": str(row.value)}
    return figure | {"subject": row.subject, "chance_percent": row.chance} | _origin(row)


def _origin(row: Provenance | Evaluation) -> Document:
    source = {"title": row.source.title, "url": row.source.href(row.card_id)}
    return {"source": source, "read_on": row.read_on}
