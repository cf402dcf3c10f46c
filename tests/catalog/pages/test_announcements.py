"""Pages say what is announced of a model: when it shuts down, and what it will cost."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from catalog.models import ModelCard, Stage
from tests.conftest import make_card

AT = datetime(2031, 3, 1, 12, 30, tzinfo=UTC)
PRICED = {"launch_price_nano_usd_per_image": 94_000, "launch_price_nano_usd_per_token": 100}


@pytest.fixture
def leaving(db: None) -> ModelCard:
    newer = make_card("laion/newer", name="Newer", stage=Stage.LIVE)
    dates = {"deprecated_at": datetime(2031, 1, 1, tzinfo=UTC), "shutdown_at": AT}
    return make_card("laion/older", stage=Stage.DEPRECATED, successor=newer, **dates, **PRICED)


@pytest.fixture
def dearer(db: None) -> ModelCard:
    coming = {
        "next_price_nano_usd_per_image": 120_000,
        "next_price_nano_usd_per_token": 150,
        "next_price_at": AT,
    }
    return make_card("laion/dearer", name="Dearer", stage=Stage.LIVE, **coming, **PRICED)


def test_the_page_of_a_leaving_model_names_date_and_successor(
    client: Client, leaving: ModelCard
) -> None:
    page = client.get(leaving.get_absolute_url()).content.decode()
    markdown = client.get("/models/laion/older.md").content.decode()
    document = client.get("/models/laion/older.json").json()

    assert "shuts down on" in page
    assert "1 Mar 2031, 12:30 UTC" in page
    assert "Newer</a> instead." in page
    assert "shuts down on 1 March 2031; use `laion/newer` instead" in markdown
    assert document["shutdown_at"] == "2031-03-01T12:30:00Z"


def test_the_coming_price_stands_on_the_model_s_page_and_among_the_prices(
    client: Client, dearer: ModelCard
) -> None:
    for address in (dearer.get_absolute_url(), "/pricing/"):
        page = client.get(address).content.decode()
        assert "1 Mar 2031, 12:30 UTC" in page
        assert "$0.12" in page
        assert "$0.15 per million tokens" in page
    document = client.get("/models/laion/dearer.json").json()
    assert document["next_price"] == {
        "since": "2031-03-01T12:30:00Z",
        "nano_usd_per_image": 120_000,
        "nano_usd_per_text_token": 150,
    }


def test_a_model_that_stays_and_keeps_its_price_says_nothing_of_it(
    client: Client, db: None
) -> None:
    card = make_card("laion/stays", stage=Stage.LIVE, **PRICED)

    page = client.get(card.get_absolute_url()).content.decode()

    assert "shuts down" not in page
    assert "it costs" not in page
