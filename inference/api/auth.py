"""Authentication: a key in the Authorization header, and nothing else."""

from dataclasses import dataclass
from typing import Annotated

from django.conf import settings
from django.urls import reverse
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from accounts import keys
from accounts.models import ApiKey, User
from inference import jobs
from inference.api import limits, shares
from inference.api.errors import AccountSuspended, KeyExpired, Unauthorized
from inference.api.limits import RateLimit
from inference.api.request_context import context_of
from inference.api.threads import in_thread

_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key, as in `Bearer gr_live_...`."
)
ANYBODY = 0
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


@dataclass(frozen=True)
class Caller:
    user: User
    key: ApiKey

    @property
    def requester(self) -> jobs.Requester:
        return jobs.Requester(self.user.pk, None, self.key)


async def authenticate(request: Request, bearer: Bearer) -> Caller:
    return await _authenticate(request, bearer, RateLimit.OTHERS)


async def authenticate_submission(request: Request, bearer: Bearer) -> Caller:
    # Routes that cost work. They depend on it so that the body is not read before it has passed.
    return await _authenticate(request, bearer, RateLimit.SUBMISSIONS)


async def _authenticate(request: Request, bearer: Bearer, limit: RateLimit) -> Caller:
    secret = bearer.credentials if bearer else ""
    context = context_of(request)
    context.rate_limit = limit

    def find_key_and_count() -> ApiKey | None:
        key = keys.find(secret)
        if key is None and (expired := keys.find_expired(secret)):
            raise _expired(expired)
        if key is None and (suspended := keys.find_suspended(secret)):
            raise suspension_of(suspended.user)
        if key:
            # Before counting: the headers of a refusal show the caller's limits, too.
            context.user, context.key = key.user, key
            context.window = limits.count_call(key, limit)
        return key

    # A typing mistake costs neither a thread nor a query.
    key = await in_thread(find_key_and_count) if keys.is_well_formed(secret) else None
    if key is None:
        raise Unauthorized
    context.share = shares.enter(key.user.pk)
    if limit is RateLimit.SUBMISSIONS:
        own = key.user.max_calls_in_flight
        context.share.take_call(
            key.pk,
            max_calls=own or settings.API_CALLS_IN_FLIGHT,
            max_calls_of_account=own or settings.API_CALLS_IN_FLIGHT_ACCOUNT,
        )
    return Caller(key.user, key)


def suspension_of(user: User) -> AccountSuspended:
    page = f"{settings.SITE_URL}{reverse('contact')}"
    return AccountSuspended(reason=user.suspension_reason, page=page)


def _expired(key: ApiKey) -> KeyExpired:
    day = f"{key.expires_at:%d %B %Y}".lstrip("0")
    return KeyExpired(name=key.name, day=day, page=f"{settings.SITE_URL}{reverse('api_keys')}")


async def authenticate_if_known(request: Request, bearer: Bearer) -> Caller | None:
    # Without a header anybody may read; a key that is not valid is worth telling its owner.
    context_of(request).rate_limit = RateLimit.OTHERS
    if "authorization" not in request.headers:
        context_of(request).share = shares.enter(ANYBODY)  # all of them are one account
        return None
    return await authenticate(request, bearer)


# What a route declares as the type of its `caller`.
AnyCaller = Annotated[Caller, Depends(authenticate)]
AnybodyOrCaller = Annotated[Caller | None, Depends(authenticate_if_known)]
SubmittingCaller = Annotated[Caller, Depends(authenticate_submission)]
