"""Comparisons: several models on the same photos. Their answers are ordinary jobs."""

import uuid
from typing import NotRequired, TypedDict

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from inference.models.jobs import Job

# The truth of a photo that shows none of the labels; others are indices of the labels.
NONE_OF_THE_LABELS = -1


class StoredColumn(TypedDict):
    """One column as its row keeps it: a model and its prompts, as in a classification's payload."""

    repo: str
    template: str
    templates: NotRequired[list[str]]


class ComparisonQuerySet(models.QuerySet["Comparison"]):
    """`visible_to` is the only way that views look a comparison up, but by the link of `shared`."""

    def visible_to(self, *, user_id: int | None, visitor: uuid.UUID | None) -> "ComparisonQuerySet":
        if user_id is not None:
            return self.filter(Q(owner_id=user_id) | Q(visitor=visitor, visitor__isnull=False))
        return self.filter(visitor=visitor, visitor__isnull=False, owner__isnull=True)

    def shared(self, token: str) -> "ComparisonQuerySet":
        return self.filter(share_token=token).exclude(share_token="")


class Comparison(models.Model):
    """Photos by columns. `admitted_photos`: how many were counted, or found affordable, before the
    first was taken.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="comparisons"
    )
    visitor = models.UUIDField(null=True, blank=True, help_text="anonymous browser session")
    labels: "models.JSONField[list[str]]" = models.JSONField(default=list)
    columns: "models.JSONField[list[StoredColumn]]" = models.JSONField(default=list)
    is_paid = models.BooleanField(default=False, help_text="from the owner's credit")
    admitted_photos = models.PositiveSmallIntegerField(default=0)
    share_token = models.CharField(max_length=43, blank=True, db_default="")
    canceled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    objects = ComparisonQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index("visitor", name="comparison_visitor", condition=Q(visitor__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["share_token"],
                name="comparison_share_token_once",
                condition=~Q(share_token=""),
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(visitor__isnull=False),
                name="comparison_belongs_to_somebody",
            ),
            models.CheckConstraint(
                condition=Q(is_paid=False) | Q(owner__isnull=False),
                name="comparison_paid_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    def get_absolute_url(self) -> str:
        return reverse("comparison", args=[self.pk])


class ComparedPhoto(models.Model):
    """One row of the table. `error` is a sentence on a file that is no picture."""

    comparison = models.ForeignKey(Comparison, models.CASCADE, related_name="photos")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=255, help_text="as its browser calls it, with its folder")
    fingerprint = models.CharField(
        max_length=64, help_text="SHA-256 of name and content: sent twice, it is one row"
    )
    truth = models.SmallIntegerField(
        null=True, blank=True, help_text="index of the right label; -1: none of them is right"
    )
    error = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["comparison", "fingerprint"], name="compared_photo_once"
            ),
            models.UniqueConstraint(
                fields=["comparison", "position"], name="compared_photo_has_its_position"
            ),
            models.CheckConstraint(
                condition=Q(truth__isnull=True) | Q(truth__gte=NONE_OF_THE_LABELS),
                name="compared_photo_truth_is_a_label",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ComparedAnswer(models.Model):
    """One cell: the job of a photo for a column, or why there is none."""

    class Missing(models.TextChoices):
        NOT_SERVED = "not_served", "No worker served this model when the photo came."
        OUT_OF_CREDIT = "out_of_credit", "Your credit did not cover it."

    photo = models.ForeignKey(ComparedPhoto, models.CASCADE, related_name="answers")
    column = models.PositiveSmallIntegerField()
    job = models.OneToOneField(
        Job, models.SET_NULL, null=True, blank=True, related_name="compared_answer"
    )
    missing = models.CharField(max_length=20, choices=Missing, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["photo", "column"], name="compared_answer_once"),
            models.CheckConstraint(
                condition=Q(missing="") | Q(job__isnull=True), name="compared_answer_or_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.photo_id} by column {self.column}"
