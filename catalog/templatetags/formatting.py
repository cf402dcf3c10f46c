"""Filters that write numbers, prices and long texts."""

from datetime import UTC, datetime
from functools import lru_cache

import markdown as markdown_package
import nh3
from django import template
from django.utils.safestring import SafeString, mark_safe

from catalog.numbers.formatting import compact, millions, parameters, percent
from catalog.pricing.formatting import per_1k, per_1k_exactly, per_image, texts_at

register = template.Library()

ALLOWED_TAGS = {
    "a",
    "blockquote",
    "code",
    "em",
    "h3",
    "h4",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}

for write in (compact, millions, parameters, percent, per_1k, per_1k_exactly, per_image, texts_at):
    register.filter(write)


@register.filter
def iso(moment: datetime) -> str:
    """For `<time datetime>`: HTML takes no more than milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


@register.filter
@lru_cache(maxsize=512)  # by the text itself: this takes longer than the query that finds the text
def markdown(text: str) -> SafeString:
    """Markdown as HTML; only plain prose, lists, tables and links come through."""
    html = markdown_package.markdown(text, extensions=["tables", "sane_lists"])
    clean = nh3.clean(html, tags=ALLOWED_TAGS, link_rel="noopener nofollow")
    # On a phone a wide table scrolls by itself, and the keyboard has to reach it to do so.
    return mark_safe(clean.replace("<table>", '<table tabindex="0">'))  # noqa: S308  nh3 cleaned it
