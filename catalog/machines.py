"""The catalog for machines: JSON and Markdown twins, llms.txt, sitemap, robots, Atom feed."""

from datetime import datetime
from typing import Any

from django.contrib.sitemaps import Sitemap
from django.contrib.syndication.views import Feed
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import require_safe

from catalog import share_card, specs
from catalog.models import ModelCard, ModelCardQuerySet, Provenance, Task

MARKDOWN = "text/markdown; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
DAY_S = 24 * 3600


@require_safe
def model_json(request: HttpRequest, owner: str, name: str) -> JsonResponse:
    """A model page's figures, each with its source and the day it was read."""
    card = get_object_or_404(ModelCard, repo=f"{owner}/{name}")
    return JsonResponse(twin_of(card), json_dumps_params={"indent": 2})


@require_safe
def model_markdown(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """A model page as Markdown."""
    card = get_object_or_404(ModelCard, repo=f"{owner}/{name}")
    context = {
        "card": card,
        "sheet": specs.sheet_of(card),
        "evaluations": card.evaluations.all(),
        "questions": card.faq.all(),
    }
    return render(request, "model.md", context, content_type=MARKDOWN)


@require_safe
def share_card_png(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """The picture beside a shared link, drawn once for each state of the card."""
    card = get_object_or_404(ModelCard, repo=f"{owner}/{name}")
    key = f"share-card:{card.pk}:{card.changed_at.timestamp()}"
    drawn = cache.get_or_set(key, lambda: share_card.png(card), timeout=DAY_S)
    return HttpResponse(drawn, content_type="image/png")


# What a twin holds is JSON's own: text, numbers, lists, mappings.
Twin = dict[str, Any]


def twin_of(card: ModelCard) -> Twin:
    """The card as JSON. Unknown figures are left out; prices are strings of US dollars."""
    price = card.price
    return {
        "id": card.repo,
        "name": card.name,
        "url": card.get_absolute_url(),
        "task": card.task,
        "status": card.status.status,
        "stage": card.stage,
        "summary": card.summary,
        "summary_is_generated": card.summary_is_generated,
        "published": card.published,
        "updated": card.updated,
        "estimated_price": price
        and {
            "usd_per_1k_images": str(price.usd_per_1k_images),
            "is_from_compute": price.is_from_compute,
        },
        "facts": {row.field: _fact(card, row) for row in _provenance(card)},
        "evaluations": [
            {"dataset": e.dataset, "metric": e.metric, "percent": str(e.value)}
            for e in card.evaluations.all()
        ],
        "best_for": card.best_for,
        "limits": card.limits,
        "faq": list(card.faq.values("question", "answer")),
    }


def _provenance(card: ModelCard) -> list[Provenance]:
    return list(card.provenance.select_related("source").order_by("field"))


def _fact(card: ModelCard, row: Provenance) -> Twin:
    source = {"title": row.source.title, "url": row.source.url}
    return {"value": getattr(card, row.field), "source": source, "read_on": row.read_on}


@require_safe
def llms_txt(request: HttpRequest) -> HttpResponse:
    """The site in short for language models (llmstxt.org)."""
    cards = ModelCard.objects.real().order_by("repo")
    context = {"written": cards.written(), "others": cards.filter(summary_is_generated=True)}
    return render(request, "llms.txt", context, content_type=PLAIN)


@require_safe
def robots_txt(request: HttpRequest) -> HttpResponse:
    address = request.build_absolute_uri(reverse("sitemap"))
    lines = ["User-agent: *", "Disallow: /jobs/", "Disallow: /accounts/", "Disallow: /admin/"]
    return HttpResponse("\n".join([*lines, f"Sitemap: {address}", ""]), content_type=PLAIN)


class CardSitemap(Sitemap[ModelCard]):
    """Every model page, with the day its card last changed."""

    def items(self) -> ModelCardQuerySet:
        return ModelCard.objects.order_by("repo")

    def lastmod(self, item: ModelCard) -> datetime:
        return item.changed_at


class PageSitemap(Sitemap[str]):
    """The pages that are not about one model."""

    def items(self) -> list[str]:
        tasks = [reverse("task", args=[task]) for task in Task.values]
        return [reverse("home"), reverse("models"), reverse("playground"), *tasks]

    def location(self, item: str) -> str:
        return item


SITEMAPS = {"models": CardSitemap, "pages": PageSitemap}


class NewModels(Feed[ModelCard, None]):
    """Models as they join the catalog, newest first."""

    feed_type = Atom1Feed
    title = "gigarouter: new models"
    link = "/models/?sort=newest"
    subtitle = "Models as they join the catalog."

    def items(self) -> ModelCardQuerySet:
        return ModelCard.objects.real().order_by("-created_at", "repo")[:50]

    def item_title(self, item: ModelCard) -> str:
        return item.name

    def item_description(self, item: ModelCard) -> str:
        return item.summary

    def item_pubdate(self, item: ModelCard) -> datetime:
        return item.created_at

    def item_updateddate(self, item: ModelCard) -> datetime:
        return item.changed_at

    def item_guid(self, item: ModelCard) -> str:
        """Stable for ever, whatever the site's address becomes (RFC 4151)."""
        return f"tag:gigarouter,2026:models/{item.repo}"
