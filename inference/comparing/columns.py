"""A column: a model and the prompts around each label.

InvalidColumns      root; `str(error)` is a sentence for people
"""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import ModelCard
from inference.kinds.classify import templates
from inference.kinds.classify.template_sets import SETS
from inference.kinds.classify.templates import Templates
from inference.models import Comparison, StoredColumn

MIN_COLUMNS, MAX_COLUMNS = 2, 4


class InvalidColumns(Exception):
    pass


@dataclass(frozen=True)
class Column:
    """`card` is None once the catalog has lost the model: its answers are still shown."""

    repo: str
    templates: Templates
    card: ModelCard | None

    @property
    def name(self) -> str:
        return self.card.name if self.card else self.repo

    @property
    def prompt_words(self) -> str:
        if isinstance(self.templates, str):
            if self.templates in SETS:
                return f"{len(SETS[self.templates])} prompts, averaged"
            return self.templates
        return f"{len(self.templates)} prompts, averaged"

    @property
    def title(self) -> str:
        """Names the column in a file, and no other of its comparison: `openai/x (openai-7)`."""
        is_one = isinstance(self.templates, str)
        return f"{self.repo} ({self.templates if is_one else ' | '.join(self.templates)})"

    @property
    def stored(self) -> StoredColumn:
        return StoredColumn(repo=self.repo, **templates.fields_of(self.templates))

    def text_count(self, label_count: int) -> int:
        return label_count * templates.count(self.templates)


def check(columns: Sequence[Column]) -> None:
    """Raises InvalidColumns."""
    if len(columns) < MIN_COLUMNS:
        raise InvalidColumns(
            "Please choose at least two columns: two models, or one model with two prompts."
        )
    seen: dict[str, int] = {}
    for number, column in enumerate(columns, start=1):
        if column.title in seen:
            raise InvalidColumns(
                f"Columns {seen[column.title]} and {number} are the same model with the same"
                " prompt. Please change one of them."
            )
        seen[column.title] = number


def of(comparison: Comparison) -> list[Column]:
    repos = {stored["repo"] for stored in comparison.columns}
    cards = {card.repo: card for card in ModelCard.objects.filter(repo__in=repos)}
    return [
        Column(
            stored["repo"],
            stored.get("templates") or stored["template"],
            cards.get(stored["repo"]),
        )
        for stored in comparison.columns
    ]
