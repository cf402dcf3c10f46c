"""Decides where the hub and a checked fact differ: take the hub's value, or keep ours."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models.functions import Now

from catalog import hand_edits
from catalog.hub import comparison, provenance
from catalog.models import Difference, ModelCard


class AlreadyDecided(Exception):
    """Somebody was quicker, or the hub states something else; the message names the field."""


@transaction.atomic
def take(difference: Difference, *, by: AbstractBaseUser) -> None:
    """Write the hub's value on the card, and its source with it. Raises AlreadyDecided.

    From then on the fact is the hub's, who may change it (a pinned revision excepted); the card's
    file may not, for a person has decided against it.
    """
    # First the card, then the difference: the order in which a sync takes them.
    card = ModelCard.objects.select_for_update(no_key=True).get(pk=difference.card_id)
    _decide(difference, Difference.Decision.TAKEN, by=by)
    value = comparison.read_back(difference.field, difference.hubs)
    ModelCard.objects.filter(pk=card.pk).update(**{difference.field: value}, changed_at=Now())
    provenance.cite(
        card, [difference.field], source=provenance.hub_source(), read_on=difference.found_on
    )
    hand_edits.mark(card, [difference.field])


def keep(difference: Difference, *, by: AbstractBaseUser) -> None:
    """Leave the card as it is; asked again when the hub's value moves. Raises AlreadyDecided."""
    _decide(difference, Difference.Decision.KEPT, by=by)


def _decide(difference: Difference, decision: Difference.Decision, *, by: AbstractBaseUser) -> None:
    # One of two reviewers wins, and only over the values that they saw.
    decided = Difference.objects.filter(
        pk=difference.pk,
        decision=Difference.Decision.OPEN,
        ours=difference.ours,
        hubs=difference.hubs,
    ).update(decision=decision, decided_at=Now(), decided_by=by.pk)
    if not decided:
        raise AlreadyDecided(f"{difference.field} of {difference.card} is no longer open as it was")
