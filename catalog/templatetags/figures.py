"""How figures, prices and long texts are written on pages."""

from decimal import Decimal
from functools import lru_cache

import markdown
import nh3
from django import template
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from PIL import Image, ImageOps

from catalog import patches
from catalog.pricing import Price

register = template.Library()

UNITS = ((10**9, "B"), (10**6, "M"), (10**3, "K"))
ALLOWED_TAGS = {
    "a", "blockquote", "code", "em", "h3", "h4", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


@register.filter
def compact(number: int | None) -> str:
    """12.4M, 373.8K, 950: one decimal, as the hubs write downloads.

    >>> compact(12_400_000), compact(373_800), compact(950), compact(None)
    ('12.4M', '373.8K', '950', '')
    """
    return "" if number is None else _shortened(number, decimals=1)


@register.filter
def parameters(number: int | None) -> str:
    """428M, 2.54B: three figures, as papers write model sizes.

    >>> parameters(427_620_000), parameters(2_539_570_000)
    ('428M', '2.54B')
    """
    if number is None:
        return ""
    return _shortened(number, decimals=2 if number >= 10**9 else 0)


def _shortened(number: int, *, decimals: int) -> str:
    for size, unit in UNITS:
        if number >= size:
            return f"{number / size:.{decimals}f}{unit}"
    return str(number)


@register.filter
def per_1k(price: Price | None) -> str:
    """`$0.094`: US dollars for 1,000 images, to a tenth of a cent."""
    return "" if price is None else f"${price.usd_per_1k_images:.3f}"


@register.filter
def per_image(price: Price | None) -> str:
    """`$0.000094`: US dollars for one image, to the micro-dollar."""
    return "" if price is None else f"${price.usd_per_image:.6f}"


@register.filter
def images_for_usd(price: Price | None, usd: int) -> str:
    """How many whole images an amount buys: `10,638`."""
    if price is None or not price.micro_usd_per_image:
        return ""
    return f"{int(Decimal(usd) / price.usd_per_image):,}"


@register.filter
def rendered(text: str) -> SafeString:
    """Markdown to HTML, sanitised; only plain prose, lists, tables and links come through."""
    html = markdown.markdown(text, extensions=["tables", "sane_lists"], output_format="html")
    clean = nh3.clean(html, tags=ALLOWED_TAGS, link_rel="noopener nofollow")
    # On a phone a wide table scrolls by itself, and the keyboard has to reach it to do so.
    return mark_safe(clean.replace("<table>", '<table tabindex="0">'))  # noqa: S308  nh3 cleaned it


@register.inclusion_tag("_patch_grid.html")
def sample_grid(side: int | None) -> dict[str, object]:
    """The patch grid of this many patches a side, filled from the sample photo of a cat."""
    return {"side": side, "rows": sample_rows(side) if side else []}


@register.inclusion_tag("_patch_grid.html")
def picture_grid(side: int, rows: list[list[str]]) -> dict[str, object]:
    """The patch grid filled with colours found in a visitor's picture."""
    return {"side": side, "rows": rows}


@register.inclusion_tag("_patch_mark.html")
def patch_mark(side: int | None) -> dict[str, object]:
    """A model's mark in lists: its bare grid, one line between every two patches."""
    return {"side": side, "lines": range(1, side) if side else []}


@lru_cache(maxsize=64)
def sample_rows(side: int) -> list[list[str]]:
    """The mean colours of the sample photo in this many patches a side."""
    with Image.open(settings.BASE_DIR / "static" / "samples" / "cat.jpg") as photo:
        square = ImageOps.fit(photo.convert("RGB"), (448, 448))
    return patches.mean_colours(square, side)
