"""All that follows a model's stage, workers and peers, made once for whatever form it is shown in.

standing = Standing.of(queries.find_card(repo), is_served=serving.is_served(card))
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from catalog.models import ModelCard, Provenance
from catalog.standing import questions, ranks, serving
from catalog.standing.questions import Answered
from catalog.standing.ranks import Rank
from catalog.standing.serving import Availability


@dataclass(frozen=True)
class Standing:
    """`api_providers`: hosts that offer it, None: not stated. `is_provided_here`: we are one."""

    availability: Availability
    api_providers: int | None
    is_provided_here: bool
    ranks: Sequence[Rank]
    questions: Sequence[Answered]

    @classmethod
    def of(cls, card: ModelCard, *, is_served: bool) -> "Standing":
        availability = serving.availability_of(card, is_served=is_served)
        return cls(
            availability=availability,
            api_providers=serving.api_providers(card),
            is_provided_here=card.status.is_callable and not card.is_stand_in,
            ranks=ranks.ranks_of(card),
            questions=questions.questions_of(card, card.faq.all(), availability=availability),
        )

    @property
    def answers(self) -> bool:
        return self.availability is Availability.ANSWERS

    def stated(self, provenance: Iterable[Provenance]) -> list[Provenance]:
        """Without the number of providers that a source counted before we became one."""
        outdated = {"api_providers"} if self.is_provided_here else set()
        return [row for row in provenance if row.field not in outdated]
