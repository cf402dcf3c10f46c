"""Which jobs of a statement still have a page: `settings.LEDGER_LINKS`."""

import re
from collections.abc import Collection, Mapping

from django.urls import reverse

from accounts.models import User
from inference.models import Job

PREFIX = "job:"
OF_A_JOB = re.compile(rf"{PREFIX}[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}")


def links_of(user: User, references: Collection[str]) -> Mapping[str, str]:
    """By reference. Jobs are deleted long before the ledger's lines are; one query."""
    ids = [name.removeprefix(PREFIX) for name in references if OF_A_JOB.fullmatch(name)]
    kept = Job.objects.filter(pk__in=ids, owner=user).values_list("pk", flat=True)
    return {f"{PREFIX}{pk}": reverse("job", args=[pk]) for pk in kept}
