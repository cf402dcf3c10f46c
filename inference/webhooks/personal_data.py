"""What webhooks keep of a person, for them to take along and to be erased."""

from django.db.models.functions import Now

from accounts.models import User
from inference.models import Delivery, Webhook


def export(user: User) -> dict[str, object]:
    # No secret is in it.
    kept = Webhook.objects.of(user.pk).kept()
    told = Delivery.objects.of(user.pk).order_by("-created_at")
    return {
        "webhooks": list(
            kept.values("url", "events", "created_at", "disabled_at", "failing_since")
        ),
        "webhook_deliveries": list(
            told.values("id", "webhook__url", "job_id", "event", "state", "created_at")
        ),
    }


def erase(user: User) -> None:
    # Nothing more is told from now on; the rows go with the person's.
    Webhook.objects.of(user.pk).kept().update(removed_at=Now())
