"""A comparison begins: its work is admitted, then its row is written; photos follow."""

import json
import uuid
from collections.abc import Sequence

from accounts.models import User
from inference import jobs
from inference.comparing import admission
from inference.comparing.admission import MAX_BATCH_PHOTOS, MAX_FREE_PHOTOS, NotAdmitted
from inference.comparing.columns import Column
from inference.models import Comparison


def start(
    columns: Sequence[Column],
    *,
    labels: Sequence[str],
    photo_count: int,
    requester: jobs.Requester,
    user: User | None,
    address: str,
    idempotency_key: str,
) -> Comparison:
    """Raises NotAdmitted and limits.Refused. The same form sent twice is one comparison."""
    stored = [column.stored for column in columns]
    pk = _id(requester, idempotency_key, [*labels], stored)
    if existing := Comparison.objects.filter(pk=pk).first():
        return existing
    is_paid = admission.admit(
        columns,
        photos=photo_count,
        label_count=len(labels),
        requester=requester,
        user=user,
        address=address,
    )
    # Of two at once the second finds the row of the first.
    comparison, _ = Comparison.objects.get_or_create(
        pk=pk,
        defaults={
            "owner_id": requester.user_id,
            "visitor": requester.visitor,
            "labels": list(labels),
            "columns": stored,
            "is_paid": is_paid,
            "admitted_photos": photo_count,
        },
    )
    return comparison


def admit_more(
    comparison: Comparison,
    columns: Sequence[Column],
    *,
    photos: int,
    user: User | None,
    address: str,
) -> None:
    """Let so many more photos in; raises NotAdmitted and limits.Refused."""
    total = comparison.admitted_photos + photos
    most = MAX_BATCH_PHOTOS if comparison.is_paid else MAX_FREE_PHOTOS
    if total > most:
        raise NotAdmitted(
            f"That would be {total} photos; this comparison takes {most}. Please start another."
        )
    if comparison.is_paid and user:
        admission.check_affordable(
            columns, photos=photos, label_count=len(comparison.labels), user=user
        )
    else:
        visitor = str(comparison.visitor)
        admission.count_free(photos, len(columns), visitor=visitor, address=address)
    # Of two at once the second may not pass the limit that both have seen.
    updated = Comparison.objects.filter(
        pk=comparison.pk, admitted_photos=comparison.admitted_photos
    ).update(admitted_photos=total)
    if not updated:
        raise NotAdmitted("More photos were added at the same moment. Please send these again.")
    comparison.admitted_photos = total


def _id(
    requester: jobs.Requester, idempotency_key: str, labels: list[str], columns: object
) -> uuid.UUID:
    if not idempotency_key:
        return uuid.uuid4()
    parts = [requester.user_id, str(requester.visitor), idempotency_key, labels, columns]
    return uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(["comparison", *parts], sort_keys=True))
