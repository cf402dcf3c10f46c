"""Which jobs of a statement still have a page: `settings.LEDGER_LINKS`."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.urls import reverse

from accounts.models import User
from inference.models import Job

PREFIX = "job:"


def links_of(user: User, references: Collection[str]) -> Mapping[str, str]:
    """By reference. Jobs are deleted long before the ledger's lines are; one query."""
    ids = [UUID(name.removeprefix(PREFIX)) for name in references if name.startswith(PREFIX)]
    kept = Job.objects.filter(pk__in=ids, owner=user).values_list("pk", flat=True)
    return {f"{PREFIX}{pk}": reverse("job", args=[pk]) for pk in kept}
