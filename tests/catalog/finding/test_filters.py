"""The catalog's filters: each in the address, all together, and never an error."""

import doctest
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.finding import browse, facets, filters
from catalog.finding.browse import Choice, Query
from catalog.models import ModelCard
from catalog.numbers import formatting, parsing
from tests.conftest import make_card


@pytest.fixture
def no_cards(db: None) -> None:
    """The module's catalog aside, for this test."""
    ModelCard.objects.all().delete()


def read(address: str) -> Query:
    return Query.read(QueryDict(address).dict())


def found(address: str) -> set[str]:
    return {card.repo for card in read(address).matching(ModelCard.objects.real())}


def menu(address: str, name: str) -> dict[str, Choice]:
    menus = facets.count(read(address), ModelCard.objects.real()).menus
    return {choice.label: choice for menu in menus if menu.name == name for choice in menu.choices}


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("num_parameters=min:6B,max:128B", "min:6B,max:128B"),
        ("num_parameters=max:128b,min:6000M", "min:6B,max:128B"),
        ("num_parameters=min:6B", "min:6B"),
        ("num_parameters=min:128B,max:6B", "min:6B,max:128B"),
        ("num_parameters=min:1,000,000,max:x", "min:1M"),
        ("min_parameters=150M&max_parameters=", "min:150M"),
        ("min_parameters=150M&num_parameters=max:1B", "min:150M"),
        ("min_parameters=&max_parameters=&num_parameters=max:1B", ""),
        ("num_parameters=6B", ""),
        ("num_parameters=min:-1", ""),
        ("num_parameters=min:1e99", ""),
        ("num_parameters=min:99999999999999999999", ""),
        ("price=max:$0.05", "max:0.05"),
        ("min_price=.01&max_price=0.10", "min:0.01,max:0.1"),
    ],
)
def test_a_range_has_one_canonical_spelling(typed: str, canonical: str) -> None:
    query = read(typed)

    assert (query.num_parameters or query.price) == canonical


def test_a_range_holds_both_its_ends_and_nothing_unknown(no_cards: None) -> None:
    make_card("a/less", parameters=99_999_999)
    make_card("a/least", parameters=100_000_000)
    make_card("a/most", parameters=200_000_000)
    make_card("a/more", parameters=200_000_001)
    make_card("a/unknown", parameters=None)

    assert found("num_parameters=min:100M,max:200M") == {"a/least", "a/most"}
    assert found("num_parameters=max:100M") == {"a/less", "a/least"}


def test_prices_are_dollars_for_a_thousand_images(no_cards: None) -> None:
    for micro_usd in (9, 10, 50, 51):
        make_card(f"a/costs-{micro_usd}", est_price_nano_usd_per_image=micro_usd * 1000)
    make_card("a/unknown")

    assert found("price=min:0.01,max:0.05") == {"a/costs-10", "a/costs-50"}
    assert found("price=max:0.0505") == {"a/costs-9", "a/costs-10", "a/costs-50"}
    assert found("price=min:0.0505") == {"a/costs-51"}
    assert found("price=max:999999999999") == {f"a/costs-{n}" for n in (9, 10, 50, 51)}


def test_each_facet_finds_its_cards(no_cards: None) -> None:
    make_card("a/one", license="MIT", image_size=224, embed_dim=512, family="SigLIP")
    make_card("b/two", license="", image_size=384, embed_dim=768, stage="live")

    assert found("license=mit") == {"a/one"}
    assert found("license=Unknown") == {"b/two"}
    assert found("input=384") == {"b/two"}
    assert found("embedding=512") == {"a/one"}
    assert found("author=A") == {"a/one"}
    assert found("family=siglip") == {"a/one"}
    assert found("status=live") == {"b/two"}
    assert found("license=mit&input=384") == set()


def test_filters_combine_with_the_search_and_an_order(catalog: None) -> None:
    address = (
        "q=vit&author=timm&input=224&embedding=768&num_parameters=max:1B&price=max:0.1&sort=price"
    )

    page = read(address).page(ModelCard.objects.real())

    assert page.cards
    for card in page.cards:
        assert (card.owner, card.image_size, card.embed_dim) == ("timm", 224, 768)
        assert (card.parameters or 0) <= 10**9
        assert (card.nano_usd_per_image or 0) <= 100_000


@pytest.mark.parametrize(
    "address",
    [
        "input=large",
        "input=-1",
        "input=٣",
        "embedding=99999999",
        "num_parameters=min:",
        "num_parameters=,,,",
        "price=max:cheap",
        "price=%00",
        "status=x",
        "license=%00",
        "min_parameters=%00",
    ],
)
def test_what_makes_no_sense_is_left_out(catalog: None, address: str) -> None:
    assert len(found(address)) == 167


@pytest.mark.parametrize(
    "address",
    [
        "input=99999",
        "license=nobodys",
        "author=%25",
        "num_parameters=min:999T",
        "price=min:1e15",
        "license=%22%3E%3Cscript%3E",
        "q=vit&input=224&after=x",
        "num_parameters=" + "min:1," * 500,
    ],
)
def test_any_address_is_a_page(catalog: None, client: Client, address: str) -> None:
    response = client.get(f"/models/?{address}")

    assert response.status_code == 200
    assert "<script>" not in response.content.decode()


