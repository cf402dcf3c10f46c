"""GET /v1/models: what can be called, and what is planned."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from threading import Lock
from typing import Annotated, Any, Literal

from cachetools import cached
from fastapi import APIRouter, Query, Request, Response
from starlette.responses import JSONResponse

from catalog.models import ModelCard
from catalog.numbers.money import usd_of_nano
from catalog.pricing.batch import BATCH_DISCOUNT_PERCENT
from inference import kinds
from inference.api import openapi
from inference.api.auth import AnybodyOrCaller, Caller
from inference.api.flow import deprecation
from inference.api.request import model_lookup
from inference.api.resources import openrouter_model
from inference.api.schemas.responses import ModelList, ModelObject
from inference.api.threads import in_thread
from inference.models import Worker

router = APIRouter(tags=["models"])
Status = Annotated[
    Literal["callable", "all"], Query(description="`all`: also those that cannot be called yet.")
]


@router.get(
    "/v1/models",
    summary="List models",
    responses=openapi.answers(ModelList, bad_input=True),
    openapi_extra=openapi.KEY_IS_OPTIONAL,
)
async def list_models(caller: AnybodyOrCaller, status: Status = "callable") -> Response:
    """Those that can be called now, on one page. Needs no key."""
    return JSONResponse(await listed(caller, is_all=status == "all"))


async def listed(caller: Caller | None, *, is_all: bool) -> dict[str, Any]:
    """OpenAI's list of models. Whoever has no key gets it as it was a moment ago: nothing counts
    their calls, so that these cost no queries.
    """
    return await in_thread(_list if caller else _list_for_anybody, is_all=is_all)


@router.get(
    "/v1/models/{model:path}",
    summary="Retrieve a model",
    responses=openapi.answers(ModelObject, not_found=True, is_of_model=True),
    openapi_extra=openapi.KEY_IS_OPTIONAL,
)
async def retrieve_model(request: Request, caller: AnybodyOrCaller, model: str) -> Response:
    """Needs no key. By id, bare name or former name, in any capitals; `/` may be written as %2F."""
    body, headers = await in_thread(_retrieve, model)
    return JSONResponse(body, headers=headers)


def _list(*, is_all: bool) -> dict[str, Any]:
    served, revisions = Worker.objects.served_repos(), Worker.objects.revision_by_repo()
    cards: Iterable[ModelCard] = ModelCard.objects.select_related("successor").best_first()
    if not is_all:
        cards = [card for card in cards if is_callable(card, served)]
    data = [describe(card, served, revisions) for card in cards]
    # OpenRouter's SDK wants to know whether there is another page.
    return {"object": "list", "data": data, "links": {"next": None}, "total_count": len(data)}


_list_for_anybody = cached(model_lookup.short_cache(), lock=Lock())(_list)


def _retrieve(name: str) -> tuple[dict[str, Any], dict[str, str]]:
    served, revisions = Worker.objects.served_repos(), Worker.objects.revision_by_repo()
    card = model_lookup.find(name)
    return describe(card, served, revisions), deprecation.headers_of(card)


def is_callable(card: ModelCard, served: set[str]) -> bool:
    return card.status.is_callable and card.is_priced and card.repo in served


def describe(card: ModelCard, served: set[str], revisions: Mapping[str, str]) -> dict[str, Any]:
    # OpenAI's model object; what they have no field for is under `gigarouter`.
    return {
        "id": card.repo,
        "object": "model",
        "created": _created(card),
        "owned_by": card.owner,
        "shutdown_date": _day(card.shutdown_at),
        **openrouter_model.fields_of(card),
        "gigarouter": {
            "status": model_lookup.status_of(card),
            "callable": is_callable(card, served),
            "task": "zero-shot-image-classification",
            "input_modalities": ["text", "image"],
            "output_modalities": [kind.endpoint.tag for kind in kinds.KINDS.values()],
            "embedding_dim": card.embed_dim,
            "activation": card.activation or None,
            "revision": revisions.get(card.repo),
            "page": model_lookup.page_url(card),
            "deprecation_date": _day(card.deprecated_at),
            "shutdown_date": _day(card.shutdown_at),
            "successor": model_lookup.successor_of(card),
            "pricing": _pricing(card),
            "next_pricing": _next_pricing(card),
        },
    }


def _pricing(card: ModelCard) -> dict[str, Any] | None:
    # The stand-in is free. None: there is no price yet.
    price = card.price
    if price is None and not card.is_stand_in:
        return None
    if price is None:
        free = {"image": "0", "text_token": "0", "text": "0", "estimated": False}
        return {"currency": "USD", **free, "batch_discount_percent": BATCH_DISCOUNT_PERCENT}
    is_known = price.is_whole
    return {
        "currency": "USD",
        "image": usd_of_nano(price.nano_usd_per_image),
        "text_token": usd_of_nano(price.nano_usd_per_token) if is_known else None,
        "text": usd_of_nano(price.nano_usd_per_text) if is_known else None,
        "estimated": price.is_estimate,
        "batch_discount_percent": BATCH_DISCOUNT_PERCENT,
    }


def _next_pricing(card: ModelCard) -> dict[str, Any] | None:
    price = card.next_price
    if price is None or card.next_price_at is None:
        return None
    return {
        "currency": "USD",
        "image": usd_of_nano(price.nano_usd_per_image),
        "text_token": usd_of_nano(price.nano_usd_per_token),
        "effective_at": int(card.next_price_at.timestamp()),
    }


def _day(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None


def _created(card: ModelCard) -> int:
    # When the weights were published, else when the card was made.
    if card.published is None:
        return int(card.created_at.timestamp())
    return int(datetime.combine(card.published, time(), UTC).timestamp())
