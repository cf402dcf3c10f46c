"""The footnotes of a comparison: one numbering for all its models, in the order of citing."""

from collections.abc import Sequence
from datetime import date

from catalog.models import Evaluation, ModelCard, Provenance
from catalog.pages.specs import Note


class Notes:
    """Cite, then list: figures that were read at one place on one day share a footnote.

    The cards have their `provenance` with its sources fetched, so that nothing here asks the
    database.
    """

    def __init__(self, cards: Sequence[ModelCard]) -> None:
        self._provenance = {
            (card.pk, row.field): row for card in cards for row in card.provenance.all()
        }
        self._cited: dict[tuple[str, date], Note] = {}

    @property
    def cited(self) -> Sequence[Note]:
        return list(self._cited.values())

    def of_field(self, card: ModelCard, field: str) -> Note | None:
        """None where the figure is our own."""
        row = self._provenance.get((card.pk, field))
        return self.of_row(row) if row else None

    def of_row(self, row: Provenance | Evaluation) -> Note:
        return self.cite(row.source.title, row.source.href(row.card_id), row.read_on)

    def cite(self, title: str, url: str, read_on: date) -> Note:
        note = Note(len(self._cited) + 1, title, url, read_on)
        return self._cited.setdefault((url, read_on), note)
