"""Who sends the playground's forms: a person, or a session that is known by a random id."""

import secrets
import uuid

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from inference import jobs


def requester_of(request: HttpRequest, *, is_new: bool = False) -> jobs.Requester:
    """Anonymous visitors are known by a random id in the session; `is_new` makes a missing one."""
    if is_new and "visitor" not in request.session:
        request.session["visitor"] = str(_new_visitor(request))
    visitor = request.session.get("visitor")
    return jobs.Requester(
        user_id=request.user.pk if request.user.is_authenticated else None,
        visitor=uuid.UUID(visitor) if visitor else None,
    )


def _new_visitor(request: HttpRequest) -> uuid.UUID:
    """The same for all tabs of a browser: each may send its first form before any has a session,
    the session cookie that comes last replaces the others, and each job must stay theirs.

    What tabs have in common by then is the random cookie that came with the form.
    """
    secret = request.META.get("CSRF_COOKIE") or secrets.token_hex()
    digest = salted_hmac("inference.playground.visitor", secret, algorithm="sha256").digest()
    return uuid.UUID(bytes=digest[:16], version=4)
