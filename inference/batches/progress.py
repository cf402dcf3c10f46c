"""How far a batch is: what is written up, and what has been answered since."""

from dataclasses import dataclass

from django.db.models import Count, Q

from inference.models import Batch, Job, State


@dataclass(frozen=True)
class Progress:
    total: int
    completed: int
    failed: int

    @property
    def done(self) -> int:
        return self.completed + self.failed

    @property
    def percent(self) -> int:
        # Rounded down: nothing is done before it is.
        return 100 * self.done // self.total if self.total else 0


def of(batch: Batch) -> Progress:
    """Two queries while it goes on, none once it has ended."""
    completed, failed = batch.completed_lines, batch.failed_lines
    if batch.is_open:
        begun = list(batch.parts.begun())
        ids = [part.job_id(index) for part in begun for index in range(len(part.lines or []))]
        failed += sum("error" in line for part in begun for line in part.lines or [])
        ended = Job.objects.filter(pk__in=ids).aggregate(
            completed=Count("pk", filter=Q(state=State.SUCCEEDED)),
            failed=Count("pk", filter=Q(state__in=[State.FAILED, State.CANCELLED])),
        )
        completed += ended["completed"]
        failed += ended["failed"]
    return Progress(batch.line_count, completed, failed)
