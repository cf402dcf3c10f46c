"""Who asks: a key in the Authorization header, and nothing else."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from accounts import keys
from accounts.models import ApiKey, User
from inference import jobs
from inference.api import limits
from inference.api.errors import Unauthorized
from inference.api.middleware import context_of
from inference.api.threads import in_thread

_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key, as in `Bearer gr_live_...`."
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


@dataclass(frozen=True)
class Caller:
    """A person, and the key by which they call."""

    user: User
    key: ApiKey

    @property
    def requester(self) -> jobs.Requester:
        return jobs.Requester(self.user.pk, None, self.key)


async def caller_of(request: Request, bearer: Bearer) -> Caller:
    """The gate of routes that cost no work. Raises Unauthorized and TooMany."""
    return await _known(request, bearer, limits.Calls.OTHERS)


async def submitter_of(request: Request, bearer: Bearer) -> Caller:
    """The gate of routes that cost work; the body is not read before it is passed."""
    return await _known(request, bearer, limits.Calls.SUBMITS)


async def _known(request: Request, bearer: Bearer, calls: limits.Calls) -> Caller:
    secret = bearer.credentials if bearer else ""
    context = context_of(request)
    context.calls = calls

    def find_and_count() -> ApiKey | None:
        key = keys.find(secret)
        if key:
            context.user, context.key = key.user, key  # a refusal shows the limits, too
            context.window = limits.take_turn(key, calls)
        return key

    # A typing mistake costs neither a thread nor a query.
    key = await in_thread(find_and_count) if keys.is_well_formed(secret) else None
    if key is None:
        raise Unauthorized
    return Caller(key.user, key)


Known = Annotated[Caller, Depends(caller_of)]
Submitter = Annotated[Caller, Depends(submitter_of)]
