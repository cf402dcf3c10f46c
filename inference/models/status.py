"""How the site has been: an hour of each part, and what the operator says about trouble."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from catalog.models import ModelCard


class Part(models.TextChoices):
    """What is looked at besides the models, in the order in which the page shows it."""

    WEBSITE = "website", "website"
    API = "api", "API"
    STORAGE = "storage", "picture storage"
    JOBS = "jobs", "background work"
    MAIL = "mail", "mail"
    WEBHOOKS = "webhooks", "webhooks"


class StatusHour(models.Model):
    """An hour of one part, or of one model: how often it was looked at, how often all was well.

    The figures of jobs are a model's only: of those that ended within the hour.
    """

    card = models.ForeignKey(
        ModelCard, models.CASCADE, null=True, blank=True, related_name="status_hours"
    )
    part = models.CharField(max_length=20, blank=True, choices=Part)
    hour = models.DateTimeField(db_index=True, help_text="its beginning, UTC")
    checks = models.PositiveSmallIntegerField(default=0)
    failed_checks = models.PositiveSmallIntegerField(default=0)
    was_up = models.BooleanField(default=True, db_default=True, help_text="at the last look")
    jobs = models.PositiveIntegerField(default=0)
    failed_jobs = models.PositiveIntegerField(default=0, help_text="by our fault")
    wait_p50_ms = models.PositiveIntegerField(null=True, blank=True)
    wait_p95_ms = models.PositiveIntegerField(null=True, blank=True)
    checked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["card", "part", "hour"], nulls_distinct=False, name="status_hour_once"
            ),
            models.CheckConstraint(
                condition=Q(card__isnull=False, part="") | Q(card__isnull=True, part__gt=""),
                name="status_hour_of_a_part_or_a_model",
            ),
            models.CheckConstraint(
                condition=Q(failed_checks__lte=F("checks")), name="status_hour_counts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.part or self.card_id} {self.hour:%Y-%m-%d %H}h"


class Incident(models.Model):
    """Trouble that the operator tells of; `ended_at` is empty while it lasts."""

    title = models.CharField(max_length=120)
    parts = models.CharField(max_length=200, blank=True, help_text="what it touches, in words")
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="incident_ends_after_it_began",
            )
        ]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        if self.ended_at and self.ended_at < self.started_at:
            raise ValidationError({"ended_at": "It cannot end before it began."})


class IncidentUpdate(models.Model):
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="updates")
    text = models.TextField(max_length=2000)
    written_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-written_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.written_at:%Y-%m-%d %H:%M}"
