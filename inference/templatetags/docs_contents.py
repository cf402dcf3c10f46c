"""Block tag that puts a page's own contents beside it."""

import html
import re

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

register = template.Library()

SECTION = re.compile(r'<h2 id="(?P<id>[\w-]+)">(?P<title>.*?)</h2>', re.DOTALL)


@register.simple_block_tag(takes_context=True)
def with_contents(context: Context, content: SafeString) -> SafeString:
    """{% with_contents %}...{% endwith_contents %}: its headings become the page's contents."""
    sections = [
        {"id": found["id"], "title": html.unescape(strip_tags(found["title"]))}
        for found in SECTION.finditer(content)
    ]
    shown = {"pages": context["pages"], "page": context["page"], "sections": sections}
    return render_to_string("inference/docs/_contents.html", shown | {"content": content})
