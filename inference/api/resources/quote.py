"""POST /v1/quote: what a call would cost, before it is made. Nothing is charged, queued or fetched.

The model's tokenizer is with the workers, and so is what they remember of an account's texts. So a
quote is a range: from what is charged if every text was sent before, to what would be held.
"""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field
from starlette.responses import JSONResponse

from accounts import credits
from catalog.models import ModelCard, Stage
from catalog.numbers.money import usd, usd_of_nano
from catalog.pricing import Basis, Price, batch
from inference import kinds
from inference.api import openapi
from inference.api.auth import Caller, SubmittingCaller
from inference.api.errors import Invalid, field_errors
from inference.api.flow import deprecation
from inference.api.request import model_lookup, reader
from inference.api.resources.models import is_callable
from inference.api.schemas.responses import Quote
from inference.api.threads import in_thread
from inference.kinds.fields.schema import Body
from inference.kinds.kind import Endpoint
from inference.kinds.request import ParsedRequest
from inference.models import Worker

router = APIRouter(tags=["account"])
FREE = Price(0, 0, Basis.LAUNCH, {})


class QuoteBody(Body):
    """The body of the call, and where it would be sent."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "endpoint": "/v1/classify",
                    "model": "gigarouter/conse-demo",
                    "input": [{"image": "https://example.com/cat.jpg"}],
                    "labels": ["a cat", "a dog"],
                }
            ]
        },
    )

    endpoint: str | None = Field(
        default=None,
        max_length=100,
        description="`/v1/classify`, for example. Absent: what the other fields are for, else"
        " `/v1/embeddings`.",
    )


@router.post(
    "/v1/quote",
    summary="Quote a call",
    description=(
        "What a call would cost: send its body here. Nothing is charged, and pictures behind URLs"
        " are counted, not fetched. A call is never charged more than `max_cost`. Quotes count"
        " against the same rate as calls."
    ),
    responses=openapi.answers(Quote, bad_input=True, not_found=True, is_of_model=True)
    | openapi.errors(408, 410, 413, 415),
    openapi_extra=openapi.body(QuoteBody),
)
async def quote(request: Request, caller: SubmittingCaller) -> Response:
    raw_body = await reader.read_json(request, QuoteBody)
    body, headers = await in_thread(_quote, raw_body, caller)
    return JSONResponse(body, headers=headers)


def _quote(
    raw_body: reader.RawBody[QuoteBody], caller: Caller
) -> tuple[dict[str, Any], dict[str, str]]:
    body, _ = raw_body.parse()
    fields = body.model_extra or {}
    endpoint = _endpoint_of(body.endpoint, fields)
    call = reader.validate(fields, endpoint.body)
    card = _find_priced(getattr(call, "model", ""))
    with field_errors():
        parsed = endpoint.parse(call, card)
        # What has to be fetched is only counted; all else is refused where the call would be.
        if not parsed.has_urls:
            parsed.check()
    return _describe(parsed, endpoint, caller), deprecation.headers_of(card)


def _endpoint_of(path: str | None, fields: dict[str, Any]) -> Endpoint:
    endpoints = [kind.endpoint for kind in kinds.KINDS.values()]
    if path is not None:
        for endpoint in endpoints:
            if path in (endpoint.path, *endpoint.aliases):
                return endpoint
        known = ", ".join(endpoint.path for endpoint in endpoints)
        raise Invalid(f"There are no quotes for {path[:100]}: take {known}.", param="endpoint")
    marked = (endpoint for endpoint in endpoints if endpoint.own_fields & fields.keys())
    return next(marked, endpoints[0])


def _find_priced(name: str) -> ModelCard:
    """Of models that are not live yet, too: their prices are estimates. Raises ApiError."""
    card = model_lookup.find(name)
    if card.status == Stage.RETIRED:
        return model_lookup.find_callable(name)  # which says what to use instead
    if not card.is_priced:
        raise model_lookup.not_priced(card)
    return card


def _describe(request: ParsedRequest, endpoint: Endpoint, caller: Caller) -> dict[str, Any]:
    card, price = request.card, request.card.price or FREE
    most = request.max_cost(price)
    available = credits.available_to(caller.user)
    left = caller.key.left_micro_usd
    return {
        "object": "quote",
        "endpoint": endpoint.path,
        "model": card.repo,
        "callable": is_callable(card, Worker.objects.served_repos()),
        "currency": "USD",
        "images": request.image_count,
        "texts": request.text_count,
        "max_text_tokens": request.max_tokens,
        "unit_prices": {
            "image": usd_of_nano(price.nano_usd_per_image),
            "text_token": usd_of_nano(price.nano_usd_per_token),
            "text": usd_of_nano(price.nano_usd_per_text),
        },
        "estimated": price.is_estimate,
        "min_cost": usd(price.micro_usd_for(images=request.image_count)),
        "max_cost": usd(most),
        "max_cost_in_batch": usd(batch.discounted(most)),
        "available": usd(available),
        "covered": most <= (available if left is None else min(available, left)),
    }
