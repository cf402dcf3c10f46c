"""/privacy/, /terms/ and /contact/: their figures are those that the code goes by.

An operator whose site needs other words puts templates of the same names into
`SITE_TEMPLATES_DIR`.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import lifecycle
from catalog.demand.waitlist.operations import PURGE_UNCONFIRMED_AFTER
from catalog.limits import known_browsers
from catalog.mail import sending as mail
from catalog.page_cache import cache_for_anonymous
from inference.batches import lifecycle as batches
from inference.webhooks import sending as webhooks


@require_safe
@cache_for_anonymous
def privacy(request: HttpRequest) -> HttpResponse:
    kept = {
        "result_hours": settings.PLAYGROUND_KEEP_HOURS,
        "record_days": max(settings.JOB_RECORD_DAYS, 0),
        "mail_days": mail.KEEP_FOR.days,
        "file_days": settings.BATCH_FILE_DAYS,
        "batch_days": batches.KEPT_FOR.days,
        "delivery_days": webhooks.KEEP_FOR.days,
        "unconfirmed_account_days": lifecycle.UNCONFIRMED_KEPT_FOR.days,
        "unconfirmed_waitlist_days": PURGE_UNCONFIRMED_AFTER.days,
        "known_browser_days": known_browsers.LIFETIME.days,
    }
    return render(request, "inference/policies/privacy.html", kept | _operator())


@require_safe
@cache_for_anonymous
def terms(request: HttpRequest) -> HttpResponse:
    figures = {
        "free_credit_micro_usd": settings.FREE_CREDIT_MICRO_USD,
        "welcome_credit_days": settings.WELCOME_CREDIT_DAYS,
    }
    return render(request, "inference/policies/terms.html", figures | _operator())


@require_safe
@cache_for_anonymous
def contact(request: HttpRequest) -> HttpResponse:
    security = settings.SECURITY_CONTACT.removeprefix("mailto:")
    is_page = security.startswith("https://")
    context = {"security_contact": security, "is_security_page": is_page}
    return render(request, "inference/policies/contact.html", context | _operator())


def _operator() -> dict[str, str]:
    return {
        "operator": settings.OPERATOR_NAME,
        "operator_address": settings.OPERATOR_ADDRESS,
        "contact_email": settings.CONTACT_EMAIL,
    }
