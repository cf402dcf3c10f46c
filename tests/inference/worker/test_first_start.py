"""What a worker serves where nobody has fetched weights yet."""

from pathlib import Path

from pytest_django import Settings

from inference.worker import served_models


def test_a_first_start_serves_both_stand_ins(
    catalog: None, tmp_path: Path, settings: Settings
) -> None:
    settings.MODEL_DIR = tmp_path

    cards = served_models.cards_to_serve("auto")

    assert [card.repo for card in cards] == ["gigarouter/conse-demo", "gigarouter/conse-demo-small"]
    assert all(card.is_stand_in for card in cards)
