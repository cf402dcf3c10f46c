"""Webhooks that fail: for how long, and when to stop."""

import logging
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.core.mail import send_mail
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse

from inference.models import Webhook, WhyDisabled

log = logging.getLogger(__name__)


def note_success(webhook: Webhook) -> None:
    Webhook.objects.filter(pk=webhook.pk, failing_since__isnull=False).update(failing_since=None)


def note_failure(webhook: Webhook, *, status: int | None) -> None:
    """Switch it off if it asks for that (410 Gone), or has failed for days without one success.

    Call it in a transaction: the mail to the owner is queued with the change, or neither is.
    """
    Webhook.objects.filter(pk=webhook.pk, failing_since__isnull=True).update(failing_since=Now())
    if status == HTTPStatus.GONE:
        _switch_off(webhook, WhyDisabled.GONE)
        return
    days = timedelta(days=settings.WEBHOOK_DISABLED_AFTER_DAYS)
    if Webhook.objects.filter(pk=webhook.pk, failing_since__lt=Now() - days).exists():
        _switch_off(webhook, WhyDisabled.FAILING)


def _switch_off(webhook: Webhook, why: WhyDisabled) -> None:
    # Whoever changes the row writes the mail: there is one, however many tries failed at once.
    still_on = Webhook.objects.enabled().filter(pk=webhook.pk)
    if not still_on.update(disabled_at=Now(), disabled_why=why):
        return
    log.warning("webhook switched off why=%s", why)
    context = {
        "webhook": webhook,
        "why": why.label,
        "page": settings.SITE_URL + reverse("webhook", args=[webhook.pk]),
    }
    text = render_to_string("inference/webhooks/switched_off.txt", context)
    send_mail("A webhook of yours is switched off", text, None, [webhook.user.email])
