"""What crawlers read first: llms.txt, robots.txt and the sitemap."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.models import ModelCard, ModelCardQuerySet, Task

PLAIN = "text/plain; charset=utf-8"
SECURITY_TXT_FOR = timedelta(days=90)
# Per person, or behind sign-in: nothing for an index.
DISALLOWED = ["/jobs/", "/accounts/", "/admin/"]
# In the sitemap, beside the tasks and the models.
PAGES = [
    "home",
    "models",
    "playground",
    "pricing",
    "roadmap",
    "request-model",
    "sources",
    "changes",
    "status",
    "docs",
]


@require_safe
def llms_txt(request: HttpRequest) -> HttpResponse:
    cards = ModelCard.objects.real().order_by("repo")
    context = {"written": cards.written(), "others": cards.filter(summary_is_generated=True)}
    return render(request, "catalog/llms.txt", context, content_type=PLAIN)


@require_safe
def robots_txt(request: HttpRequest) -> HttpResponse:
    sitemap = request.build_absolute_uri(reverse("sitemap"))
    rules = ["User-agent: *", *(f"Disallow: {path}" for path in DISALLOWED)]
    return HttpResponse("\n".join([*rules, f"Sitemap: {sitemap}", ""]), content_type=PLAIN)


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Whom to tell of a hole, as RFC 9116 has it; 404 where the operator has named nobody."""
    if not settings.SECURITY_CONTACT:
        raise Http404
    contact = settings.SECURITY_CONTACT
    if "://" not in contact and not contact.startswith("mailto:"):
        contact = f"mailto:{contact}"
    # The field is required. The file is made anew with each request, and so never out of date.
    expires = timezone.now().replace(microsecond=0) + SECURITY_TXT_FOR
    lines = [
        f"Contact: {contact}",
        f"Expires: {expires.isoformat()}",
        "Preferred-Languages: en",
        f"Canonical: {request.build_absolute_uri(reverse('security-txt'))}",
    ]
    return HttpResponse("\n".join([*lines, ""]), content_type=PLAIN)


class CardSitemap(Sitemap[ModelCard]):
    def items(self) -> ModelCardQuerySet:
        return ModelCard.objects.order_by("repo")

    def lastmod(self, item: ModelCard) -> datetime:
        return item.changed_at


class PageSitemap(Sitemap[str]):
    def items(self) -> list[str]:
        tasks = [reverse("task", args=[task]) for task in Task.values]
        return [*(reverse(name) for name in PAGES), *tasks]

    def location(self, item: str) -> str:
        return item


SITEMAPS = {"models": CardSitemap, "pages": PageSitemap}
