"""/v1/webhooks: what the account's page of webhooks does, for programs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from accounts.models import User
from catalog.limits import take
from inference import kinds
from inference.api import openapi
from inference.api.auth import AnyCaller
from inference.api.errors import NO_RETRY, Conflict, Invalid, NotFound, TooMany
from inference.api.request import reader
from inference.api.request.reader import RawBody
from inference.api.threads import in_thread
from inference.kinds.fields.schema import Body, shown
from inference.models import Event, Webhook
from inference.webhooks import endpoints, signing_secrets
from inference.webhooks.endpoints import MAX_WEBHOOKS

router = APIRouter(tags=["webhooks"])
WebhookId = Annotated[int, Path(ge=1, le=2**31 - 1, description="A webhook's number.")]
# Not strict: the body is read as JSON before it is checked, and a strict enum takes members only.
Events = Annotated[
    list[Annotated[Event, Field(strict=False)]],
    Field(min_length=1, max_length=20, description="What it is called for."),
]
TESTS_PER_HOUR = 120

# Any: JSON's own types.
Json = dict[str, Any]


EXAMPLE: Json = {
    "id": 12,
    "object": "webhook",
    "url": "https://example.com/gigarouter",
    "events": ["job.succeeded", "job.failed"],
    "enabled": True,
    "disabled_reason": None,
    "failing_since": None,
    "created_at": 1796038205,
    "secret": None,
}


class WebhookObject(BaseModel):
    model_config = shown(EXAMPLE)

    id: int
    object: Literal["webhook"]
    url: str
    events: list[str]
    enabled: bool
    disabled_reason: Literal["owner", "failing", "gone"] | None
    failing_since: int | None
    created_at: int
    secret: str | None = Field(
        description="Signs deliveries, as Standard Webhooks has it. Only shown when it is new."
    )


class WebhookList(BaseModel):
    model_config = shown({"object": "list", "data": [EXAMPLE]})

    object: Literal["list"]
    data: list[WebhookObject]


class DeletedWebhook(BaseModel):
    model_config = shown({"id": 12, "object": "webhook", "deleted": True})

    id: int
    object: Literal["webhook"]
    deleted: bool


class DeliveryObject(BaseModel):
    model_config = shown(
        {
            "id": "msg_4f1d2c3b5a69788796a5b4c3d2e1f00f",
            "object": "webhook.delivery",
            "event": "webhook.test",
        }
    )

    id: str = Field(description="The `webhook-id` of its header.")
    object: Literal["webhook.delivery"]
    event: str


class CallSecret(BaseModel):
    model_config = shown({"object": "webhook.secret", "secret": "whsec_..."})

    object: Literal["webhook.secret"]
    secret: str


class NewWebhookBody(Body):
    """Where to call, and for what."""

    model_config = shown(
        {"url": "https://example.com/gigarouter", "events": ["job.succeeded", "job.failed"]}
    )

    url: str = Field(max_length=2048, examples=["https://example.com/gigarouter"])
    events: Events | None = Field(default=None, description="Absent: all of them.")


class WebhookChangesBody(Body):
    """What is left out stays as it is."""

    model_config = shown({"enabled": False})

    events: Events | None = None
    enabled: bool | None = None


BODIES: list[type[BaseModel]] = [NewWebhookBody, WebhookChangesBody]


@router.get("/v1/webhooks", summary="List webhooks", responses=openapi.answers(WebhookList))
async def list_webhooks(caller: AnyCaller) -> Response:
    """The account's webhooks, without their secrets."""
    return JSONResponse(await in_thread(_list, caller.user))


@router.post(
    "/v1/webhooks",
    summary="Add a webhook",
    responses=openapi.answers(WebhookObject, bad_input=True) | openapi.errors(408, 409, 413, 415),
    openapi_extra=openapi.body(NewWebhookBody),
)
async def add_webhook(request: Request, caller: AnyCaller) -> Response:
    """Its secret is in this answer, and in no other."""
    raw_body = await reader.read_json(request, NewWebhookBody)
    return JSONResponse(await in_thread(_add, caller.user, raw_body))


@router.get(
    "/v1/webhooks/secret",
    summary="Secret of this key's calls",
    responses=openapi.answers(CallSecret),
)
async def show_secret(caller: AnyCaller) -> Response:
    """Signs deliveries to the `webhook` that a call of this API key has named."""
    secret = signing_secrets.of_key(caller.key.pk)
    return JSONResponse({"object": "webhook.secret", "secret": secret})


@router.get(
    "/v1/webhooks/{webhook_id:int}",
    summary="Retrieve a webhook",
    responses=openapi.answers(WebhookObject, bad_input=True, not_found=True, noun="webhook"),
)
async def retrieve_webhook(caller: AnyCaller, webhook_id: WebhookId) -> Response:
    """Whether it is enabled, and since when it fails."""
    return JSONResponse(await in_thread(lambda: describe(_get(caller.user, webhook_id))))


