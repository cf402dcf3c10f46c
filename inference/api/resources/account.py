"""GET /v1/account: credit and keys."""

from typing import Any

from fastapi import APIRouter, Response
from starlette.responses import JSONResponse

from accounts import credits
from accounts.models import ApiKey, User
from catalog.numbers.money import usd
from inference.api import openapi
from inference.api.auth import AnyCaller
from inference.api.schemas.responses import Account
from inference.api.threads import in_thread

router = APIRouter(tags=["account"])


@router.get("/v1/account", summary="Credit and keys", responses=openapi.answers(Account))
async def show_account(caller: AnyCaller) -> Response:
    """What is left, what running jobs hold, and what each living key has spent; a key with a limit
    sees itself alone.
    """
    return JSONResponse(await in_thread(_describe, caller.user, caller.key))


def _describe(user: User, key: ApiKey) -> dict[str, Any]:
    balance = credits.balance_of(user)
    keys = ApiKey.objects.of(user.pk).active().order_by("pk")
    # A key is limited to be handed on, to a colleague or into a browser.
    if key.limit_micro_usd is not None:
        keys = keys.filter(pk=key.pk)
    return {
        "object": "account",
        "available": usd(balance.available),
        "held": usd(balance.held),
        "keys": [_key(key) for key in keys],
    }


def _key(key: ApiKey) -> dict[str, Any]:
    remaining = key.left_micro_usd
    return {
        "id": key.pk,
        "name": key.name,
        "begins_with": key.prefix,
        "ends_with": key.last4,
        "spent": usd(key.spent_micro_usd),
        "held": usd(key.held_micro_usd),
        "limit": None if key.limit_micro_usd is None else usd(key.limit_micro_usd),
        "left": None if remaining is None else usd(remaining),
        "expires_at": int(key.expires_at.timestamp()) if key.expires_at else None,
    }
