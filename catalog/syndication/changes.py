"""The page of what changed: stages, prices and new models, by day."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from django.db.models import Count, Exists, OuterRef
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.models import ModelCard, PriceChange, StageChange
from catalog.page_cache import cache_for_anonymous
from catalog.syndication.feeds import LONGEST, Event, of_price, of_stage


@dataclass(frozen=True)
class Day:
    """What happened on one day, newest first; `joined` counts models new in the catalog."""

    day: date
    events: Sequence[Event]
    joined: int


@require_safe
@cache_for_anonymous
def changes_page(request: HttpRequest) -> HttpResponse:
    return render(request, "catalog/changes.html", {"days": days()})


def days() -> list[Day]:
    """The newest changes of stages and prices, and the days on which models joined."""
    events = sorted([*_stages(), *_prices()], key=lambda event: event.at, reverse=True)[:LONGEST]
    by_day = {day: list(group) for day, group in groupby(events, key=_day_of)}
    joined = dict(_joined())
    # Of a day that the events no longer reach only the newcomers would be told.
    earliest = min(by_day, default=date.min) if len(events) == LONGEST else date.min
    shown = sorted({*by_day, *(day for day in joined if day >= earliest)}, reverse=True)
    return [Day(day, by_day.get(day, []), joined.get(day, 0)) for day in shown[:LONGEST]]


def _day_of(event: Event) -> date:
    return timezone.localdate(event.at)


def _stages() -> Iterator[Event]:
    changes = StageChange.objects.filter(card__is_stand_in=False).exclude(before="")
    for change in changes.select_related("card").order_by("-changed_at", "-pk")[:LONGEST]:
        yield of_stage(change, change.card)


def _prices() -> Iterator[Event]:
    # A model's first price is part of its joining.
    earlier = PriceChange.objects.filter(card=OuterRef("card"), pk__lt=OuterRef("pk"))
    changes = PriceChange.objects.filter(Exists(earlier), card__is_stand_in=False)
    for change in changes.select_related("card").order_by("-since", "-pk")[:LONGEST]:
        yield of_price(change, change.card)


def _joined() -> Iterable[tuple[date, int]]:
    cards = ModelCard.objects.real().order_by().annotate(day=TruncDate("created_at"))
    return cards.values_list("day").annotate(Count("pk")).order_by("-day")[:LONGEST]
