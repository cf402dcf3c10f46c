"""From a parsed call to a queued job: its idempotency key, its deadline, and who pays."""

import hashlib
import logging
from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from starlette.requests import Request

from accounts import credits
from accounts.models import User
from catalog.numbers.money import usd
from inference import jobs
from inference.api import limits
from inference.api.auth import Caller, suspension_of
from inference.api.errors import Invalid, OutOfCredit, Unauthorized, field_errors
from inference.api.flow import idempotency
from inference.api.request import model_lookup
from inference.api.request.preference import Preference
from inference.api.request_context import context_of
from inference.kinds.request import ParsedRequest
from inference.models import IdempotentCall, Job
from inference.webhooks import endpoints

log = logging.getLogger(__name__)

GRACE_S = 5


def log_retry(request: Request, caller: Caller, fingerprint: str) -> None:
    count = request.headers.get("x-stainless-retry-count", "0")
    if count != "0":
        log.info("client retries key=%s count=%.3s body=%s", caller.key.pk, count, fingerprint[:16])


def claim_key(request: Request, caller: Caller, fingerprint: str) -> IdempotentCall | None:
    """None without an Idempotency-Key; raises ApiError."""
    key = idempotency.key_of(request.headers.get("idempotency-key"))
    if not key:
        return None
    content = f"{request.url.path} {fingerprint}"
    return idempotency.claim(
        caller.user,
        endpoint=request.scope["route"].path,
        key=key,
        fingerprint=hashlib.sha256(content.encode()).hexdigest(),
    )


def name_webhook(caller: Caller, url: str) -> None:
    """Raises ApiError for an address that cannot be called."""
    try:
        endpoints.of_call(caller.key, url)
    except endpoints.InvalidUrl as error:
        raise Invalid(str(error), code="invalid_webhook_url", param="webhook") from error


def submit(
    request: Request,
    caller: Caller,
    parsed: ParsedRequest,
    preference: Preference,
    idempotent_call: IdempotentCall | None,
) -> Job:
    """Queue the job, paid by the caller; raises ApiError."""
    with field_errors():
        job_request = parsed.check()
    if job_request.images:
        context_of(request).images = limits.count_images(caller.user, len(job_request.images))
    job = _submit(
        job_request,
        caller,
        idempotency_key=str(idempotent_call.submission_key) if idempotent_call else "",
        # A worker that comes after the caller has left would work for nobody.
        deadline=jobs.DEADLINE
        if preference.accepts_202
        else timedelta(seconds=preference.wait_s + GRACE_S),
    )
    log.info("call submitted key=%s job=%s", caller.key.pk, job.pk)
    return job


def _keys_url() -> str:
    return f"{settings.SITE_URL}{reverse('api_keys')}"


def _submit(
    job_request: jobs.Request, caller: Caller, *, idempotency_key: str, deadline: timedelta
) -> Job:
    try:
        return jobs.submit(
            job_request,
            requester=caller.requester,
            idempotency_key=idempotency_key,
            payer=caller.user,
            deadline=deadline,
            max_queued=settings.API_QUEUED_JOBS,
        )
    except jobs.NotPriced as error:  # its price was withdrawn since it was looked up
        raise model_lookup.not_priced(job_request.card) from error
    except jobs.TooManyQueued as error:
        raise limits.too_many_queued() from error
    except credits.NotEnoughCredit as error:
        url = f"{settings.SITE_URL}{reverse('add_credit')}"
        raise OutOfCredit(
            f"{error} Add credit: {url}",
            metadata={
                "available": usd(error.available),
                "max_cost": usd(error.wanted),
                "add_credit_url": url,
            },
        ) from error
    except credits.KeyLimitReached as error:
        raise OutOfCredit(
            f"{error} Use another key, or make one with a higher limit: {_keys_url()}",
            code="key_limit_reached",
            metadata={
                "left": usd(error.left),
                "max_cost": usd(error.wanted),
                "keys_url": _keys_url(),
            },
        ) from error
    except credits.KeyEnded as error:
        raise Unauthorized from error
    except credits.AccountSuspended as error:  # since its key was found
        raise suspension_of(User.objects.get(pk=caller.user.pk)) from error
