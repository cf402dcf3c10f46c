"""Who asks: a key in the Authorization header, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from accounts import keys
from accounts.models import ApiKey, User
from inference import jobs
from inference.api import limits
from inference.api.envelope import facts_of
from inference.api.errors import Unauthorized
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
    def asker(self) -> jobs.Asker:
        return jobs.Asker(self.user.pk, None, self.key)


async def caller_of(request: Request, bearer: Bearer) -> Caller:
    """The gate of every route; the body is not read before it is passed. Raises Unauthorized."""
    return await _known(request, bearer, keys.find)


async def submitter_of(request: Request, bearer: Bearer) -> Caller:
    """The gate of routes that cost work: it counts. Raises TooMany, too."""
    facts = facts_of(request)

    def find_and_count(secret: str) -> ApiKey | None:
        key = keys.find(secret)
        if key:
            facts.user, facts.key = key.user, key  # a refusal shows the limits, too
            facts.window = limits.take_turn(key)
        return key

    return await _known(request, bearer, find_and_count)


async def _known(request: Request, bearer: Bearer, find: Callable[[str], ApiKey | None]) -> Caller:
    secret = bearer.credentials if bearer else ""
    # A typing mistake costs neither a thread nor a query.
    key = await in_thread(find, secret) if keys.is_well_formed(secret) else None
    if key is None:
        raise Unauthorized
    facts = facts_of(request)
    facts.user, facts.key = key.user, key
    return Caller(key.user, key)


Known = Annotated[Caller, Depends(caller_of)]
Submitter = Annotated[Caller, Depends(submitter_of)]
