"""People find models however they spell them, and addresses keep what they chose."""

import base64
import doctest

import pytest
from django.http import QueryDict
from django.test import Client

from catalog.finding import browse, paging, search
from catalog.loading import openclip_zoo
from catalog.models import ModelCard
from tests.conftest import FIXTURES, make_card

L14 = "openai/clip-vit-large-patch14"


def found(address: str) -> list[str]:
    """Repo ids of all pages, one after the other."""
    return [card.repo for card in cards_of(browse.Query.read(QueryDict(address).dict()))]


def cards_of(query: browse.Query) -> list[ModelCard]:
    page = query.page(ModelCard.objects.real())
    if not page.next_key:
        return page.cards
    # Through the address, as a visitor goes: a key must survive being written and read.
    following = query.address(after=page.next_key).removeprefix("?")
    return page.cards + cards_of(browse.Query.read(QueryDict(following).dict()))


@pytest.mark.parametrize(
    "typed", ["vit l14 openai", "clip large patch 14", "clip-vit-larg-patch14", L14, "OPENAI L/14"]
)
def test_the_model_meant_comes_first(catalog: None, typed: str) -> None:
    assert found(f"q={typed}")[0] == L14


def test_every_word_must_match(catalog: None) -> None:
    assert found("q=openai siglip") == []


@pytest.mark.parametrize(
    ("typed", "is_known", "fits"),
    [
        ("datacomp", True, True),
        ("datac", True, True),
        ("datacmp", False, True),
        ("d", True, False),
    ],
)
def test_a_word_may_be_begun_or_misspelt_but_not_a_mere_letter(
    catalog: None, typed: str, is_known: bool, fits: bool
) -> None:
    [word] = search.read(typed)

    assert word.is_known == is_known
    assert ("laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K" in found(f"q={typed}")) == fits


def test_a_whole_word_ranks_before_one_that_it_begins(db: None) -> None:
    make_card("lab/zebrafinches", name="zebrafinches", imagenet_top1=99)
    make_card("lab/zebra", name="zebra")

    assert found("q=zebra") == ["lab/zebra", "lab/zebrafinches"]


def test_resemblance_stays_between_0_and_1(catalog: None) -> None:
    for typed in ["vit", "datac", "14", "openai clip", "OpenCLIP ViT-L/14 DataComp"]:
        cards = search.find(ModelCard.objects.real(), search.read(typed))
        assert cards
        assert all(0 < getattr(card, "resemblance") <= 1 for card in cards)  # noqa: B009


@pytest.mark.parametrize("typed", ["", "  ", "!?", "\0"])
def test_no_words_find_everything(catalog: None, typed: str) -> None:
    assert len(found(f"q={typed}")) == 167


def test_filters_narrow_and_combine(catalog: None) -> None:
    siglip = found("family=SigLIP")
    timm = found("family=SigLIP&author=timm")

    assert siglip
    assert set(timm) <= set(siglip)
    assert all("SigLIP" in repo for repo in timm)


@pytest.mark.parametrize(
    ("sort", "figure", "is_rising"),
    [
        ("accuracy", "imagenet_top1", False),
        ("compute", "image_gflops", True),
        ("downloads", "downloads_per_month", False),
    ],
)
def test_a_sort_follows_its_figure_with_unknown_last(
    catalog: None, sort: str, figure: str, is_rising: bool
) -> None:
    query = browse.Query.read({"sort": sort})
    figures = [getattr(card, figure) for card in cards_of(query)]
    known = [value for value in figures if value is not None]

    assert known == sorted(known, reverse=not is_rising)
    assert figures[: len(known)] == known


def test_the_order_by_price_is_that_of_the_prices_shown(catalog: None) -> None:
    cards = cards_of(browse.Query(sort="price"))
    prices = [card.price.nano_usd_per_image for card in cards if card.price]

    assert prices == sorted(prices)


def test_pages_show_every_model_once(catalog: None) -> None:
    for sort in browse.SORTS:
        repos = found(f"sort={sort}")

        assert len(repos) == len(set(repos)) == 167


def test_pages_are_numbered_whatever_the_order(catalog: None, client: Client) -> None:
    for sort in browse.SORTS:
        address, seen = f"/models/?sort={sort}", 0
        while address:
            response = client.get(address)
            page = response.context["page"]
            assert (page.first, page.last) == (seen + 1, seen + len(page.cards))
            assert f"{page.first}–{page.last} of 167" in response.content.decode()
            seen, following = page.last, response.context["next_address"]
            address = f"/models/{following}" if following else ""
        assert seen == 167


