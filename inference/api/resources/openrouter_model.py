"""What OpenRouter's SDK reads of a model, in its words."""

from decimal import Decimal
from typing import Any

from catalog.models import ModelCard
from catalog.numbers.money import usd
from inference.api.request import model_lookup

# A text's price is that of reading so many tokens (catalog.pricing).
TOKENS_PER_TEXT = 77


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
    image = price.micro_usd_per_image if price else 0
    text = price.micro_usd_per_label if price and price.is_whole else 0
    per_token = Decimal(text) / TOKENS_PER_TEXT / 10**6
    return {
        "prompt": f"{per_token:.12f}".rstrip("0").rstrip("."),
        "completion": "0",
        "image": usd(image),
    }
