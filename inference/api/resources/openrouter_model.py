"""What OpenRouter's SDK reads of a model, in its words."""

from typing import Any

from catalog.models import ModelCard
from catalog.numbers.money import usd_of_nano
from inference.api.request import model_lookup


def fields_of(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "canonical_slug": card.repo,
        "hugging_face_id": None if card.is_stand_in else card.repo,
        "description": card.summary,
        "context_length": card.context_length,
        "architecture": {
            "modality": "text+image->embeddings",
            "input_modalities": ["text", "image"],
            "output_modalities": ["embeddings", "rerank"],
        },
        "pricing": _pricing(card),
        "top_provider": {
            "context_length": card.context_length,
            "max_completion_tokens": None,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": [],
        "supported_voices": None,
        "default_parameters": None,
        "links": {"details": model_lookup.page_url(card)},
    }


def _pricing(card: ModelCard) -> dict[str, str]:
    # Where no price is known, `gigarouter.pricing` says so; these must be strings.
    price = card.price
    image = price.nano_usd_per_image if price else 0
    token = price.nano_usd_per_token if price else 0
    if price and price.nano_usd_per_text:
        # The price of a text, spread over as many tokens as it may have.
        token = price.nano_usd_per_text // card.most_tokens
    return {"prompt": usd_of_nano(token), "completion": "0", "image": usd_of_nano(image)}