def test_ticks_and_axes_stay_while_people_search_sort_and_go_on(
    catalog: None, client: Client
) -> None:
    ticked = ["timm/ViT-B-16-SigLIP", L14]
    context = client.get("/models/", {"m": ticked, "x": "price", "y": "mean"}).context
    choices = [*context["sorts"]]
    choices += [choice for menu in context["menus"] for choice in menu.choices]
    addresses = [choice.address for choice in choices] + [context["next_address"]]

    for address in addresses:
        parameters = QueryDict(address.removeprefix("?"))
        assert parameters.getlist("m") == ticked
        assert (parameters["x"], parameters["y"]) == ("price", "mean")
    for choice in [*context["axes_across"], *context["axes_up"]]:
        assert QueryDict(choice.address.removeprefix("?")).getlist("m") == ticked


def test_ticked_models_of_other_pages_stand_below_the_table(catalog: None, client: Client) -> None:
    response = client.get("/models/", {"q": "siglip", "m": [L14, "timm/ViT-B-16-SigLIP", "no/no"]})
    page = response.content.decode()

    assert [card.repo for card in response.context["chosen_elsewhere"]] == [L14]
    assert page.count(f'name="m" value="{L14}" checked') == 1
    assert page.count('value="timm/ViT-B-16-SigLIP" aria-label=') == 1
    assert "compare 2" in page


def test_no_more_are_ticked_than_can_be_compared(catalog: None, client: Client) -> None:
    many = list(ModelCard.objects.values_list("repo", flat=True)[:9])

    assert len(client.get("/models/", {"m": many}).context["query"].m) == 4


def test_pages_go_on_however_long_the_names_are(db: None) -> None:
    for index in range(paging.PAGE_SIZE * 2 + 1):
        make_card(f"owner/{'long-' * 30}{index:03}", name="long", imagenet_top1=index / 3)

    repos = found("author=owner")

    assert len(repos) == len(set(repos)) == paging.PAGE_SIZE * 2 + 1


def test_a_model_added_before_the_page_moves_nothing_after_it(catalog: None) -> None:
    first = browse.Query().page(ModelCard.objects.real())
    second = browse.Query(after=first.next_key).page(ModelCard.objects.real())
    make_card("aaa/best-of-all", imagenet_top1=99.9)

    again = browse.Query(after=first.next_key).page(ModelCard.objects.real())

    assert [card.repo for card in again.cards] == [card.repo for card in second.cards]


LONG = base64.urlsafe_b64encode(b"[1" + b"0" * 340 + b',0,"a/b"]').decode().rstrip("=")
SURROGATE = base64.urlsafe_b64encode(b'[0,0,"\\ud800"]').decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    ["x", "%%%", "bnVsbA", "W10", "WzEsMiwzLDRd", "W251bGwsMSwxXQ", LONG, SURROGATE],
)
def test_a_key_that_makes_no_sense_gives_the_first_page(catalog: None, after: str) -> None:
    first = browse.Query(after=after).page(ModelCard.objects.real()).cards[0]

    assert first.imagenet_top1 is not None
    assert first.imagenet_top1 > 80


def test_nonsense_in_an_address_is_left_out() -> None:
    query = browse.Query.read({"sort": "beauty", "status": "x", "colour": "red", "q": "a" * 999})

    assert (query.sort, query.status, len(query.q)) == ("", "", browse.LONGEST_QUERY)


@pytest.mark.parametrize("address", ["?q=zzzzzz", "?family=none", "?sort=beauty&q=vit"])
def test_any_address_is_a_page(catalog: None, client: Client, address: str) -> None:
    assert client.get(f"/models/{address}").status_code == 200


def test_an_address_with_a_nul_is_refused_on_a_page(catalog: None, client: Client) -> None:
    response = client.get("/models/?q=%00")

    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/html")


def test_nothing_found_shows_the_way_back(catalog: None, client: Client) -> None:
    page = client.get("/models/?q=zzzzzz").content.decode()

    assert "nothing" in page.lower()
    assert 'href="/models/"' in page


def test_what_was_typed_is_escaped(catalog: None, client: Client) -> None:
    page = client.get('/models/?q="><script>').content.decode()

    assert "<script>" not in page


def test_the_zoo_holds_what_the_table_states() -> None:
    rows = {document["repo"]: document for document in openclip_zoo.documents(FIXTURES / "zoo.csv")}

    facts = rows[L14]["facts"]
    assert len(rows) == 167
    assert facts["parameters"]["value"] == 427_620_000
    assert facts["image_gflops"]["value"] == 162.03
    assert facts["patch_size"]["value"] == 14


def test_every_zoo_page_renders(catalog: None, client: Client) -> None:
    for card in ModelCard.objects.all():
        assert client.get(card.get_absolute_url()).status_code == 200, card.repo


@pytest.mark.parametrize("module", [search, openclip_zoo])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
