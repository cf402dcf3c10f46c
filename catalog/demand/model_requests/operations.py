"""Requests for models that the catalog lacks: kept here, looked up at Hugging Face by a worker.

A request is kept first and checked later, so that nobody waits for a hub that is away.
"""

import logging
from contextlib import suppress
from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from catalog import limits
from catalog.demand import votes
from catalog.demand.model_requests import suitability
from catalog.demand.model_requests.suitability import Candidate, Unsuitable
from catalog.hub import sync
from catalog.hub.client import Garbled, Hub, NotShown, Unavailable
from catalog.hub.metadata import Figures
from catalog.hub.provenance import cite, hub_source
from catalog.infrastructure import broker
from catalog.models import ModelCard, ModelRequest, Stage, StageChange

log = logging.getLogger(__name__)

CHECK_REQUEST = "catalog.tasks.check_request"  # by name: tasks import this module
MESSAGE_LIVES_S = 60  # the sweep checks what no message was sent for
REQUESTS_A_DAY = 10
# The hub rests between two tries, and a worker is not kept by what piled up while it was away.
TRY_AGAIN_AFTER = timedelta(minutes=2)
CHECKS_A_SWEEP = 5

NOT_SHOWN = (
    "Hugging Face shows no public model of this name. Check the spelling; it may also be renamed, "
    "private or gated."
)
GARBLED = "We couldn't read what Hugging Face says about it. Please request it again another day."


class TooManyRequests(limits.TooOften):
    retry_after_s = limits.DAY_S


def find_card(name: str) -> ModelCard | None:
    """The model of this id, or once of this id; capitals do not matter."""
    cards = ModelCard.objects.real()
    return cards.called(name).first() or cards.formerly(name).first()


def submit(name: str, user: AbstractBaseUser) -> ModelRequest:
    """Keep a person's request, once, and have it checked soon; a refused one is checked again.

    Raises limits.Refused, TooManyRequests among them.
    """
    own = ModelRequest.objects.filter(repo__iexact=name, user_id=user.pk)
    known = own.exclude(state=ModelRequest.State.REFUSED).first()
    if known is not None:
        return known
    if not limits.take(f"requests:{user.pk}", REQUESTS_A_DAY, window_s=limits.DAY_S):
        raise TooManyRequests(
            f"You've requested {REQUESTS_A_DAY} models today, the most allowed. "
            "Please come back tomorrow."
        )
    with transaction.atomic():
        # A second click waits for the first one's row here, and then finds it.
        ModelRequest.objects.bulk_create(
            [ModelRequest(repo=name, user_id=user.pk)], ignore_conflicts=True
        )
        own.filter(state=ModelRequest.State.REFUSED).update(
            state=ModelRequest.State.WAITING, reason="", requested_at=Now(), checked_at=None
        )
        request = own.get()
        broker.send_on_commit(CHECK_REQUEST, request.pk, expires_s=MESSAGE_LIVES_S)
    return request


def sweep(hub: Hub) -> int:
    """Check what waits and was not tried just now, oldest try first; how many were decided.

    Stops when the hub is away.
    """
    rested = Q(checked_at__isnull=True) | Q(checked_at__lt=Now() - TRY_AGAIN_AFTER)
    waiting = ModelRequest.objects.filter(rested, state=ModelRequest.State.WAITING)
    oldest_try_first = waiting.order_by(F("checked_at").asc(nulls_first=True), "requested_at")
    decided = 0
    for request in oldest_try_first[:CHECKS_A_SWEEP]:
        if not check(request, hub):
            break
        decided += 1
    return decided


def check(request: ModelRequest, hub: Hub) -> bool:
    """Decide one request; False while the hub cannot be asked. Safe to run twice."""
    if request.state != ModelRequest.State.WAITING:
        return True
    # Noted before the hub is asked: a request that kills its worker must wait for its turn, too.
    ModelRequest.objects.filter(pk=request.pk).update(checked_at=Now())
    card = find_card(request.repo)
    if card is not None:
        _accept(request, card)
        return True
    try:
        figures = hub.figures(request.repo)
        candidate = suitability.examine(request.repo, hub)
    except Unavailable as error:
        log.warning("request waits id=%s: %s", request.pk, error)
        return False
    except NotShown:
        _refuse(request, NOT_SHOWN)
    except Garbled as error:
        log.warning("request refused id=%s: %s", request.pk, error)
        _refuse(request, GARBLED)
    except Unsuitable as error:
        _refuse(request, str(error))
    else:
        _create_card(request, candidate, figures, hub)
    return True


@transaction.atomic
def _create_card(request: ModelRequest, candidate: Candidate, figures: Figures, hub: Hub) -> None:
    """Write the card with what the hub says of it, each figure with its source."""
    architecture = candidate.architecture
    # By the hub's own spelling: two people may have asked for it in different capitals.
    card, is_new = ModelCard.objects.get_or_create(
        repo=candidate.repo,
        defaults={
            "name": candidate.repo.partition("/")[2][:120],
            "stage": Stage.REQUESTED,
            "summary": _summary(candidate),
            "summary_is_generated": True,
            "loader": architecture.loader,
            "open_clip_model": architecture.open_clip_model,
            **architecture.facts,
        },
    )
    if is_new:
        StageChange.objects.create(
            card=card, stage=Stage.REQUESTED, reason="requested by a visitor"
        )
        today, source = timezone.localdate(), hub_source(hub.address)
        cite(card, architecture.facts, source=source, read_on=today)
        sync.write(card, figures, source=source, today=today)
        log.info("card requested repo=%s", card.repo)
    _accept(request, card)


def _summary(candidate: Candidate) -> str:
    facts = candidate.architecture.facts
    size = f" that sees images at {facts['image_size']} px" if "image_size" in facts else ""
    owner = candidate.repo.partition("/")[0]
    return f"Zero-shot image model by {owner}{size}, requested by a visitor."[:200]


@transaction.atomic
def _accept(request: ModelRequest, card: ModelCard) -> None:
    """Settle it with its model, and count the request as a vote while the model takes votes."""
    waiting = ModelRequest.objects.filter(pk=request.pk, state=ModelRequest.State.WAITING)
    decided = waiting.update(state=ModelRequest.State.ACCEPTED, card=card, checked_at=Now())
    if decided and request.user is not None:
        with suppress(votes.Closed):
            votes.cast(card, request.user)


def _refuse(request: ModelRequest, reason: str) -> None:
    waiting = ModelRequest.objects.filter(pk=request.pk, state=ModelRequest.State.WAITING)
    waiting.update(state=ModelRequest.State.REFUSED, reason=reason, checked_at=Now())
