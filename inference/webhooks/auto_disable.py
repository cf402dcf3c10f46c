"""Disables webhooks that have failed for days, and writes to their owners."""

import logging
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.core.mail import send_mail
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse

from inference.models import DisabledReason, Webhook

log = logging.getLogger(__name__)


def note_success(webhook: Webhook) -> None:
    Webhook.objects.filter(pk=webhook.pk, failing_since__isnull=False).update(failing_since=None)


def note_failure(webhook: Webhook, *, status: int | None) -> None:
    """Disable it if it asks for that (410 Gone), or has failed for days without one success.

    Call it in a transaction: the mail to the owner is queued with the change, or neither is.
    """
    Webhook.objects.filter(pk=webhook.pk, failing_since__isnull=True).update(failing_since=Now())
    if status == HTTPStatus.GONE:
        _disable(webhook, DisabledReason.GONE)
        return
    days = timedelta(days=settings.WEBHOOK_DISABLED_AFTER_DAYS)
    if Webhook.objects.filter(pk=webhook.pk, failing_since__lt=Now() - days).exists():
        _disable(webhook, DisabledReason.FAILING)


def _disable(webhook: Webhook, reason: DisabledReason) -> None:
    enabled = Webhook.objects.enabled().filter(pk=webhook.pk)
    # Only who changes the row writes the mail: there is one, however many attempts fail at once.
    if not enabled.update(disabled_at=Now(), disabled_reason=reason):
        return
    log.warning("webhook disabled reason=%s", reason)
    context = {
        "webhook": webhook,
        "reason": reason.label,
        "page": settings.SITE_URL + reverse("webhook", args=[webhook.pk]),
    }
    text = render_to_string("inference/webhooks/switched_off.txt", context)
    send_mail("A webhook of yours is switched off", text, None, [webhook.user.email])
