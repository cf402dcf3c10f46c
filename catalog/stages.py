"""A model's way from requested to live to retired: each step allowed by rule, dated, with a reason.

Which steps are allowed stands in `catalog.models.MOVES`; the database refuses any other.
"""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import MOVES, ModelCard, Stage, StageChange
from catalog.standing import serving

# To these a model goes to be called. (One that is deprecated has been open all the time.)
OPENING = (Stage.PREVIEW, Stage.LIVE)


class MoveRefused(Exception):
    """The stage cannot be changed so; the message says from where to where."""


class NotAMove(MoveRefused):
    """There is no such step between these stages."""


class NoWorker(MoveRefused):
    """The stage would open the model to calls, and no living worker serves it."""


class ShutdownFirst(MoveRefused):
    """People were promised a date, or have to be: the shutdown page of the model sets it."""


class MovedMeanwhile(MoveRefused):
    """Somebody else has moved the model since the caller looked at it."""


@transaction.atomic
def move(
    card: ModelCard,
    to: Stage,
    *,
    reason: str,
    by: AbstractBaseUser | None = None,
    without_worker: bool = False,
) -> StageChange:
    """Bring a model to its next stage. Raises NotAMove, NoWorker, ShutdownFirst,
    MovedMeanwhile.

    `without_worker`: whoever moves it knows that nobody serves it yet.
    """
    before = card.status
    if to not in MOVES[before]:
        raise NotAMove(f"{card.repo} cannot go from {before} to {to}")
    opens = to in OPENING and before != Stage.DEPRECATED
    if opens and not without_worker and not serving.is_served(card):
        raise NoWorker(f"{card.repo} cannot go to {to}: no worker serves it")
    # Of two movers at once the second finds another stage than it saw, and updates no row.
    rows = ModelCard.objects.filter(pk=card.pk, stage=before)
    if not rows.filter(_keeps_promise(before, to)).update(stage=to, changed_at=Now(), **_dates(to)):
        if rows.exists():
            raise ShutdownFirst(f"{card.repo} {PROMISED[to]}")
        raise MovedMeanwhile(f"{card.repo} is no longer {before}")
    card.stage = to
    return StageChange.objects.create(
        card=card, before=before, stage=to, reason=reason, by_id=by.pk if by else None
    )


PROMISED = {
    Stage.LIVE: "has a shutdown date: take it back on its shutdown page",
    Stage.RETIRED: "is retired on its shutdown date: set or move it on its shutdown page",
}


def _keeps_promise(before: Stage, to: Stage) -> Q:
    """What must hold of the row: a deprecated model leaves on its date, and stays without one."""
    if before != Stage.DEPRECATED:
        return Q()
    return Q(shutdown_at__lte=Now()) if to == Stage.RETIRED else Q(shutdown_at__isnull=True)


def _dates(to: Stage) -> dict[str, Any]:
    """The columns that go with the stage; Any: values and expressions."""
    if to == Stage.DEPRECATED:
        return {"deprecated_at": Now()}
    # A retired model keeps the dates of its leaving.
    return {} if to == Stage.RETIRED else {"deprecated_at": None, "shutdown_at": None}


def record_births(reason: str) -> int:
    """Record the first stage of each card that has none on record; how many there were."""
    unborn = ModelCard.objects.filter(stage_changes__isnull=True)
    births = [
        StageChange(card=card, stage=card.stage, reason=reason, changed_at=card.created_at)
        for card in unborn
    ]
    return len(StageChange.objects.bulk_create(births, ignore_conflicts=True))
