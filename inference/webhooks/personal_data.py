"""What webhooks hold of a person, to export and to erase."""

from django.db.models.functions import Now

from accounts.models import User
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


def erase(user: User) -> None:
    # Removed first, so that jobs which end by the erasure are not delivered; the rows go with the
    # person's.
    Webhook.objects.of(user.pk).not_removed().update(removed_at=Now())
