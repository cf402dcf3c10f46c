"""A model leaves on an announced date, in time for whoever calls it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F

from accounts.models import User
from accounts.staff.model_desk import DeskRefused, open_notice, shutdown
from accounts.staff.model_desk.notices import Instruction
from accounts.tasks import apply_notices
from catalog.models import ModelCard, ModelNotice, NoticeKind, NoticeState, Stage, StageChange
from tests.accounts.staff.model_desk.conftest import in_days
from tests.conftest import make_card
from tests.support.threads import at_once

Instruct = Callable[..., Instruction]


def announce(
    card: ModelCard,
    instruction: Instruction,
    days: float = 40,
    successor: ModelCard | None = None,
    *,
    is_urgent: bool = False,
) -> ModelNotice:
    terms = shutdown.Terms(in_days(days), successor, is_urgent)
    return shutdown.announce(card, terms, instruction)


def come_due() -> None:
    past = F("effective_at") - timedelta(days=400)
    ModelNotice.objects.update(effective_at=past)
    ModelCard.objects.filter(shutdown_at__isnull=False).update(
        shutdown_at=F("shutdown_at") - timedelta(days=400)
    )


def test_an_announcement_deprecates_the_model_and_names_date_and_successor(
    card: ModelCard, newer: ModelCard, instruct: Instruct, op: User
) -> None:
    notice = announce(card, instruct(), successor=newer)

    card.refresh_from_db()
    assert (card.status, card.successor) == (Stage.DEPRECATED, newer)
    assert card.shutdown_at == notice.effective_at
    assert card.deprecated_at is not None
    step = StageChange.objects.get(card=card)
    assert (step.by, step.reason) == (op, "a better one is live")


def test_thirty_days_are_enough_and_less_needs_the_tick(
    card: ModelCard, instruct: Instruct
) -> None:
    with pytest.raises(DeskRefused, match="promised 30 days"):
        announce(card, instruct(), 29.99)
    assert ModelCard.objects.get(pk=card.pk).stage == Stage.LIVE

    notice = announce(card, instruct(), 30.01)
    announce(card, instruct(notice.pk), 1, is_urgent=True)
    assert card.shutdown_at is not None


def test_no_tick_makes_a_date_of_the_past(card: ModelCard, instruct: Instruct) -> None:
    with pytest.raises(DeskRefused, match="has passed"):
        announce(card, instruct(), -0.01, is_urgent=True)


@pytest.mark.parametrize("stage", [s for s in Stage if s not in (Stage.LIVE, Stage.DEPRECATED)])
def test_only_what_people_call_is_shut_down(db: None, instruct: Instruct, stage: Stage) -> None:
    with pytest.raises(DeskRefused, match="live or deprecated"):
        announce(make_card("laion/other", stage=stage), instruct())


@pytest.mark.parametrize("stage", [Stage.ONBOARDING, Stage.DEPRECATED, Stage.RETIRED])
def test_a_successor_can_be_called_and_stays(
    card: ModelCard, instruct: Instruct, stage: Stage
) -> None:
    other = make_card("laion/other", stage=stage)

    for successor in (other, card):
        with pytest.raises(DeskRefused, match="successor"):
            announce(card, instruct(), successor=successor)


def test_on_its_date_the_model_retires_and_never_before(
    card: ModelCard, newer: ModelCard, instruct: Instruct
) -> None:
    announce(card, instruct(), successor=newer)
    apply_notices()
    assert ModelCard.objects.get(pk=card.pk).stage == Stage.DEPRECATED

    come_due()
    apply_notices()
    apply_notices()

    card.refresh_from_db()
    assert card.status is Stage.RETIRED
    assert card.use_instead == newer
    assert ModelNotice.objects.get().state == NoticeState.DONE
    assert StageChange.objects.filter(card=card, stage=Stage.RETIRED).count() == 1


def test_a_card_changed_by_hand_keeps_no_other_from_its_date(
    card: ModelCard, newer: ModelCard, instruct: Instruct, caplog: pytest.LogCaptureFixture
) -> None:
    announce(card, instruct())
    announce(newer, instruct())
    come_due()
    ModelCard.objects.filter(pk=card.pk).update(stage=Stage.ONBOARDING, shutdown_at=None)
    ModelCard.objects.filter(pk=card.pk).update(stage=Stage.LIVE)

    apply_notices()

    assert ModelCard.objects.get(pk=newer.pk).stage == Stage.RETIRED
    assert "cannot be retired" in caplog.text


def test_of_two_rounds_at_once_one_retires(
    transactional_db: None, card: ModelCard, instruct: Instruct
) -> None:
    announce(card, instruct())
    come_due()

    assert sorted(at_once(lambda _: shutdown.retire_due(), 2)) == [0, 1]


def test_a_date_that_is_taken_back_leaves_the_model_live(
    card: ModelCard, instruct: Instruct
) -> None:
    notice = announce(card, instruct())

    shutdown.take_back(card, instruct(notice.pk))

    assert (card.status, card.shutdown_at, card.deprecated_at) == (Stage.LIVE, None, None)
    assert ModelNotice.objects.get().state == NoticeState.WITHDRAWN
    with pytest.raises(DeskRefused, match="no shutdown date"):
        shutdown.take_back(card, instruct())


def test_a_date_can_be_moved_and_the_old_one_no_longer_counts(
    card: ModelCard, instruct: Instruct
) -> None:
    first = announce(card, instruct(), 40)
    second = announce(card, instruct(first.pk), 60)

    first.refresh_from_db()
    assert first.state == NoticeState.REPLACED
    assert open_notice(card, NoticeKind.SHUTDOWN) == second
    assert card.shutdown_at == second.effective_at
    ModelNotice.objects.filter(pk=first.pk).update(effective_at=in_days(-1))
    assert shutdown.retire_due() == 0


def test_a_date_that_is_near_can_be_moved_by_a_few_days_without_the_tick(
    card: ModelCard, instruct: Instruct
) -> None:
    first = announce(card, instruct(), 3, is_urgent=True)

    assert announce(card, instruct(first.pk), 5).effective_at > first.effective_at


def test_who_looked_at_another_date_changes_nothing(card: ModelCard, instruct: Instruct) -> None:
    notice = announce(card, instruct())

    for seen in (None, notice.pk + 1):
        with pytest.raises(DeskRefused, match="Somebody else"):
            announce(card, instruct(seen), 50)
        with pytest.raises(DeskRefused, match="Somebody else"):
            shutdown.take_back(card, instruct(seen))


def test_of_two_operators_at_once_one_announces(
    transactional_db: None, card: ModelCard, instruct: Instruct
) -> None:
    dates = [in_days(40), in_days(50)]

    def press(index: int) -> bool:
        own = ModelCard.objects.get(pk=card.pk)
        try:
            shutdown.announce(own, shutdown.Terms(dates[index]), instruct())
        except DeskRefused:
            return False
        return True

    assert sorted(at_once(press, 2)) == [False, True]
    notice = ModelNotice.objects.get()
    assert ModelCard.objects.get(pk=card.pk).shutdown_at == notice.effective_at


def test_moving_and_taking_back_at_once_leave_card_and_notice_agreeing(
    transactional_db: None, card: ModelCard, instruct: Instruct
) -> None:
    notice = announce(card, instruct())
    date = in_days(50)

    def press(index: int) -> bool:
        own = ModelCard.objects.get(pk=card.pk)
        try:
            if index:
                shutdown.take_back(own, instruct(notice.pk))
            else:
                shutdown.announce(own, shutdown.Terms(date), instruct(notice.pk))
        except DeskRefused:
            return False
        return True

    assert sorted(at_once(press, 2)) == [False, True]
    card.refresh_from_db()
    now_open = open_notice(card, NoticeKind.SHUTDOWN)
    assert card.shutdown_at == (now_open and now_open.effective_at)
