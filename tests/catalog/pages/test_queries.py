"""A card comes with all rows of its page, and they are what stands in the tables."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog import stages
from catalog.models import HubReading, ModelCard, PriceChange, Stage
from catalog.pages import queries
from tests.conftest import FIXTURES, make_card


def same(rows: Sequence[models.Model], expected: models.QuerySet[Any]) -> bool:
    def values(row: models.Model) -> list[Any]:
        return [getattr(row, field.attname) for field in row._meta.concrete_fields]

    return [values(row) for row in rows] == [values(row) for row in expected]


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*--*.yaml")), ids=lambda path: path.stem)
def test_rows_come_back_as_they_are(
    catalog: None, path: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    card = ModelCard.objects.get(repo=path.stem.replace("--", "/"))
    stages.move(card, Stage.RETIRED if card.is_stand_in else Stage.BENCHMARKING, reason="a 'test'")
    for value in (1, 2):
        PriceChange.objects.create(
            card=card,
            nano_usd_per_image=value,
            nano_usd_per_token=0,
            basis="launch",
            inputs={"a": 1.5},
        )

    loaded = queries.find_card(card.repo)

    assert loaded == card
    with django_assert_num_queries(0):
        provenance = list(loaded.provenance.all())
        sources = [row.source for row in provenance]
        evaluations, questions = list(loaded.evaluations.all()), list(loaded.faq.all())
        stage_changes = list(loaded.stage_changes.all())
        price_changes = list(loaded.price_changes.all())
    assert same(provenance, card.provenance.order_by("pk"))
    assert sources == [
        row.source for row in card.provenance.select_related("source").order_by("pk")
    ]
    assert same(evaluations, card.evaluations.all())
    assert same(questions, card.faq.all())
    assert same(stage_changes, card.stage_changes.all())
    assert same(price_changes, card.price_changes.all())


def test_only_the_last_readings_are_gathered_oldest_first(db: None) -> None:
    card = make_card("tests/readings")
    today = timezone.now().date()
    HubReading.objects.bulk_create(
        HubReading(card=card, read_on=today - timedelta(days=age), downloads_per_month=age)
        for age in range(queries.READINGS_SHOWN + 5)
    )

    downloads = queries.daily_downloads(card)

    assert [count for _, count in downloads] == list(range(queries.READINGS_SHOWN))[::-1]


def test_an_unknown_repo_finds_nothing(db: None) -> None:
    assert queries.find_card("nobody/nothing") is None
