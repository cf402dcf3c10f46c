"""Atom feeds (RFC 4287): what joins the catalog, and what becomes of each model.

Entries and feeds have `tag:` ids (RFC 4151), so that readers know them again whatever the site's
address becomes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.contrib.syndication.views import Feed
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from django.views.decorators.http import require_safe

from catalog.models import ModelCard, ModelCardQuerySet, PriceChange, Stage, StageChange, Task
from catalog.numbers.money import NANO_USD_PER_USD
from catalog.pricing import Basis
from catalog.pricing.formatting import rounded_usd

TAG = "tag:gigarouter,2026:"
LONGEST = 50
# The date of an empty feed.
BEFORE_ALL = datetime(2026, 1, 1, tzinfo=UTC)
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Atom(Atom1Feed):
    # Else an empty feed would look new each time somebody asks.

    def latest_post_date(self) -> datetime:
        return super().latest_post_date() if self.items else BEFORE_ALL


@dataclass(frozen=True)
class Event:
    """Something that happened to a model: `path` is its tag without the site's part."""

    title: str
    text: str
    at: datetime
    address: str
    path: str


class NewModels(Feed[ModelCard, Task | None]):
    feed_type = Atom
    author_name = "gigarouter"

    def get_object(self, request: HttpRequest, task: str = "") -> Task | None:
        if task and task not in Task.values:
            raise Http404(f"no task {task}")
        return Task(task) if task else None

    def title(self, task: Task | None) -> str:
        return f"gigarouter: new {task.label if task else ''} models".replace("  ", " ")

    def subtitle(self, task: Task | None) -> str:
        return "Models as they join the catalog."

    def link(self, task: Task | None) -> str:
        page = reverse("task", args=[task]) if task else reverse("models")
        return f"{page}?sort=newest"

    def feed_guid(self, task: Task | None) -> str:
        return f"{TAG}feeds/new/{task}" if task else f"{TAG}feeds/new"

    def items(self, task: Task | None) -> ModelCardQuerySet:
        cards = ModelCard.objects.real()
        return (cards.for_task(task) if task else cards).order_by("-created_at", "repo")[:LONGEST]

    def item_title(self, item: ModelCard) -> str:
        return _plain(item.name)

    def item_description(self, item: ModelCard) -> str:
        return escape(_plain(item.summary))

    def item_pubdate(self, item: ModelCard) -> datetime:
        return item.created_at

    def item_updateddate(self, item: ModelCard) -> datetime:
        # It joined once; that its downloads are counted daily is no news.
        return item.created_at

    def item_guid(self, item: ModelCard) -> str:
        return f"{TAG}models/{item.repo}"


class EventFeed(Feed[Event, ModelCard | None]):
    """What has happened, newest first."""

    feed_type = Atom
    author_name = "gigarouter"

    def item_title(self, item: Event) -> str:
        return _plain(item.title)

    def item_description(self, item: Event) -> str:
        # Readers take it for HTML.
        return escape(_plain(item.text))

    def item_link(self, item: Event) -> str:
        return item.address

    def item_pubdate(self, item: Event) -> datetime:
        return item.at

    def item_updateddate(self, item: Event) -> datetime:
        return item.at

    def item_guid(self, item: Event) -> str:
        return f"{TAG}{item.path}"


class Changes(EventFeed):
    # Births are in the feed of new models.

    title = "gigarouter: changes of status"
    subtitle = "How far each model is on its way, and why."
    feed_guid = f"{TAG}feeds/changes"

    def link(self) -> str:
        return reverse("changes")

    def items(self) -> list[Event]:
        changes = StageChange.objects.filter(card__is_stand_in=False).exclude(before="")
        newest = changes.select_related("card").order_by("-changed_at", "-pk")[:LONGEST]
        return [of_stage(change, change.card) for change in newest]


class ModelFeed(EventFeed):
    def get_object(self, request: HttpRequest, owner: str, name: str) -> ModelCard:
        return get_object_or_404(ModelCard, repo=f"{owner}/{name}")

    def title(self, card: ModelCard) -> str:
        return _plain(f"gigarouter: {card.name}")

    def subtitle(self, card: ModelCard) -> str:
        return _plain(f"What becomes of {card.repo}: its status and its price.")

    def link(self, card: ModelCard) -> str:
        return card.get_absolute_url()

    def feed_guid(self, card: ModelCard) -> str:
        return f"{TAG}feeds/models/{card.repo}"

    def items(self, card: ModelCard) -> list[Event]:
        return sorted(_story(card), key=lambda event: event.at, reverse=True)[:LONGEST]


def _story(card: ModelCard) -> Iterator[Event]:
    for step in card.stage_changes.order_by("-changed_at", "-pk")[:LONGEST]:
        yield of_stage(step, card)
    for price in card.price_changes.order_by("-since", "-pk")[:LONGEST]:
        yield of_price(price, card)


def of_stage(change: StageChange, card: ModelCard) -> Event:
    before = Stage(change.before).label if change.before else ""
    now = Stage(change.stage).label
    return Event(
        title=f"{card.name}: {before} → {now}" if before else f"{card.name}: new, {now}",
        text=change.reason,
        at=change.changed_at,
        address=card.get_absolute_url(),
        path=f"models/{card.repo}/stages/{change.pk}",
    )


def of_price(change: PriceChange, card: ModelCard) -> Event:
    usd_per_1k = change.nano_usd_per_image * 1000 / NANO_USD_PER_USD
    kind = "price" if change.basis == Basis.LAUNCH else "estimated price"
    return Event(
        title=f"{card.name}: {kind} {rounded_usd(usd_per_1k)} for 1,000 images",
        text=f"The {kind} is {Basis(change.basis).label}.",
        at=change.since,
        address=card.get_absolute_url(),
        path=f"models/{card.repo}/prices/{change.pk}",
    )


def _plain(text: str) -> str:
    """Without characters that no XML may hold, not even escaped."""
    return NOT_IN_XML.sub("", text)


new_models = require_safe(NewModels())
changes = require_safe(Changes())
model_feed = require_safe(ModelFeed())
