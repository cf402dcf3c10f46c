"""A card gathered in one query is the same as its rows asked for one by one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from catalog import stages, whole
from catalog.models import HubReading, ModelCard, PriceChange, Stage
from tests.conftest import FIXTURES, make_card


def same(rows: Sequence[models.Model], expected: models.QuerySet[Any]) -> bool:
    def values(row: models.Model) -> list[Any]:
        return [getattr(row, field.attname) for field in row._meta.concrete_fields]

    return [values(row) for row in rows] == [values(row) for row in expected]


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*--*.yaml")), ids=lambda path: path.stem)
def test_rows_come_back_as_they_are(catalog: None, path: Any) -> None:
    card = ModelCard.objects.get(repo=path.stem.replace("--", "/"))
    stages.move(card, Stage.RETIRED if card.is_stand_in else Stage.BENCHMARKING, reason="a 'test'")
    for value in (1, 2):
        PriceChange.objects.create(
            card=card,
            micro_usd_per_image=value,
            micro_usd_per_label=0,
            basis="launch",
            inputs={"a": 1.5},
        )
        HubReading.objects.create(card=card, read_on=f"2026-11-0{value}", likes=value)

    found = whole.find(card.repo)

    assert found is not None
    assert found.card == card
    assert same(found.provenance, card.provenance.order_by("pk"))
    assert [row.source for row in found.provenance] == [
        row.source for row in card.provenance.select_related("source").order_by("pk")
    ]
    assert same(found.evaluations, card.evaluations.all())
    assert same(found.questions, card.faq.all())
    assert same(found.stage_changes, card.stage_changes.all())
    assert same(found.price_changes, card.price_changes.all())
    assert same(found.hub_readings, card.hub_readings.all())


def test_only_the_last_readings_are_gathered_oldest_first(db: None) -> None:
    card = make_card("tests/whole")
    today = timezone.now().date()
    HubReading.objects.bulk_create(
        HubReading(card=card, read_on=today - timedelta(days=age), likes=age)
        for age in range(whole.READINGS_SHOWN + 5)
    )

    found = whole.find(card.repo)

    assert found is not None
    likes = [reading.likes for reading in found.hub_readings]
    assert likes == list(range(whole.READINGS_SHOWN))[::-1]


def test_an_unknown_repo_finds_nothing(db: None) -> None:
    assert whole.find("nobody/nothing") is None
