"""Which cards: the catalog's questions to its table, to be chained as a sentence."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, F, Func, Value, When
from django.db.models.expressions import OrderBy
from django.db.models.functions import Abs

from catalog.models.choices import CALLABLE, COMING_SOON

if TYPE_CHECKING:
    from catalog.models.cards import ModelCard

SPLIT_NAME = Func(
    F("repo"), Value("/"), Value(2), function="split_part", output_field=models.CharField()
)


class ModelCardQuerySet(models.QuerySet["ModelCard"]):
    def real(self) -> "ModelCardQuerySet":
        # The stand-in is no model one could launch.
        return self.filter(is_stand_in=False)

    def written(self) -> "ModelCardQuerySet":
        """Those that somebody wrote a page for, not only figures."""
        return self.filter(summary_is_generated=False)

    def for_task(self, task: str) -> "ModelCardQuerySet":
        return self.filter(task=task)

    def coming_soon(self) -> "ModelCardQuerySet":
        return self.filter(stage__in=COMING_SOON)

    def callable(self) -> "ModelCardQuerySet":
        return self.filter(stage__in=CALLABLE)

    def called(self, name: str) -> "ModelCardQuerySet":
        """Cards of this repo id, or, without an owner, of this name; capitals do not matter."""
        if "/" in name:
            return self.filter(repo__iexact=name)
        return self.annotate(bare=SPLIT_NAME).filter(bare__iexact=name)

    def formerly(self, name: str) -> "ModelCardQuerySet":
        return self.filter(aliases__name__iexact=name)

    def popularly(self, words: str) -> "ModelCardQuerySet":
        """Cards that people call so; `words` as `search_names` has them, cut and in lower case."""
        return self.filter(search_names__contains=f"\n{words}\n")

    def best_first(self) -> "ModelCardQuerySet":
        return self.order_by(models.F("imagenet_top1").desc(nulls_last=True), "repo")

    def related_to(self, card: "ModelCard") -> "ModelCardQuerySet":
        """Other models of the task: of the family first, then by similar compute, then accuracy."""
        others = self.real().for_task(card.task).exclude(pk=card.pk)
        is_kin = Case(When(family=card.family, then=0), default=1) if card.family else Value(1)
        distance = Abs(F("image_gflops") - Value(card.image_gflops or 0.0))
        order: list[str | OrderBy] = [
            distance.asc(nulls_last=True),
            F("imagenet_top1").desc(nulls_last=True),
            "repo",
        ]
        # Beside a page that somebody wrote, the other written ones come first.
        written = [] if card.summary_is_generated else ["summary_is_generated"]
        return others.alias(is_kin=is_kin).order_by("is_kin", *written, *order)
