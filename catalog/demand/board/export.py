"""The board's numbers, for anybody to work out the order: per model the voices of each day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import TypedDict

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count
from django.db.models.functions import JSONObject, TruncDate

from catalog.demand import board, votes
from catalog.models import ModelCard

VOTE, WAITLIST = "vote", "waitlist"


class Day(TypedDict):
    """How many voices of one kind a model got on one day (ISO, UTC)."""

    kind: str
    day: str
    count: int


@dataclass(frozen=True)
class Line:
    rank: int
    card: ModelCard
    score: Decimal
    days: list[Day]

    def count(self, kind: str) -> int:
        return sum(day["count"] for day in self.days if day["kind"] == kind)


def lines(as_of: date) -> Iterator[Line]:
    """Every model of the board in order."""
    # One query, so that all is of one moment.
    cards = board.ranked(as_of).annotate(
        days_of_votes=_days(votes.of_outer_card(), "voted_at"),
        days_of_waitlist=_days(board.waiting_for_outer_card(), "confirmed_at"),
    )
    for rank, card in enumerate(cards, start=1):
        days = [*_of_kind(VOTE, card), *_of_kind(WAITLIST, card)]
        yield Line(rank, card, board.score_of(card), days)


def _days(voices: board.Voices, moment: str) -> ArraySubquery:
    by_day = voices.annotate(day=TruncDate(moment, tzinfo=UTC)).values("day")
    counts = by_day.annotate(n=Count("pk")).order_by("day")
    return ArraySubquery(counts.values(row=JSONObject(day="day", count="n")))


def _of_kind(kind: str, card: ModelCard) -> list[Day]:
    days = getattr(card, f"days_of_{'votes' if kind == VOTE else kind}")
    return [Day(kind=kind, day=day["day"], count=day["count"]) for day in days]
