"""How one model is called, for its page and the page's other forms.

how = how_to_call.of(card)      # None: it cannot be called, and will not be
how.model                       # what the code names: the card, or before launch the first stand-in
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse

from catalog.models import ModelCard
from inference import kinds
from inference.docs import snippets
from inference.docs.snippets import Snippet


@dataclass(frozen=True)
class Example:
    name: str
    title: str
    snippets: Sequence[Snippet]


@dataclass(frozen=True)
class HowToCall:
    """`model` is the one the code names; `is_stand_in`: whether that is one of the stand-ins."""

    model: str
    is_stand_in: bool
    base_url: str
    examples: Sequence[Example]

    @property
    def has_answers(self) -> bool:
        # Recorded of the first stand-in.
        return self.model == snippets.STAND_IN


def of(card: ModelCard) -> HowToCall | None:
    if card.is_coming_soon or card.repo == snippets.STAND_IN:
        return HowToCall(snippets.STAND_IN, True, _base_url(), _examples(snippets.STAND_IN))
    if card.status.is_callable:
        return HowToCall(card.repo, card.is_stand_in, _base_url(), _examples(card.repo))
    return None


def _base_url() -> str:
    return f"{settings.SITE_URL}/v1"


def _examples(model: str) -> list[Example]:
    is_stand_in = model == snippets.STAND_IN
    return [
        Example(
            name,
            title,
            snippets.with_answers(name) if is_stand_in else snippets.of(name, model=model),
        )
        for kind in kinds.KINDS.values()
        for name, title in kind.examples.items()
    ]


# JSON's own kinds of value.
def as_json(card: ModelCard) -> dict[str, Any] | None:
    """For the JSON of a model page; `answer` is "" where none was recorded."""
    how = of(card)
    if how is None:
        return None
    return {
        "compatible_with": "OpenAI",
        "base_url": how.base_url,
        "model": how.model,
        "is_stand_in": how.is_stand_in,
        "documentation": f"{settings.SITE_URL}{reverse('docs')}",
        "examples": [
            {
                "title": example.title,
                "client": snippet.client.label,
                "code": snippet.code,
                "answer": snippet.answer,
            }
            for example in how.examples
            for snippet in example.snippets
        ],
    }
