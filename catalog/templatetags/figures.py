"""What templates need to write figures, long texts and patch grids."""

from functools import lru_cache

import markdown
import nh3
from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from PIL import Image, ImageOps

from catalog import patches
from catalog.numbers.formatting import compact, parameters, per_1k, per_image

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


for write in (compact, parameters, per_1k, per_image):
    register.filter(write)


@register.filter
@lru_cache(maxsize=512)
def rendered(text: str) -> SafeString:
    """Markdown to HTML, sanitised; only plain prose, lists, tables and links come through.

    Kept by the text itself: it takes longer than the query that finds the text.
    """
    html = markdown.markdown(text, extensions=["tables", "sane_lists"], output_format="html")
    clean = nh3.clean(html, tags=ALLOWED_TAGS, link_rel="noopener nofollow")
    # On a phone a wide table scrolls by itself, and the keyboard has to reach it to do so.
    return mark_safe(clean.replace("<table>", '<table tabindex="0">'))  # noqa: S308  nh3 cleaned it


@register.simple_tag
@lru_cache(maxsize=64)
def sample_grid(side: int) -> SafeString:
    """The patch grid of this many patches a side, filled from the sample photo of a cat."""
    return render_to_string(
        "catalog/model/_patch_grid.html", {"side": side, "rows": sample_rows(side)}
    )


@register.inclusion_tag("catalog/model/_patch_grid.html")
def picture_grid(side: int, rows: list[list[str]]) -> dict[str, object]:
    """The patch grid filled with colours found in a visitor's picture."""
    return {"side": side, "rows": rows}


@register.inclusion_tag("catalog/model/_patch_mark.html")
def patch_mark(side: int | None) -> dict[str, object]:
    """A model's mark in lists: its bare grid, one line between every two patches."""
    return {"side": side, "lines": range(1, side) if side else []}


def sample_rows(side: int) -> list[list[str]]:
    """The mean colours of the sample photo in this many patches a side."""
    with Image.open(settings.BASE_DIR / "static" / "samples" / "cat.jpg") as photo:
        square = ImageOps.fit(photo.convert("RGB"), (448, 448))
    return patches.mean_colours(square, side)
