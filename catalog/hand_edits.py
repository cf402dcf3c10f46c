"""Which parts of a card somebody has edited by hand: loading files leaves those alone.

A part is a field of the card with its source, or one of SECTIONS as a whole.
"""

from collections.abc import Iterable

from catalog.models import Alias, Evaluation, HandEdit, ModelCard, Question

SECTIONS = {Evaluation: "evaluations", Question: "faq", Alias: "aliases"}


def mark(card: ModelCard, parts: Iterable[str]) -> None:
    edits = [HandEdit(card=card, part=part) for part in sorted(parts)]
    HandEdit.objects.bulk_create(edits, ignore_conflicts=True)


def parts_of(repo: str) -> set[str]:
    """What a file may not write of this card. Locks the card."""
    # An edit that is being saved ends first, and counts.
    card = ModelCard.objects.select_for_update().filter(repo=repo).first()
    return set(card.hand_edits.values_list("part", flat=True)) if card else set()
