"""The mail that comes before a key runs out, while there is time to put another in its place."""

import logging
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import ApiKey
from catalog.infrastructure.retention import Budget

log = logging.getLogger(__name__)

MAIL_BEFORE = timedelta(days=7)


def mail_before_expiry(budget: Budget) -> int:
    """Mail the owners of keys that end within a week, each once; how many mails there were."""
    soon = ApiKey.objects.active().filter(
        expires_at__lte=Now() + MAIL_BEFORE, expiry_mailed_at__isnull=True, user__is_active=True
    )
    mailed = 0
    while not budget.is_spent and (key := soon.select_related("user").order_by("pk").first()):
        mailed += _mail(key)
    return mailed


@transaction.atomic
def _mail(key: ApiKey) -> bool:
    unmailed = ApiKey.objects.filter(pk=key.pk, expiry_mailed_at__isnull=True)
    if not unmailed.update(expiry_mailed_at=Now()):
        return False
    context = {
        "key": key,
        "keys_link": f"{settings.SITE_URL}{reverse('api_keys')}",
    }
    EmailMessage(
        subject=f"Your API key “{key.name}” expires on {key.expires_at:%d %B}".replace(" 0", " "),
        body=render_to_string("accounts/mail/key_expires.txt", context),
        to=[key.user.email],
        headers={"X-Idempotency-Key": f"key-expires:{key.pk}"},
    ).send()
    log.info("key expiry mailed id=%s", key.pk)
    return True
