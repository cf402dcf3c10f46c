"""What to offer who asks for a model that cannot be tried yet."""

from django import template

from catalog.models import ModelCard

register = template.Library()


@register.inclusion_tag("catalog/demand/_ask.html")
def ask_for(repo: str) -> dict[str, object]:
    """The vote and the waitlist of the model that they named; to request one that we lack.

    `repo`: as it came from an address, and may be anything.
    """
    is_sane = 0 < len(repo) <= 200 and "\0" not in repo
    card = ModelCard.objects.real().called(repo).first() if is_sane else None
    return {"card": card, "repo": repo if is_sane else ""}
