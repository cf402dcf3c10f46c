"""The documentation of the API: a few pages, each a template of its own."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from catalog.models import ModelCard
from catalog.page_cache import cache_for_anonymous
from catalog.pricing.batch import BATCH_DISCOUNT_PERCENT
from inference import images, kinds
from inference.api.flow import joining
from inference.api.limits import RateLimit
from inference.api.resources import events
from inference.docs import guides, snippets
from inference.kinds.classify import templates
from inference.kinds.classify.request import MAX_SCORES
from inference.kinds.fields import inputs, labels, texts, tokens
from inference.models import Event, Worker
from inference.outbound import fetch_queue
from inference.webhooks import schedule

COMPATIBILITY = Path(settings.BASE_DIR) / "docs" / "compatibility.json"


@dataclass(frozen=True)
class Page:
    """One page: `slug` is its address and its template's name."""

    slug: str
    title: str

    @property
    def address(self) -> str:
        return reverse("docs-page", args=[self.slug]) if self.slug else reverse("docs")

    @property
    def template(self) -> str:
        return f"inference/docs/{self.slug or 'start'}.html"


PAGES = [
    Page("", "quick start"),
    Page("endpoints", "endpoints"),
    Page("jobs", "jobs"),
    Page("batches", "batches"),
    Page("webhooks", "webhooks"),
    Page("errors", "errors"),
    Page("limits", "limits"),
    Page("clients", "clients"),
    Page("versions", "versions"),
]


@require_safe
@cache_for_anonymous
def docs(request: HttpRequest, slug: str = "") -> HttpResponse:
    page = next((page for page in PAGES if page.slug == slug), None)
    if page is None:
        raise Http404(f"no page {slug}")
    return render(request, page.template, _context(page))


@require_safe
@cache_for_anonymous
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    found = guides.of(slug)
    if found is None:
        raise Http404(f"no guide {slug}")
    clients = next(page for page in PAGES if page.slug == "clients")
    rows = [row for row in compatibility() if row["client"] == found.package]
    return render(request, found.template, _context(clients) | {"guide": found, "rows": rows})


def _context(page: Page) -> dict[str, Any]:
    return {
        "page": page,
        "pages": PAGES,
        "model": _example_model(),
        "api": f"{settings.SITE_URL}/v1",
        "site": settings.SITE_URL,
        "limits": {name: f"{limit:,}" for name, limit in _limits().items()},
        "kinds": list(kinds.KINDS.values()),
        "guides": guides.GUIDES,
        "webhook_events": Event.choices,
        "retry_rule": schedule.in_words(),
        "compatibility": compatibility() if page.slug == "clients" else [],
    }


def _example_model() -> str:
    # One that answers now, if there is one: people paste the examples.
    served = ModelCard.objects.callable().filter(repo__in=Worker.objects.served_repos())
    card = next((card for card in served.best_first() if card.is_priced), None)
    return card.repo if card else snippets.MODEL


def _limits() -> dict[str, int]:
    return {
        "a_minute": RateLimit.SUBMISSIONS.calls_per_key,
        "a_minute_account": RateLimit.SUBMISSIONS.calls_per_account,
        "others_a_minute": RateLimit.OTHERS.calls_per_key,
        "others_a_minute_account": RateLimit.OTHERS.calls_per_account,
        "streams": events.MAX_STREAMS,
        "images_a_minute": settings.API_IMAGES_PER_MINUTE,
        "in_flight": settings.API_CALLS_IN_FLIGHT,
        "in_flight_account": settings.API_CALLS_IN_FLIGHT_ACCOUNT,
        "queued": settings.API_QUEUED_JOBS,
        "inputs": inputs.MAX_INPUTS,
        "images": inputs.MAX_IMAGES,
        "urls": fetch_queue.MAX_URLS,
        "tokens": tokens.MAX_TOKENS,
        "join_s": joining.WINDOW_S,
        "characters": inputs.MAX_CHARACTERS,
        "labels": labels.MAX_LABELS,
        "label_characters": labels.MAX_CHARACTERS,
        "templates": templates.MAX_TEMPLATES,
        "texts": templates.MAX_TEXTS,
        "scores": MAX_SCORES,
        "marks": texts.MAX_MARKS,
        "body_mb": settings.API_MAX_BODY_BYTES // 2**20,
        "body_bytes_per_s": settings.BODY_MIN_BYTES_PER_S,
        "picture_mb": images.MAX_BYTES // 2**20,
        "megapixels": images.MAX_PIXELS // 1_000_000,
        "request_megapixels": images.MAX_REQUEST_PIXELS // 10**6,
        "wait_s": settings.API_WAIT_S,
        "batch_percent": 100 - BATCH_DISCOUNT_PERCENT,
        "file_mb": settings.BATCH_FILE_BYTES // 2**20,
        "file_lines": settings.BATCH_LINES,
        "file_days": settings.BATCH_FILE_DAYS,
        "stored_mb": settings.BATCH_STORED_BYTES // 2**20,
        "open_batches": settings.BATCH_OPEN,
    }


@cache
def compatibility() -> list[dict[str, Any]]:
    # Written by the tests, which run the real clients (tests/inference/api/clients/record.py).
    results: list[dict[str, Any]] = json.loads(COMPATIBILITY.read_text())
    return results
