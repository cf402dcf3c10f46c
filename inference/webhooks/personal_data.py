"""What webhooks hold of a person, to export and to erase."""

from django.db.models.functions import Now

from accounts.models import Erasure, User
from catalog.admin.audited import scrub_rows
from catalog.infrastructure.retention import delete_some
from inference.models import Delivery, Webhook


def export(user: User) -> dict[str, object]:
    webhooks = Webhook.objects.of(user.pk).not_removed()
    deliveries = Delivery.objects.of(user.pk).order_by("-created_at")
    return {
        # Without their secrets: a file that lies about must not let anybody sign in our name.
        "webhooks": list(
            webhooks.values("url", "events", "created_at", "disabled_at", "failing_since")
        ),
        "webhook_deliveries": list(
            deliveries.values("id", "webhook__url", "job_id", "event", "state", "created_at")
        ),
    }


def close(user: User) -> list[str]:
    # Removed first, so that jobs which end by the erasure are not delivered.
    scrub_rows(Webhook.objects.of(user.pk))
    Webhook.objects.of(user.pk).not_removed().update(removed_at=Now())
    return []


def erase(erasure: Erasure, limit: int) -> int:
    # The webhooks themselves go with the person's row, once nothing hangs on them.
    return delete_some(Delivery.objects.filter(webhook__user=erasure.user_id), limit)
