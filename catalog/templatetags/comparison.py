"""A filter that walks through two lists of equal length at once."""

from collections.abc import Iterable, Iterator

from django import template

register = template.Library()


@register.filter
def beside(one: Iterable[object], other: Iterable[object]) -> Iterator[tuple[object, object]]:
    """`{% for card, cell in cards|beside:row.cells %}`"""
    return zip(one, other, strict=True)
