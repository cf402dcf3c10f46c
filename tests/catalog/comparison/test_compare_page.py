"""The page that compares: its address is the comparison, and it says what it leaves out."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.models import Alias, ModelCard

L14 = "openai/clip-vit-large-patch14"
B32 = "openai/clip-vit-base-patch32"
FIVE = [
    L14,
    B32,
    "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
    "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
    "apple/DFN5B-CLIP-ViT-H-14",
]


def names_of(address: str) -> list[str]:
    return parse_qs(urlsplit(address).query).get("m", [])


def columns(client: Client, *repos: str) -> list[str]:
    response = client.get("/compare/", {"m": repos})
    return [card.repo for card, _ in response.context["cards"]]


@pytest.mark.parametrize("repos", [[L14, B32], [B32, L14], [B32, FIVE[4], L14]])
def test_columns_stand_in_the_order_of_the_address(
    catalog: None, client: Client, repos: list[str]
) -> None:
    assert columns(client, *repos) == repos


def test_unknown_names_are_left_out_in_words(catalog: None, client: Client) -> None:
    page = client.get("/compare/", {"m": [L14, B32, "nobody/nothing"]}).content.decode()

    assert page.index("CLIP ViT-L/14") < page.index("CLIP ViT-B/32")
    assert "left out: nobody/nothing" in page


@pytest.mark.parametrize("chosen", [[], [L14], ["x"], [L14, L14], ["<script>"]])
def test_fewer_than_two_models_are_asked_for_more(
    catalog: None, client: Client, chosen: list[str]
) -> None:
    response = client.get("/compare/", {"m": chosen})

    assert response.status_code == 200
    assert "measures" not in response.context
    assert "<script>alert" not in response.content.decode()
    assert "&lt;script&gt;" in response.content.decode() or chosen != ["<script>"]


def test_a_fifth_model_is_refused_in_words_and_moves_up(catalog: None, client: Client) -> None:
    response = client.get("/compare/", {"m": FIVE})
    page = response.content.decode()

    assert [card.repo for card, _ in response.context["cards"]] == FIVE[:4]
    assert "Four models fit side by side" in page
    assert ModelCard.objects.get(repo=FIVE[4]).name in page
    [(_, without_first), *_] = response.context["cards"]
    assert names_of(without_first) == FIVE[1:]


def test_an_address_of_any_length_is_answered(catalog: None, client: Client) -> None:
    many = [f"o/{index}" for index in range(300)] + ["x" * 5000]

    assert client.get("/compare/", {"m": [*FIVE[:2], *many]}).status_code == 200


def test_other_spellings_and_former_names_lead_to_the_canonical_address(
    catalog: None, client: Client
) -> None:
    Alias.objects.create(card=ModelCard.objects.get(repo=L14), name="old/name")

    response = client.get("/compare/", {"m": ["clip-vit-base-patch32", "OLD/name", "no/such"]})

    assert response.status_code == 301
    assert names_of(response["Location"]) == [B32, L14, "no/such"]


def test_two_names_of_one_model_are_one_column(catalog: None, client: Client) -> None:
    response = client.get("/compare/", {"m": [L14, L14.upper(), B32]}, follow=True)

    assert [card.repo for card, _ in response.context["cards"]] == [L14, B32]


def test_a_model_is_found_and_added_behind_those_picked(catalog: None, client: Client) -> None:
    response = client.get("/compare/", {"m": [B32, L14], "q": "bigG laion2B"})

    [(found, with_it), *_] = response.context["found"]
    assert found.repo == FIVE[3]
    assert names_of(with_it) == [B32, L14, FIVE[3]]


def test_what_is_chosen_is_not_offered_again(catalog: None, client: Client) -> None:
    response = client.get("/compare/", {"m": [L14], "q": "clip vit large patch14"})

    assert L14 not in [card.repo for card, _ in response.context["found"]]


def test_nothing_found_says_so(catalog: None, client: Client) -> None:
    page = client.get("/compare/", {"m": [L14], "q": "zzzzzz"}).content.decode()

    assert "No model fits “zzzzzz”" in page


def test_each_footnote_leads_to_its_source(catalog: None, client: Client) -> None:
    response = client.get("/compare/", {"m": [L14, B32]})
    page = response.content.decode()

    assert response.context["notes"]
    for note in response.context["notes"]:
        assert f'id="note-{note.number}"' in page
        assert f'href="#note-{note.number}"' in page


def test_four_models_take_as_many_queries_as_two(
    catalog: None, client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # The cards, their facts and results with the sources of each, and benchmarks; suggestions
    # while there is room.
    with django_assert_num_queries(6):
        client.get("/compare/", {"m": FIVE[:4]})
    with django_assert_num_queries(7):
        client.get("/compare/", {"m": FIVE[:2]})


def test_comparing_takes_no_post(client: Client) -> None:
    assert client.post("/compare/").status_code == 405


def test_the_models_go_along_to_ones_own_photos(catalog: None, client: Client) -> None:
    page = client.get("/compare/", {"m": [L14, B32]}).content.decode()

    assert f'href="/try/compare/?model={L14}&amp;model={B32}"' in page
