"""JSON-LD for search engines (schema.org): what a model page already shows, and nothing else."""

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from catalog.models import ModelCard, Stage
from catalog.pricing import Price
from catalog.standing.questions import Answered
from catalog.standing.serving import Availability

CONTEXT = "https://schema.org"
# Only what is open to calls is offered.
STOCK = {Availability.ANSWERS: "InStock", Availability.NO_WORKER: "OutOfStock"}
SOLD = (Stage.LIVE, Stage.DEPRECATED)
IMAGES = 1000
# As Django's json_script: inside a script element these would end it or begin another.
ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}

# JSON's own kinds of value.
Thing = dict[str, Any]


def of_model(
    request: HttpRequest,
    card: ModelCard,
    questions: Iterable[Answered],
    *,
    availability: Availability,
) -> SafeString:
    """The breadcrumb and the questions of a model page, ready to stand in a script element."""
    things = [_breadcrumb(request, card)]
    if faq := [_question(question) for question in questions]:
        things.append({"@context": CONTEXT, "@type": "FAQPage", "mainEntity": faq})
    # No Product before it is live: an estimate is not an offer.
    if card.status in SOLD and card.price and not card.price.is_estimate:
        things.append(_product(request, card, card.price, availability))
    return mark_safe(json.dumps(things).translate(ESCAPES))  # noqa: S308  escaped just here


def _product(
    request: HttpRequest, card: ModelCard, price: Price, availability: Availability
) -> Thing:
    # What is sold is inference by this model.
    unit = {"@type": "QuantitativeValue", "value": IMAGES, "unitText": "images"}
    usd = str(price.usd_per_1k_images)
    offer = {
        "@type": "Offer",
        "url": request.build_absolute_uri(card.get_absolute_url()),
        "price": usd,
        "priceCurrency": "USD",
        "availability": f"{CONTEXT}/{STOCK[availability]}",
        "priceSpecification": {
            "@type": "UnitPriceSpecification",
            "price": usd,
            "priceCurrency": "USD",
            "referenceQuantity": unit,
        },
    }
    return {
        "@context": CONTEXT,
        "@type": "Product",
        "name": card.name,
        "description": card.summary,
        "offers": offer,
    }


def _breadcrumb(request: HttpRequest, card: ModelCard) -> Thing:
    steps = [
        ("models", reverse("models")),
        (card.get_task_display(), reverse("task", args=[card.task])),
        (card.name, card.get_absolute_url()),
    ]
    items = [
        {
            "@type": "ListItem",
            "position": position,
            "name": name,
            "item": request.build_absolute_uri(address),
        }
        for position, (name, address) in enumerate(steps, start=1)
    ]
    return {"@context": CONTEXT, "@type": "BreadcrumbList", "itemListElement": items}


def _question(row: Answered) -> Thing:
    answer = {"@type": "Answer", "text": row.answer}
    return {"@type": "Question", "name": row.question, "acceptedAnswer": answer}
