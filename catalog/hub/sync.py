"""Brings cards up to date with the Hugging Face hub, one after the other.

The hub may fill in what nobody knew, and change what it stated itself. What a person has checked it
never overwrites: there it only opens a `Difference`, which a person decides.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from catalog.hub import comparison, provenance
from catalog.hub.client import Hub, HubError, Unavailable
from catalog.hub.metadata import Figures
from catalog.models import Difference, HubReading, ModelCard, Source

PAUSE_S = 0.2
STOP_AFTER = 5  # cards in a row for which the hub could not be asked


@dataclass(frozen=True)
class Outcome:
    """What one card's reading came to: fields written, fields that differ; or why there is none."""

    repo: str
    changed: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def was_read(self) -> bool:
        return not self.trouble

    def __str__(self) -> str:
        if self.trouble:
            return self.trouble
        changed = f"changed {', '.join(self.changed)}" if self.changed else "nothing new"
        return changed + (f"; differs in {', '.join(self.differs)}" if self.differs else "")


def sync(
    cards: Iterable[ModelCard],
    hub: Hub,
    *,
    pause_s: float = PAUSE_S,
    stop_after: int = STOP_AFTER,
) -> Iterator[Outcome]:
    """Read and write each card; ends early when the hub seems to be away."""
    away = 0
    for number, card in enumerate(cards):
        if number:
            time.sleep(pause_s)  # the hub is not ours to load
        try:
            figures = hub.figures(card.repo)
        except HubError as error:
            away = away + 1 if isinstance(error, Unavailable) else 0
            yield Outcome(card.repo, trouble=str(error))
            if away == stop_after:
                return
        else:
            away = 0
            yield write(
                card, figures, source=provenance.hub_source(hub.address), today=timezone.localdate()
            )


def some_not_read_today(count: int) -> list[ModelCard]:
    # By chance, or those that the hub does not show would be asked for before all others, each
    # time.
    today = HubReading.objects.filter(card=OuterRef("pk"), read_on=timezone.localdate())
    return list(ModelCard.objects.real().filter(~Exists(today)).order_by("?")[:count])


def summary(outcomes: Sequence[Outcome], *, total: int) -> str:
    read = [outcome for outcome in outcomes if outcome.was_read]
    changed = sum(bool(outcome.changed) for outcome in read)
    differ = sum(bool(outcome.differs) for outcome in read)
    line = f"hub: {len(read)} of {total} read, {changed} changed, {differ} to review"
    if len(outcomes) < total:
        line += "; stopped early, since the hub cannot be reached"
    return line


@transaction.atomic
def write(card: ModelCard, figures: Figures, *, source: Source, today: date) -> Outcome:
    """Keep the day's reading, and take from it what the card's own facts leave open."""
    stated = figures.stated()
    HubReading.objects.update_or_create(card=card, read_on=today, defaults=_as_reading(stated))
    # Read again and locked: while the hub was answering, somebody may have checked a fact by hand.
    card = ModelCard.objects.select_for_update(no_key=True).get(pk=card.pk)
    sources = dict(card.provenance.values_list("field", "source_id"))
    to_write: dict[str, Any] = {}
    confirmed: list[str] = []
    differs: list[str] = []
    for field, hubs in comparison.for_card(stated).items():
        ours = getattr(card, field)
        if comparison.same(ours, hubs):
            _close_difference(card, field)
            if sources.get(field) == source.pk:
                confirmed.append(field)
        elif _may_write(field, ours, source_id=sources.get(field), hub_id=source.pk):
            _close_difference(card, field)
            to_write[field] = hubs
        elif _open_difference(card, field, ours=ours, hubs=hubs, today=today):
            differs.append(field)
    if to_write:
        # Only now: the day of change is a page's age, for caches and search engines.
        ModelCard.objects.filter(pk=card.pk).update(**to_write, changed_at=Now())
    provenance.cite(card, [*to_write, *confirmed], source=source, read_on=today)
    return Outcome(card.repo, changed=tuple(to_write), differs=tuple(differs))


def _as_reading(stated: Mapping[str, Any]) -> dict[str, Any]:
    # All fields, so that a second reading of the day forgets what the hub no longer states.
    unstated = {"downloads_per_month": None, "likes": None, "license": "", "revision": ""}
    return unstated | {"published": None, "updated": None} | dict(stated)


def _may_write(field: str, ours: object, *, source_id: int | None, hub_id: int) -> bool:
    """Whether the hub may write a fact: nobody knows it, or the hub itself has stated it."""
    if source_id is None:
        return comparison.is_unknown(ours)
    return source_id == hub_id and field not in comparison.PINNED


def _close_difference(card: ModelCard, field: str) -> None:
    card.differences.filter(field=field, decision=Difference.Decision.OPEN).delete()


def _open_difference(
    card: ModelCard, field: str, *, ours: object, hubs: object, today: date
) -> bool:
    """Queue a difference for review, or bring the queued one up to date; whether one is open."""
    texts = {"ours": comparison.shown(ours), "hubs": comparison.shown(hubs)}
    differences = card.differences.filter(field=field)
    undecided = differences.filter(decision=Difference.Decision.OPEN)
    if undecided.exists():
        undecided.exclude(**texts).update(**texts, found_on=today)
        return True
    # What somebody decided to keep stays decided until the hub states something else again.
    last = differences.order_by("-decided_at").first()
    if last and last.decision == Difference.Decision.KEPT and last.hubs == texts["hubs"]:
        return False
    differences.create(field=field, found_on=today, card=card, **texts)
    return True
