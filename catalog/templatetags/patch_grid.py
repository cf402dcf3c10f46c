"""Tags that draw how finely a model cuts its input."""

import math
from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from catalog import patches

register = template.Library()

# Pixels of the mark's side, and how often the picture's side is as large.
MARK_SIDE, MARK_ZOOM = 32, 4


@register.simple_tag
@lru_cache(maxsize=64)
def sample_grid(side: int) -> SafeString:
    return render_to_string(
        "catalog/patches/grid.html", {"side": side, "rows": patches.sample_colors(side)}
    )


@register.inclusion_tag("catalog/patches/grid.html")
def picture_grid(side: int, rows: list[list[str]]) -> dict[str, object]:
    """The patch grid filled with colors found in a visitor's picture."""
    return {"side": side, "rows": rows}


@register.simple_tag
@lru_cache(maxsize=64)
def patch_mark(side: int | None) -> SafeString:
    """A corner of the bare grid, a quarter as wide as the image, or an empty place without patches.

    The whole grid would be grey at the size of a letter: 24 patches a side in 32 pixels.
    """
    patch = MARK_SIDE * MARK_ZOOM / side if side else 0
    lines = [f"{patch * i:.4g}" for i in range(1, math.ceil(MARK_SIDE / patch))] if patch else []
    context = {"size": MARK_SIDE, "has_patches": bool(side), "lines": lines}
    return render_to_string("catalog/patches/mark.html", context)
