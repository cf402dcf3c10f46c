"""How a model ranks among those of its task: counted when a page is asked for, never written down.

    ModelCard.objects.annotate(rank_counts=ranks.count_expression())
    ranks.ranks_of(card) -> [Rank(text="3rd largest of 167", shared=1, ...), ...]

Places are those of competitions: 1 + the number of models that are ahead. Models that do not state
the figure are not counted.
"""

from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import ordinal
from django.db.models import Count, JSONField, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject

from catalog.models import ModelCard

FIELDS = ("parameters", "imagenet_top1", "image_gflops", "downloads_per_month")
# For size and compute a place from either end is told: at the top, and at the bottom.
ENDS = {
    "parameters": ("largest", "smallest"),
    "image_gflops": ("highest compute per image", "lowest compute per image"),
}
MEASURES = {
    "parameters": " by parameters",
    "imagenet_top1": " by ImageNet top-1",
    "image_gflops": "",
    "downloads_per_month": " by downloads",
}
# How the catalog's list is sorted by it.
SORTS = {"imagenet_top1": "accuracy", "image_gflops": "compute", "downloads_per_month": "downloads"}


@dataclass(frozen=True)
class Rank:
    """`place` of `total`, counted from the highest figure; `shared`: how many others have the same.

    `sort` orders the catalog's list in the same way, where it can.
    """

    field: str
    place: int
    total: int
    shared: int
    sort: str = ""

    @property
    def text(self) -> str:
        ends = ENDS.get(self.field)
        if ends is None:
            return f"{ordinal(self.place)} of {self.total}{MEASURES[self.field]}"
        from_below = self.total - self.place - self.shared + 1
        is_above = self.place <= from_below
        place, end = (self.place, ends[0]) if is_above else (from_below, ends[1])
        words = end if place == 1 else f"{ordinal(place)} {end}"
        return f"{words} of {self.total}{MEASURES[self.field]}"

    @property
    def note(self) -> str:
        others = "other" if self.shared == 1 else "others"
        return f"shared with {self.shared} {others}" if self.shared else ""


def count_expression() -> Subquery:
    """For each card, as JSON: by field how many of its task are ahead, alike, and counted."""
    peers = ModelCard.objects.real().filter(task=OuterRef("task")).order_by().values("task")
    counts = {name: expression for field in FIELDS for name, expression in _counts(field)}
    counted = peers.annotate(rank_counts=JSONObject(**counts)).values("rank_counts")
    return Subquery(counted, output_field=JSONField())


def _counts(field: str) -> list[tuple[str, Count]]:
    return [
        (f"{field}_ahead", Count("pk", filter=Q(**{f"{field}__gt": OuterRef(field)}))),
        (f"{field}_alike", Count("pk", filter=Q(**{field: OuterRef(field)}))),
        (f"{field}_total", Count(field)),
    ]


def ranks_of(card: ModelCard) -> list[Rank]:
    """Of a card with `rank_counts`; none for a stand-in, nor by a figure that is not stated."""
    counts: dict[str, int] = getattr(card, "rank_counts", None) or {}
    if card.is_stand_in or not counts:
        return []
    return [
        Rank(
            field,
            place=counts[f"{field}_ahead"] + 1,
            total=counts[f"{field}_total"],
            shared=counts[f"{field}_alike"] - 1,
            sort=SORTS.get(field, ""),
        )
        for field in FIELDS
        if getattr(card, field) is not None
    ]
