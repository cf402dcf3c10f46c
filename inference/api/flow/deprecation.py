"""What answers of a model that leaves say of it: since when, until when, and what to use instead.

Deprecation is RFC 9745's header, Sunset RFC 8594's.
"""

from django.utils.http import http_date

from catalog.models import ModelCard, Stage
from inference.api.errors import header_text
from inference.api.request import model_lookup


def headers_of(card: ModelCard, warning: str = "") -> dict[str, str]:
    """The headers of an answer of this model. `warning`: what it has to say besides."""
    sentences = " ".join(filter(None, [sentence_of(card), warning]))
    headers = {"X-Warning": header_text(sentences)} if sentences else {}
    if card.status is not Stage.DEPRECATED:
        return headers
    headers["Link"] = f'<{model_lookup.page_url(card)}>; rel="deprecation"; type="text/html"'
    if card.deprecated_at:
        headers["Deprecation"] = f"@{int(card.deprecated_at.timestamp())}"
    if card.shutdown_at:
        headers["Sunset"] = http_date(card.shutdown_at.timestamp())
    return headers


def sentence_of(card: ModelCard) -> str:
    """What to do, for people; "" for a model that stays."""
    if card.status is not Stage.DEPRECATED:
        return ""
    successor = model_lookup.successor_of(card)
    instead = f" Use {successor} instead." if successor else ""
    if card.shutdown_at is None:
        return f"{card.repo} is deprecated.{instead}"
    day = f"{card.shutdown_at:%d %B %Y, %H:%M}".removeprefix("0")
    return f"{card.repo} is deprecated and shuts down on {day} UTC.{instead}"
