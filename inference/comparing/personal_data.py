"""What comparisons keep of a person, for them to take along and to be erased.

Before inference.personal_data, which erases the jobs: a comparison takes its own with it.
"""

from typing import Any

from accounts.models import Erasure, User
from inference.comparing import deletion
from inference.models import ComparedPhoto, Comparison


def export(user: User) -> dict[str, object]:
    return {"comparisons": [_exported(comparison) for comparison in _own(user)]}


def _exported(comparison: Comparison) -> dict[str, Any]:
    photos = ComparedPhoto.objects.filter(comparison=comparison).order_by("position")
    return {
        "id": comparison.pk,
        "labels": comparison.labels,
        "columns": comparison.columns,
        "created_at": comparison.created_at,
        "photos": list(photos.values("name", "truth", "error")),
    }


def close(user: User) -> list[str]:
    # Nobody may follow a link that they shared. The jobs end with the slices.
    Comparison.objects.filter(owner=user).update(share_token="")
    return []


def erase(erasure: Erasure, limit: int) -> int:
    """One comparison a slice: it may be a batch of 2,000 jobs. Part of a slice's transaction."""
    comparison = _own(erasure.user).first()
    if comparison is None:
        return 0
    deletion.delete(comparison)
    return 1


def _own(user: User) -> Any:
    return Comparison.objects.filter(owner=user).order_by("created_at", "pk")
