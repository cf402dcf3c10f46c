"""/pricing/: every price once, with the models that have it."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.price_list.views import Line
from catalog.models import ModelCard, Stage
from tests.conftest import UNPRICED, make_card

PAGE = "/pricing/"


def lines(client: Client) -> list[Line]:
    context = client.get(PAGE).context
    found: list[Line] = [*context["launched"], *context["estimated"]]
    return found


@pytest.fixture
def no_cards(db: None) -> None:
    ModelCard.objects.all().delete()


def test_every_model_with_a_price_is_there_once_and_the_cheapest_first(
    catalog: None, client: Client
) -> None:
    shown = lines(client)

    priced = [card for card in ModelCard.objects.real().exclude(stage=Stage.RETIRED) if card.price]
    assert sorted(card.pk for line in shown for card in line.cards) == sorted(
        card.pk for card in priced
    )
    prices = [line.price.nano_usd_per_image for line in shown]
    assert prices == sorted(prices)
    for line in shown:
        for card in line.cards:
            price = card.price
            assert price is not None
            assert (price.nano_usd_per_image, price.nano_usd_per_token) == (
                line.price.nano_usd_per_image,
                line.price.nano_usd_per_token,
            )


def test_equal_prices_share_a_line_and_an_estimate_is_none_that_was_set(
    no_cards: None, client: Client
) -> None:
    set_price = {"launch_price_nano_usd_per_image": 94_000, "launch_price_nano_usd_per_token": 100}
    for name in ("b", "a"):
        make_card(f"lab/{name}", name=name, stage=Stage.LIVE, **UNPRICED | set_price)
    make_card("lab/c", name="c", **UNPRICED | {"est_price_nano_usd_per_image": 94_000})

    assert [[card.name for card in line.cards] for line in lines(client)] == [["a", "b"], ["c"]]


def test_the_example_adds_up(catalog: None, client: Client) -> None:
    example = client.get(PAGE).context["example"]

    assert example.card.price.micro_usd_for(images=1_000) == example.again_micro_usd
    assert example.micro_usd == example.again_micro_usd + example.texts_micro_usd
    assert example.texts_micro_usd > 0


def test_without_any_price_there_is_no_example(no_cards: None, client: Client) -> None:
    response = client.get(PAGE)

    assert response.status_code == 200
    assert response.context["example"] is None


def test_more_models_take_no_more_queries(
    catalog: None, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(4):
        client.get(PAGE)


def test_it_takes_no_post(client: Client) -> None:
    assert client.post(PAGE).status_code == 405
