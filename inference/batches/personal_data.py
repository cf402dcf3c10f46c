"""What batches and files hold of a person, to export and to erase."""

from django.db import transaction

from accounts import credits
from accounts.models import Erasure, User
from catalog.infrastructure.retention import delete_some
from inference.batches import files, lifecycle
from inference.models import ApiFile, Batch, BatchPart


def export(user: User) -> dict[str, object]:
    """Rows only: the files have addresses of their own, and may be hundreds of megabytes."""
    batches = Batch.objects.of(user.pk).order_by("created_at", "pk")
    own_files = ApiFile.objects.of(user.pk).order_by("created_at", "pk")
    return {
        "batches": list(
            batches.values(
                "id",
                "endpoint",
                "status",
                "metadata",
                "input_name",
                "input_file_id",
                "line_count",
                "completed_lines",
                "failed_lines",
                "charged_micro_usd",
                "key__prefix",
                "created_at",
                "ended_at",
            )
        ),
        "files": list(
            own_files.values("id", "name", "purpose", "size_bytes", "created_at", "expires_at")
        ),
    }


def close(user: User) -> list[str]:
    # Nothing new is run from now on; the rest goes slice by slice.
    for batch in Batch.objects.of(user.pk).open():
        lifecycle.cancel(batch)
    return []


@transaction.atomic
def erase(erasure: Erasure, limit: int) -> int:
    """After the jobs of the batches, which have a step of their own (inference.personal_data)."""
    user_id = erasure.user_id
    parts = list(BatchPart.objects.filter(batch__owner=user_id).order_by("pk")[:limit])
    BatchPart.objects.filter(pk__in=[part.pk for part in parts]).delete()
    credits.release_many([part.hold_reference for part in parts])
    if parts:
        return len(parts)
    own_files = ApiFile.objects.of(user_id)
    return files.delete_some(own_files, limit) or delete_some(Batch.objects.of(user_id), limit)
