"""The models that somebody ticked to compare: read from an address, `?m=owner/name&m=owner/name`.

selection = resolve(names_in(request.GET))
selection.cards     # the first four that exist, in the order in which they were picked
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from catalog.models import ModelCard

# More columns are read by nobody.
MOST = 4
# An address may hold more names than fit, to say which ones do not; but not hundreds.
MOST_NAMES = 12
LONGEST_NAME = 200
PARAMETER = "m"


@dataclass(frozen=True)
class Selection:
    """`refused` exist, but do not fit; `missing` are names that no model has.

    `is_canonical`: each name was a repo id as the catalog writes it.
    """

    cards: list[ModelCard]
    refused: Sequence[ModelCard] = ()
    missing: Sequence[str] = ()
    is_canonical: bool = True

    @property
    def repos(self) -> list[str]:
        return [card.repo for card in [*self.cards, *self.refused]]

    @property
    def is_full(self) -> bool:
        return len(self.cards) == MOST

    def without(self, card: ModelCard) -> str:
        return address([repo for repo in self.repos if repo != card.repo])

    def plus(self, card: ModelCard) -> str:
        return address([*self.repos, card.repo])


def names_in(parameters: QueryDict) -> list[str]:
    """The names in an address, each once, in its order."""
    names = (name[:LONGEST_NAME].strip() for name in parameters.getlist(PARAMETER))
    return list(dict.fromkeys(filter(None, names)))[:MOST_NAMES]


def resolve(names: Sequence[str]) -> Selection:
    """The models of these names. A former name, or another spelling of one model, is taken too."""
    if not names:
        return Selection([])
    exact = {card.repo: card for card in ModelCard.objects.filter(repo__in=names)}
    found = {name: exact.get(name) or _by_another_name(name) for name in names}
    cards = list(dict.fromkeys(card for card in found.values() if card))
    return Selection(
        cards[:MOST],
        refused=cards[MOST:],
        missing=[name for name, card in found.items() if card is None],
        is_canonical=all(card is None or card.repo == name for name, card in found.items()),
    )


def address(repos: Iterable[str], *, parameter: str = PARAMETER) -> str:
    """The query string of a comparison, or of another page that names models by `parameter`.

    Slashes stay as they are, so that people can read it.
    """
    return f"?{urlencode([(parameter, repo) for repo in repos], safe='/')}"


def _by_another_name(name: str) -> ModelCard | None:
    cards = list(ModelCard.objects.called(name)[:2] or ModelCard.objects.formerly(name)[:2])
    return cards[0] if len(cards) == 1 else None
