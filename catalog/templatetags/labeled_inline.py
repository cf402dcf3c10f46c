"""For the admin's inlines: what Django's own template leaves to those who see and have a mouse."""

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

REPLACED = {
    # A heading for screen readers.
    '<th class="original"></th>': (
        '<th class="original"><span class="visually-hidden">row</span></th>'
    ),
    # Over the boxes that delete, where nothing can be deleted.
    "<th></th>": "<td></td>",
    # What scrolls sideways is reached by key; "group" lets it have a name.
    '<div class="js-inline-admin-formset inline-group"': (
        '<div tabindex="0" role="group" class="js-inline-admin-formset inline-group"'
    ),
}


@register.filter
def for_everybody(table: SafeString) -> SafeString:
    """The rendered inline with a heading over each column, and within reach of the keyboard."""
    html = str(table)
    for found, better in REPLACED.items():
        html = html.replace(found, better)
    # Django rendered and escaped the table; what is put in is ours.
    return mark_safe(html)  # noqa: S308
