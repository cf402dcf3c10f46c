"""What batches leave behind: expired files, ended batches, files in storage that no row names."""

from datetime import timedelta

from django.utils import timezone

from catalog.infrastructure import storage
from catalog.infrastructure.retention import Budget
from inference.batches import files, lifecycle
from inference.models import FileChunk

ORPHAN_AFTER = timedelta(hours=1)
NAMES_PER_QUERY = 1000
RETENTIONS = [files.RETENTION, lifecycle.RETENTION]


def tidy(budget: Budget) -> int:
    """Delete what is due while there is time; returns the number of rows."""
    return sum(retention.delete_due(budget) for retention in RETENTIONS)


def delete_orphans(*, older_than: timedelta = ORPHAN_AFTER) -> int:
    """Delete chunks that a crash has left without a row; returns their number.

    Once an hour, since it lists a folder. A young one may belong to an upload under way.
    """
    before = timezone.now() - older_than
    names = storage.names_in(files.FOLDER)
    deleted = 0
    for start in range(0, len(names), NAMES_PER_QUERY):
        some = names[start : start + NAMES_PER_QUERY]
        chunks = FileChunk.objects.filter(stored_as__in=some)
        known = set(chunks.values_list("stored_as", flat=True))
        orphans = [name for name in some if name not in known and storage.is_older(name, before)]
        deleted += len(storage.delete(orphans))
    return deleted
