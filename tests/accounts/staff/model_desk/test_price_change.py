"""A price changes on an announced date; one that rises, not before people had time."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db.models import F

from accounts.staff.model_desk import DeskRefused, open_notice, price_change
from accounts.staff.model_desk.notices import Instruction
from accounts.staff.model_desk.price_change import Terms
from accounts.tasks import apply_notices
from catalog import price_history
from catalog.models import ModelCard, ModelNotice, NoticeKind, NoticeState, PriceChange, Stage
from tests.accounts.staff.model_desk.conftest import in_days
from tests.conftest import make_card
from tests.support.threads import at_once

Instruct = Callable[..., Instruction]


def prices(card: ModelCard) -> tuple[int, int]:
    card.refresh_from_db()
    assert card.price is not None
    return card.price.nano_usd_per_image, card.price.nano_usd_per_token


def come_due() -> None:
    ModelNotice.objects.update(effective_at=F("effective_at") - timedelta(days=400))


@pytest.mark.parametrize(("image", "token"), [(94_001, 100), (94_000, 101), (1, 101), (94_001, 0)])
def test_what_gets_dearer_is_announced_two_weeks_ahead(
    card: ModelCard, instruct: Instruct, image: int, token: int
) -> None:
    for at in (None, in_days(13.99)):
        with pytest.raises(DeskRefused, match="14 days"):
            price_change.announce(card, Terms(image, token, at), instruct())
    assert not ModelNotice.objects.exists()

    price_change.announce(card, Terms(image, token, in_days(14.01)), instruct())
    assert prices(card) == (94_000, 100)


def test_a_price_falls_at_once(card: ModelCard, instruct: Instruct) -> None:
    price_history.record(card)

    price_change.announce(card, Terms(80_000, 100), instruct())

    assert prices(card) == (80_000, 100)
    assert card.next_price is None
    assert ModelNotice.objects.get().state == NoticeState.DONE
    changes = PriceChange.objects.filter(card=card).values_list("nano_usd_per_image", flat=True)
    assert list(changes) == [94_000, 80_000]


def test_the_announced_price_stands_on_the_card_and_counts_from_its_date(
    card: ModelCard, instruct: Instruct
) -> None:
    price_history.record(card)
    at = in_days(20)
    price_change.announce(card, Terms(120_000, 150, at), instruct())
    assert card.next_price is not None
    assert (card.next_price.nano_usd_per_image, card.next_price_at) == (120_000, at)

    apply_notices()
    assert prices(card) == (94_000, 100)

    come_due()
    apply_notices()
    apply_notices()
    assert prices(card) == (120_000, 150)
    after = ModelCard.objects.get(pk=card.pk)
    assert (after.next_price_nano_usd_per_image, after.next_price_at) == (None, None)
    assert PriceChange.objects.filter(card=card).count() == 2


def test_a_model_priced_by_whole_texts_is_compared_by_its_longest(
    db: None, instruct: Instruct
) -> None:
    card = make_card(
        "laion/before",
        stage=Stage.LIVE,
        context_length=10,
        launch_price_nano_usd_per_image=94_000,
        launch_price_nano_usd_per_text=1_000,
    )
    with pytest.raises(DeskRefused, match="14 days"):
        price_change.announce(card, Terms(94_000, 101), instruct())

    price_change.announce(card, Terms(94_000, 100), instruct())

    assert prices(card) == (94_000, 100)
    assert card.launch_price_nano_usd_per_text is None


def test_what_was_announced_can_become_milder_in_its_last_days(
    card: ModelCard, instruct: Instruct
) -> None:
    first = price_change.announce(card, Terms(120_000, 150, in_days(20)), instruct())
    soon = in_days(2)
    ModelNotice.objects.update(effective_at=soon)
    with pytest.raises(DeskRefused, match="14 days"):
        price_change.announce(card, Terms(120_001, 150, soon), instruct(first.pk))

    price_change.announce(card, Terms(110_000, 150, soon), instruct(first.pk))

    assert card.next_price_nano_usd_per_image == 110_000


def test_a_price_change_that_is_taken_back_never_comes(card: ModelCard, instruct: Instruct) -> None:
    notice = price_change.announce(card, Terms(120_000, 150, in_days(20)), instruct())

    price_change.take_back(card, instruct(notice.pk))
    come_due()
    apply_notices()

    assert prices(card) == (94_000, 100)
    assert card.next_price is None
    with pytest.raises(DeskRefused, match="no price change"):
        price_change.take_back(card, instruct())


@pytest.mark.parametrize("days", [-1, -0.01])
def test_no_price_changes_in_the_past(card: ModelCard, instruct: Instruct, days: float) -> None:
    with pytest.raises(DeskRefused, match="has passed"):
        price_change.announce(card, Terms(1, 1, in_days(days)), instruct())


def test_the_price_of_now_is_no_change(card: ModelCard, instruct: Instruct) -> None:
    with pytest.raises(DeskRefused, match="it has now"):
        price_change.announce(card, Terms(94_000, 100), instruct())


@pytest.mark.parametrize("stage", [s for s in Stage if s not in (Stage.LIVE, Stage.DEPRECATED)])
def test_before_its_launch_a_model_has_no_price_to_change(
    db: None, instruct: Instruct, stage: Stage
) -> None:
    with pytest.raises(DeskRefused, match="set by the launch"):
        price_change.announce(make_card("laion/x", stage=stage), Terms(1, 1), instruct())


def test_of_two_operators_at_once_one_sets_the_price(
    transactional_db: None, card: ModelCard, instruct: Instruct
) -> None:
    at: datetime = in_days(20)

    def press(index: int) -> bool:
        own = ModelCard.objects.get(pk=card.pk)
        try:
            price_change.announce(own, Terms(120_000 + index, 150, at), instruct())
        except DeskRefused:
            return False
        return True

    assert sorted(at_once(press, 2)) == [False, True]
    notice = open_notice(card, NoticeKind.PRICE)
    card.refresh_from_db()
    assert notice is not None
    assert card.next_price_nano_usd_per_image == notice.nano_usd_per_image


def test_of_two_rounds_at_once_one_applies_it(
    transactional_db: None, card: ModelCard, instruct: Instruct
) -> None:
    price_change.announce(card, Terms(120_000, 150, in_days(20)), instruct())
    come_due()

    assert sorted(at_once(lambda _: price_change.apply_due(), 2)) == [0, 1]
    assert PriceChange.objects.filter(card=card).count() == 1