@router.post(
    "/v1/webhooks/{webhook_id:int}",
    summary="Change a webhook",
    responses=openapi.answers(WebhookObject, bad_input=True, not_found=True, noun="webhook")
    | openapi.errors(408, 413, 415),
    openapi_extra=openapi.body(WebhookChangesBody),
)
async def change_webhook(request: Request, caller: AnyCaller, webhook_id: WebhookId) -> Response:
    """Other events, or off and on again."""
    raw_body = await reader.read_json(request, WebhookChangesBody)
    return JSONResponse(await in_thread(_change, caller.user, webhook_id, raw_body))


@router.delete(
    "/v1/webhooks/{webhook_id:int}",
    summary="Remove a webhook",
    responses=openapi.answers(DeletedWebhook, bad_input=True, not_found=True, noun="webhook"),
)
async def remove_webhook(caller: AnyCaller, webhook_id: WebhookId) -> Response:
    """Nothing is sent to it any more."""
    return JSONResponse(await in_thread(_remove, caller.user, webhook_id))


@router.post(
    "/v1/webhooks/{webhook_id:int}/test",
    summary="Send a test event",
    responses=openapi.answers(DeliveryObject, bad_input=True, not_found=True, noun="webhook")
    | openapi.errors(409),
)
async def test_webhook(caller: AnyCaller, webhook_id: WebhookId) -> Response:
    """Sends `webhook.test`, signed and tried again like any other event."""
    return JSONResponse(await in_thread(_test, caller.user, webhook_id))


@router.post(
    "/v1/webhooks/{webhook_id:int}/rotate",
    summary="Make a new secret",
    responses=openapi.answers(WebhookObject, bad_input=True, not_found=True, noun="webhook"),
)
async def rotate_secret(caller: AnyCaller, webhook_id: WebhookId) -> Response:
    """For a day deliveries are signed with the old one, too."""
    return JSONResponse(await in_thread(_rotate, caller.user, webhook_id))


def describe(webhook: Webhook, *, secret: str | None = None) -> Json:
    return {
        "id": webhook.pk,
        "object": "webhook",
        "url": webhook.url,
        "events": webhook.events,
        "enabled": webhook.is_enabled,
        "disabled_reason": webhook.disabled_reason or None,
        "failing_since": _seconds(webhook.failing_since),
        "created_at": _seconds(webhook.created_at),
        "secret": secret,
    }


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


def _list(user: User) -> Json:
    webhooks = Webhook.objects.of(user.pk).standing().order_by("pk")
    return {"object": "list", "data": [describe(webhook) for webhook in webhooks[:MAX_WEBHOOKS]]}


def _add(user: User, raw_body: RawBody[NewWebhookBody]) -> Json:
    body, _ = raw_body.parse()
    events = body.events or Event.values
    try:
        webhook, secret = endpoints.add(user, url=body.url, events=events)
    except endpoints.InvalidUrl as refusal:
        raise Invalid(str(refusal), code="invalid_webhook_url", param="url") from refusal
    except endpoints.NotAdded as refusal:
        raise Conflict(str(refusal), code="webhook_not_added", headers=NO_RETRY) from refusal
    webhook.refresh_from_db()
    return describe(webhook, secret=secret)


def _get(user: User, webhook_id: int) -> Webhook:
    # The gate: somebody else's webhook does not exist.
    webhook = Webhook.objects.of(user.pk).standing().filter(pk=webhook_id).first()
    if webhook is None:
        raise NotFound("There is no such webhook.", code="webhook_not_found", param="webhook_id")
    return webhook


def _change(user: User, webhook_id: int, raw_body: RawBody[WebhookChangesBody]) -> Json:
    body, _ = raw_body.parse()
    webhook = _get(user, webhook_id)
    if body.events is not None:
        endpoints.change_events(webhook, body.events)
    if body.enabled is not None:
        switch = endpoints.switch_on if body.enabled else endpoints.switch_off
        switch(webhook)
    return describe(_get(user, webhook_id))


def _remove(user: User, webhook_id: int) -> Json:
    webhook = _get(user, webhook_id)
    endpoints.remove(webhook)
    return {"id": webhook.pk, "object": "webhook", "deleted": True}


def _test(user: User, webhook_id: int) -> Json:
    webhook = _get(user, webhook_id)
    if not take(f"webhooks:test:{user.pk}", TESTS_PER_HOUR):
        raise TooMany(
            f"{TESTS_PER_HOUR} test events an hour are the most.", headers={"Retry-After": "3600"}
        )
    delivery = endpoints.send_test(webhook, kind=kinds.EXAMPLE)
    if delivery is None:
        raise Conflict(
            "The webhook is off: switch it on first, with `enabled: true`.",
            code="webhook_disabled",
            headers=NO_RETRY,
        )
    return {
        "id": delivery.message_id,
        "object": "webhook.delivery",
        "event": delivery.event,
    }


def _rotate(user: User, webhook_id: int) -> Json:
    webhook = _get(user, webhook_id)
    return describe(webhook, secret=endpoints.rotate(webhook))
