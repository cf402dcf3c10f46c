"""OpenRouter's dialect: its SDK reads errors whose code is a number, and asks for credit and key.

Its calls themselves are those of /v1. A client that says it is @openrouter/sdk gets errors in its
shape at every address, since it takes any other for a broken answer.
"""

from datetime import UTC
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from starlette.responses import JSONResponse

from accounts import credits
from accounts.models import ApiKey, User
from inference.api import openapi
from inference.api.auth import AnybodyOrCaller, AnyCaller
from inference.api.dialects.dialect import Dialect
from inference.api.errors import ApiError
from inference.api.limits import RateLimit
from inference.api.resources import models
from inference.api.schemas.responses import ModelList
from inference.api.threads import in_thread
from inference.kinds.fields.schema import shown

router = APIRouter(tags=["OpenRouter dialect"])
MICRO = 1_000_000


class Credits(BaseModel):
    """US dollars: all that was ever added, and all that was spent or has ended."""

    total_credits: float
    total_usage: float


class CreditsAnswer(BaseModel):
    model_config = shown({"data": {"total_credits": 1.0, "total_usage": 0.000094}})

    data: Credits


class KeyRateLimit(BaseModel):
    requests: int
    interval: str
    note: str


class FreeRequests(BaseModel):
    """No model is free to call by the day."""

    limit: Literal[0] = 0
    remaining: Literal[0] = 0
    used: Literal[0] = 0


class Key(BaseModel):
    """US dollars. There are no keys of other providers, no organizations and no periods: what the
    SDK wants to read of these is null, empty or zero.
    """

    label: str
    limit: float | None
    limit_remaining: float | None
    limit_reset: None
    usage: float
    is_free_tier: bool
    rate_limit: KeyRateLimit
    expires_at: str | None
    free_model_daily_requests: FreeRequests = FreeRequests()
    is_management_key: Literal[False] = False
    is_provisioning_key: Literal[False] = False
    include_byok_in_limit: Literal[False] = False
    allowed_data_regions: list[str] = []
    byok_usage: Literal[0] = 0
    byok_usage_daily: Literal[0] = 0
    byok_usage_weekly: Literal[0] = 0
    byok_usage_monthly: Literal[0] = 0
    usage_daily: float
    usage_weekly: float
    usage_monthly: float
    creator_user_id: None = None
    organization_id: None = None
    workspace_id: None = None


EXAMPLE_KEY = Key(
    label="gr_live_4fJ2...9xQd",
    limit=None,
    limit_remaining=None,
    limit_reset=None,
    usage=0.000094,
    usage_daily=0.000094,
    usage_weekly=0.000094,
    usage_monthly=0.000094,
    is_free_tier=False,
    rate_limit=KeyRateLimit(requests=60, interval="1m", note="Calls that cost work."),
    expires_at=None,
)


class KeyAnswer(BaseModel):
    model_config = shown({"data": EXAMPLE_KEY.model_dump()})

    data: Key


def write_error(error: ApiError, request_id: str) -> Response:
    metadata = error.metadata | {
        "error_code": error.code,
        "error_type": error.type,
        "param": error.param,
        "request_id": request_id,
    }
    body = {"code": error.status, "message": str(error), "metadata": metadata}
    return JSONResponse({"error": body}, error.status, error.headers)


@router.get("/v1/credits", summary="Credit in total", responses=openapi.answers(CreditsAnswer))
async def show_credits(caller: AnyCaller) -> Response:
    """All credit that was ever added, and what was used of it; the difference is left."""
    return JSONResponse({"data": (await in_thread(_credits, caller.user)).model_dump()})


def _credits(user: User) -> Credits:
    added = credits.added_to(user)
    used = added - credits.available_to(user)
    return Credits(total_credits=added / MICRO, total_usage=used / MICRO)


@router.get("/v1/key", summary="The key of this call", responses=openapi.answers(KeyAnswer))
async def show_key(caller: AnyCaller) -> Response:
    """Its limit, and what it has spent."""
    return JSONResponse({"data": _key(caller.key).model_dump()})


def _key(key: ApiKey) -> Key:
    usage, limit, left = key.spent_micro_usd / MICRO, key.limit_micro_usd, key.left_micro_usd
    return Key(
        label=f"{key.prefix}...{key.last4}",
        limit=None if limit is None else limit / MICRO,
        limit_remaining=None if left is None else left / MICRO,
        limit_reset=None,
        usage=usage,
        # A key of ours has one sum, which is no less than that of any period.
        usage_daily=usage,
        usage_weekly=usage,
        usage_monthly=usage,
        is_free_tier=False,
        rate_limit=_rate_limit(key.user),
        expires_at=key.expires_at.astimezone(UTC).isoformat() if key.expires_at else None,
    )


def _rate_limit(user: User) -> KeyRateLimit:
    calls_of_key, _ = RateLimit.SUBMISSIONS.calls_of(user)
    return KeyRateLimit(
        requests=calls_of_key,
        interval="1m",
        note="Calls that cost work; others are counted apart.",
    )


@router.get(
    "/v1/embeddings/models",
    summary="Models that embed",
    responses=openapi.answers(ModelList),
    openapi_extra=openapi.KEY_IS_OPTIONAL,
)
async def list_embedding_models(caller: AnybodyOrCaller) -> Response:
    """As `/v1/models`: all of them embed."""
    listed: dict[str, Any] = await models.listed(caller, is_all=False)
    return JSONResponse(listed)


DIALECT = Dialect(router=router, bodies=[], user_agent="@openrouter/sdk", error_writer=write_error)
