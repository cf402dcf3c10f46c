"""A model goes from stage to stage by rule, and each step is kept."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.db.models.functions import Now
from django.utils import timezone

from catalog import stages
from catalog.models import MOVES, ModelCard, Stage, StageChange
from inference.models import Worker
from inference.models.workers import WORKER_SILENT_AFTER
from tests.conftest import make_card
from tests.support.threads import at_once

ALL_PAIRS = [(before, after) for before in Stage for after in Stage]


@pytest.mark.parametrize(("before", "after"), ALL_PAIRS)
def test_only_allowed_steps_are_taken(db: None, before: Stage, after: Stage) -> None:
    card = make_card(stage=before)
    if (before, after) == (Stage.DEPRECATED, Stage.RETIRED):
        ModelCard.objects.update(deprecated_at=Now(), shutdown_at=Now())

    if after in MOVES[before]:
        stages.move(card, after, reason="tested", without_worker=True)
    else:
        with pytest.raises(stages.NotAMove):
            stages.move(card, after, reason="tested", without_worker=True)

    expected = after if after in MOVES[before] else before
    assert ModelCard.objects.get().stage == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Stage.ONBOARDING, Stage.PREVIEW),
        (Stage.ONBOARDING, Stage.LIVE),
        (Stage.PREVIEW, Stage.LIVE),
    ],
)
def test_a_model_is_not_opened_without_a_worker(db: None, before: Stage, after: Stage) -> None:
    card = make_card(stage=before)
    Worker.objects.create(name="of another", pid=1, device="cpu", repos=["openai/another"])
    dead = Now() - WORKER_SILENT_AFTER
    Worker.objects.create(name="dead", pid=2, device="cpu", repos=[card.repo], seen_at=dead)

    with pytest.raises(stages.NoWorker):
        stages.move(card, after, reason="tested")
    assert card.stage == ModelCard.objects.get().stage == before

    Worker.objects.create(name="alive", pid=3, device="cpu", repos=[card.repo])
    stages.move(card, after, reason="tested")
    assert ModelCard.objects.get().stage == after


def test_leaving_needs_no_worker(db: None) -> None:
    card = make_card(stage=Stage.LIVE)

    for stage in (Stage.DEPRECATED, Stage.LIVE, Stage.DEPRECATED):
        stages.move(card, stage, reason="tested")
    ModelCard.objects.update(shutdown_at=Now())
    stages.move(card, Stage.RETIRED, reason="tested")

    assert ModelCard.objects.get().stage == Stage.RETIRED


@pytest.mark.parametrize("shutdown_in", [None, timedelta(minutes=1)])
def test_a_deprecated_model_is_retired_on_its_date_and_never_before(
    db: None, shutdown_in: timedelta | None
) -> None:
    card = make_card(stage=Stage.DEPRECATED, deprecated_at=timezone.now())
    ModelCard.objects.update(shutdown_at=Now() + shutdown_in if shutdown_in else None)

    with pytest.raises(stages.ShutdownFirst):
        stages.move(card, Stage.RETIRED, reason="tested")

    assert card.stage == ModelCard.objects.get().stage == Stage.DEPRECATED


def test_a_model_with_a_shutdown_date_goes_live_by_taking_the_date_back(db: None) -> None:
    now = timezone.now()
    card = make_card(stage=Stage.DEPRECATED, deprecated_at=now, shutdown_at=now)

    with pytest.raises(stages.ShutdownFirst):
        stages.move(card, Stage.LIVE, reason="tested")

    ModelCard.objects.update(shutdown_at=None)
    stages.move(card, Stage.LIVE, reason="tested")
    card.refresh_from_db()
    assert (card.status, card.deprecated_at) == (Stage.LIVE, None)


def test_a_model_that_is_deprecated_says_since_when(db: None) -> None:
    card = make_card(stage=Stage.LIVE)

    stages.move(card, Stage.DEPRECATED, reason="tested")

    changed = StageChange.objects.get(card=card)
    card.refresh_from_db()
    assert card.deprecated_at is not None
    assert abs(card.deprecated_at - changed.changed_at) < timedelta(minutes=1)


def test_the_database_refuses_a_jump_by_itself(card: ModelCard) -> None:
    with pytest.raises(IntegrityError, match="stage_change_is_allowed"):
        StageChange.objects.create(
            card=card, before=Stage.REQUESTED, stage=Stage.LIVE, reason="in a hurry"
        )


def test_a_step_needs_a_reason(card: ModelCard) -> None:
    with pytest.raises(IntegrityError, match="stage_change_has_a_reason"):
        stages.move(card, Stage.BENCHMARKING, reason="")


def test_a_step_is_kept_with_its_reason(card: ModelCard) -> None:
    stages.move(card, Stage.BENCHMARKING, reason="most wanted this week")

    change = StageChange.objects.get()
    assert (change.before, change.stage, change.reason) == (
        "requested",
        "benchmarking",
        "most wanted this week",
    )


@pytest.mark.django_db(transaction=True)
def test_of_two_who_move_at_once_one_is_told_so() -> None:
    card = make_card()

    def move(_: int) -> str:
        try:
            stages.move(ModelCard.objects.get(), Stage.BENCHMARKING, reason="tested")
        except stages.MoveRefused as refused:
            return type(refused).__name__
        return "moved"

    outcomes = at_once(move, 4)

    assert outcomes.count("moved") == 1
    assert StageChange.objects.filter(card=card).count() == 1


def test_births_are_recorded_once(card: ModelCard) -> None:
    assert (stages.record_births("added"), stages.record_births("added")) == (1, 0)

    birth = StageChange.objects.get()
    assert (birth.before, birth.stage, birth.changed_at) == ("", "requested", card.created_at)