def test_an_address_survives_being_written_and_read() -> None:
    query = read("q=a b&num_parameters=min:6B,max:128B&license=MIT&price=max:0.05&input=0224")

    address = query.address()

    assert "num_parameters=min:6B,max:128B" in address
    assert read(address.removeprefix("?")) == query


def test_each_choice_leads_to_as_many_cards_as_it_says(catalog: None) -> None:
    address = "q=vit&license=unknown&num_parameters=max:1B"
    for menu in facets.count(read(address), ModelCard.objects.real()).menus:
        for choice in menu.choices:
            if not choice.is_chosen:
                leads_to = found(choice.address.removeprefix("?"))
                assert len(leads_to) == choice.count, (menu.name, choice.label)


def test_the_total_is_what_the_pages_hold(catalog: None) -> None:
    for address in ["", "q=vit", "family=SigLIP&input=224", "author=nobody", "q=zzzz"]:
        total = facets.count(read(address), ModelCard.objects.real()).total
        assert total == len(found(address)), address


def test_a_chosen_facet_still_shows_the_others(catalog: None) -> None:
    choices = menu("family=SigLIP", "family")

    assert choices["SigLIP"].is_chosen
    assert "CLIPA" in choices


@pytest.mark.parametrize("address", ["q=vit&status=coming-soon", "q=vit&status=COMING-soon"])
def test_a_chosen_filter_leads_back_out(catalog: None, address: str) -> None:
    chosen = [choice for choice in menu(address, "status").values() if choice.is_chosen]

    assert [choice.address for choice in chosen] in (["?q=vit"], [])


def test_a_long_menu_is_cut_but_keeps_what_is_chosen(no_cards: None) -> None:
    for index in range(facets.MOST_CHOICES + 5):
        make_card(f"owner{index:02}/model")

    [authors] = [
        menu
        for menu in facets.count(read("author=owner44"), ModelCard.objects.real()).menus
        if menu.name == "author"
    ]

    assert (len(authors.choices), authors.left_out) == (facets.MOST_CHOICES + 1, 4)
    assert authors.choices[-1].is_chosen


def test_every_filter_in_force_can_be_taken_back_alone(catalog: None, client: Client) -> None:
    query = read("author=timm&num_parameters=min:100M,max:1B&price=max:0.05")

    chips = {chip.label: chip.address for chip in browse.chips(query)}

    assert chips == {
        "author: timm": "?num_parameters=min:100M,max:1B&price=max:0.05",
        "parameters: 100M to 1B": "?author=timm&price=max:0.05",
        "est. price / 1k: at most $0.05": "?author=timm&num_parameters=min:100M,max:1B",
    }
    page = client.get(f"/models/{query.address()}").content.decode()
    for label in chips:
        assert label in page


def test_the_form_alone_filters_and_keeps_what_was_chosen(catalog: None, client: Client) -> None:
    """As a browser without scripts sends it: every field, the empty ones, too."""
    form = {
        "q": "vit",
        "family": "SigLIP",
        "min_parameters": "200M",
        "max_parameters": "",
        "min_price": "",
        "max_price": "$0.05",
    }

    response = client.get("/models/", form)

    meant = urlencode(
        {"q": "vit", "family": "SigLIP", "num_parameters": "min:200M", "price": "max:0.05"},
        safe=":",
    )
    assert response["HX-Replace-Url"] == f"/models/?{meant}"
    same = client.get(f"/models/?{meant}")
    assert "HX-Replace-Url" not in same
    assert [c.repo for c in response.context["cards"]] == [c.repo for c in same.context["cards"]]
    page = same.content.decode()
    assert '<input type="hidden" name="family" value="SigLIP">' in page
    assert 'name="min_parameters" value="200M"' in page
    assert 'name="max_price" value="0.05"' in page


@pytest.mark.parametrize("address", ["/models/", "/models/zero-shot-image/"])
def test_the_next_page_stands_in_the_link_header(
    catalog: None, client: Client, address: str
) -> None:
    first = client.get(address, {"sort": "price"})

    assert first["Link"].startswith(f"<http://testserver{address}?sort=price&after=")
    assert first["Link"].endswith('>; rel="next"')
    second = client.get(first["Link"].partition(">")[0][1:])
    assert {c.pk for c in first.context["cards"]}.isdisjoint(c.pk for c in second.context["cards"])
    assert "Link" not in client.get(address, {"q": "zzzz"})


def test_a_page_of_the_catalog_costs_four_queries(catalog: None, client: Client) -> None:
    address = "/models/?license=unknown&input=224&num_parameters=max:1B&sort=price&q=vit+"
    costs = []
    for word in ("l14", "b32", "b16"):
        with CaptureQueriesContext(connection) as queries:
            client.get(address + word)
        costs.append(len(queries))

    # The least of three: once a minute a search also looks whether the cards' words have changed.
    assert min(costs) == 4


@pytest.mark.parametrize("module", [filters, formatting, parsing])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
