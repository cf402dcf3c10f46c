"""The workers that announce themselves, and what all of them have done."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

from catalog.models import ModelCard

WORKER_SILENT_AFTER = timedelta(seconds=12)


@dataclass(frozen=True)
class Service:
    """A model as one worker serves it: pictures a second (0: not known yet), most in a batch."""

    repo: str
    images_per_s: float
    batch_images: int


class WorkerQuerySet(models.QuerySet["Worker"]):
    def alive(self) -> "WorkerQuerySet":
        return self.filter(seen_at__gt=Now() - WORKER_SILENT_AFTER)

    def served_repos(self) -> set[str]:
        return {repo for repos in self.alive().values_list("repos", flat=True) for repo in repos}

    def revision_by_repo(self) -> dict[str, str]:
        """Which weights answer now; models of which workers hold different ones are left out."""
        held: dict[str, set[str]] = {}
        for revisions in self.alive().values_list("revisions", flat=True):
            for repo, revision in revisions.items():
                held.setdefault(repo, set()).add(revision)
        return {repo: next(iter(found)) for repo, found in held.items() if len(found) == 1}


def served_repos() -> set[str]:
    """What `settings.SERVED_REPOS` names: the models that can be tried now."""
    return Worker.objects.served_repos()


class Worker(models.Model):
    name = models.CharField(max_length=100, unique=True)
    pid = models.PositiveIntegerField()
    device = models.CharField(max_length=40)
    repos = models.JSONField(default=list, help_text="models it has loaded")
    revisions = models.JSONField(
        default=dict, blank=True, help_text="by model: its commit, or local: and a fingerprint"
    )
    failures = models.JSONField(
        default=dict,
        blank=True,
        help_text="why models that it should serve are not loaded, by repo",
    )
    engines = models.JSONField(
        default=dict,
        blank=True,
        help_text="by model: engine and precision it is computed with, and why not with another",
    )
    resident_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="of the process; null: this system does not say"
    )
    device_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="that torch holds of the GPU; null: no GPU"
    )
    images_per_s = models.JSONField(
        default=dict, blank=True, help_text="by model: a moving mean over its last batches"
    )
    batch_images = models.JSONField(
        default=dict, blank=True, help_text="by model: the most pictures it takes at once now"
    )
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    objects = WorkerQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def services(self) -> list[Service]:
        return [
            Service(repo, self.images_per_s.get(repo, 0.0), self.batch_images.get(repo, 0))
            for repo in self.repos
        ]


class JobCounter(models.Model):
    """How many jobs have ended so far: totals that only grow, whatever is deleted meanwhile.

    `batch_size` is the bucket of the size of the batch in which they ran; null: in none.
    """

    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="job_counters")
    state = models.CharField(max_length=10)
    error_code = models.CharField(max_length=20, blank=True)
    batch_size = models.PositiveSmallIntegerField(null=True, blank=True, help_text="at most")
    jobs = models.PositiveBigIntegerField(default=0)
    images = models.PositiveBigIntegerField(default=0)
    batch_size_sum = models.PositiveBigIntegerField(
        default=0, help_text="of each job, how many were in its batch"
    )
    counted_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["card", "state", "error_code", "batch_size"],
                nulls_distinct=False,
                name="job_counter_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.card_id} {self.state} {self.error_code}: {self.jobs}"


class JobDuration(models.Model):
    """How many jobs have waited or run for how long: a histogram that only grows.

    `bucket_ms` is the smallest power of two that is not exceeded; jobs that never ran are in none.
    """

    class Phase(models.TextChoices):
        WAIT = "wait"
        RUN = "run"

    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="job_durations")
    phase = models.CharField(max_length=4, choices=Phase)
    bucket_ms = models.PositiveIntegerField()
    jobs = models.PositiveBigIntegerField(default=0)
    sum_ms = models.PositiveBigIntegerField(default=0)
    counted_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["card", "phase", "bucket_ms"], name="job_duration_once")
        ]

    def __str__(self) -> str:
        return f"{self.card_id} {self.phase} <= {self.bucket_ms} ms: {self.jobs}"
