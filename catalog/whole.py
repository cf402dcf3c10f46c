"""A card with everything its page shows, in one query.

PostgreSQL gathers the rows of the other tables as JSON beside the card; here they become model
instances again, so that pages and twins read them as if each had been asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import F, OuterRef
from django.db.models.functions import Cast, JSONObject

from catalog.demand import board, votes
from catalog.models import (
    Benchmark,
    Evaluation,
    HubReading,
    ModelCard,
    PriceChange,
    Provenance,
    Question,
    Source,
    StageChange,
)

Row = TypeVar("Row", bound=models.Model)
# One row as PostgreSQL writes it: text, numbers, null, nested mappings.
Written = Mapping[str, Any]

READINGS_SHOWN = 120
BENCHMARKS_SHOWN = 3
NOBODY = AnonymousUser()


@dataclass(frozen=True)
class Whole:
    """A card, its facts' sources, measurements, questions, and what it has been.

    All oldest first, but for the benchmarks: the latest ones, latest first.
    """

    card: ModelCard
    provenance: Sequence[Provenance]
    evaluations: Sequence[Evaluation]
    questions: Sequence[Question]
    stage_changes: Sequence[StageChange]
    price_changes: Sequence[PriceChange]
    hub_readings: Sequence[HubReading]
    benchmarks: Sequence[Benchmark]

    @property
    def downloads(self) -> list[tuple[date, int]]:
        """A month's downloads, as read on each day."""
        return [
            (reading.read_on, reading.downloads_per_month)
            for reading in self.hub_readings
            if reading.downloads_per_month is not None
        ]


def find(repo: str, *, seen_by: AbstractBaseUser | AnonymousUser = NOBODY) -> Whole | None:
    """The card of exactly this repo id with all that belongs to it, or None.

    The card bears `votes_counted`, `waiting_counted`, and whether `seen_by` has voted for it.
    """
    card = (
        ModelCard.objects.filter(repo=repo)
        .select_related("successor")
        .annotate(
            votes_counted=votes.count_expression(),
            waiting_counted=board.waiting_expression(),
            has_my_vote=votes.has_vote_of(seen_by),
            all_provenance=_all(Provenance, "pk"),
            all_evaluations=_all(Evaluation, "position"),
            all_questions=_all(Question, "position"),
            all_stage_changes=_all(StageChange, "changed_at", "pk"),
            all_price_changes=_all(PriceChange, "since", "pk"),
            last_benchmarks=_all(Benchmark, "-measured_at", limit=BENCHMARKS_SHOWN),
            last_hub_readings=_all(HubReading, "-read_on", limit=READINGS_SHOWN),
        )
        .first()
    )
    return None if card is None else _whole(card)


def _whole(card: ModelCard) -> Whole:
    def rows(model: type[Row], annotation: str) -> list[Row]:
        return [_instance(model, written, card) for written in getattr(card, annotation)]

    return Whole(
        card=card,
        provenance=rows(Provenance, "all_provenance"),
        evaluations=rows(Evaluation, "all_evaluations"),
        questions=rows(Question, "all_questions"),
        stage_changes=rows(StageChange, "all_stage_changes"),
        price_changes=rows(PriceChange, "all_price_changes"),
        hub_readings=rows(HubReading, "last_hub_readings")[::-1],
        benchmarks=rows(Benchmark, "last_benchmarks"),
    )


def _all(model: type[models.Model], *order: str, limit: int | None = None) -> ArraySubquery:
    rows = model._default_manager.filter(card=OuterRef("pk")).order_by(*order)
    return ArraySubquery(rows.values(written=JSONObject(**_columns(model)))[:limit])


def _columns(model: type[models.Model]) -> dict[str, Any]:
    columns: dict[str, Any] = {
        field.attname: _exact(field) for field in model._meta.concrete_fields
    }
    if "source_id" in columns:
        names = [field.attname for field in Source._meta.concrete_fields]
        columns["source"] = JSONObject(**{name: F(f"source__{name}") for name in names})
    return columns


def _exact(field: models.Field[Any, Any]) -> Any:
    """A decimal travels as text: as a JSON number it would come back as a float."""
    if isinstance(field, models.DecimalField):
        return Cast(field.attname, models.TextField())
    return F(field.attname)


def _instance(model: type[Row], written: Written, card: ModelCard) -> Row:
    values = {
        field.attname: field.to_python(written[field.attname])
        for field in model._meta.concrete_fields
    }
    row = model(**values)
    setattr(row, "card", card)  # noqa: B010  every row here has a card
    if "source" in written:
        setattr(row, "source", Source(**written["source"]))  # noqa: B010
    return row
