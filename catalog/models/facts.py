"""Where each figure of a card was read, how it did in measurements, and what people ask."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from catalog.models import datasets
from catalog.models.cards import ModelCard
from catalog.models.datasets import Subject


class Source(models.Model):
    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    url = models.URLField(blank=True, help_text="empty: our own page of it is all there is")
    description = models.TextField(blank=True, help_text="Markdown: what it is, for that page")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("source", args=[self.slug])

    def href(self, card_id: int) -> str:
        """Where a reader can look up a figure of this card: there, or in our own record of it."""
        return self.url or f"{self.get_absolute_url()}#model-{card_id}"


class Provenance(models.Model):
    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="provenance")
    field = models.CharField(max_length=40, help_text="name of the card's field")
    source = models.ForeignKey(Source, models.PROTECT)
    read_on = models.DateField()
    remark = models.CharField(
        max_length=200, blank=True, help_text="a doubt that stands beside the figure"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["card", "field"], name="provenance_one_per_field")
        ]

    def __str__(self) -> str:
        return f"{self.field}: {self.source}, {self.read_on}"


class HandEdit(models.Model):
    """Somebody edited this part of a card in the admin: its file writes it no more."""

    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="hand_edits")
    part = models.CharField(max_length=40, help_text="a field with its source, or a list of rows")
    edited_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "edit by hand"
        verbose_name_plural = "edits by hand"
        ordering = ["part"]
        constraints = [
            models.UniqueConstraint(fields=["card", "part"], name="hand_edit_once_per_part")
        ]

    def __str__(self) -> str:
        return self.part


class Evaluation(models.Model):
    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="evaluations")
    dataset = models.CharField(max_length=80)
    metric = models.CharField(max_length=60)
    value = models.DecimalField(max_digits=6, decimal_places=2, help_text="percent")
    source = models.ForeignKey(Source, models.PROTECT)
    read_on = models.DateField()
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["card", "dataset", "metric"], name="evaluation_once_per_dataset"
            ),
            models.CheckConstraint(
                condition=Q(value__gte=0, value__lte=100), name="evaluation_is_a_percentage"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.card_id} {self.dataset}: {self.value} %"

    @property
    def subject(self) -> Subject:
        return datasets.find(self.dataset).subject

    @property
    def chance(self) -> float | None:
        """What guessing gives, in percent; None where that is not stated."""
        return datasets.find(self.dataset).chance


class Question(models.Model):
    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="faq")
    question = models.CharField(max_length=200)
    answer = models.TextField()
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.question
