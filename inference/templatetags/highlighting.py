"""Template filter for code that is read."""

from django import template

from inference.docs import highlighting

register = template.Library()
register.filter("highlight", highlighting.highlight)
