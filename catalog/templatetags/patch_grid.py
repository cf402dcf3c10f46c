"""Tags that draw how finely a model cuts its input."""

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from catalog import patches

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=64)
def sample_grid(side: int) -> SafeString:
    return render_to_string(
        "catalog/model/_patch_grid.html", {"side": side, "rows": patches.sample_colors(side)}
    )


@register.inclusion_tag("catalog/model/_patch_grid.html")
def picture_grid(side: int, rows: list[list[str]]) -> dict[str, object]:
    """The patch grid filled with colors found in a visitor's picture."""
    return {"side": side, "rows": rows}


@register.inclusion_tag("catalog/model/_patch_mark.html")
def patch_mark(side: int | None) -> dict[str, object]:
    # Its bare grid: one line between every two patches.
    return {"side": side, "lines": range(1, side) if side else []}
