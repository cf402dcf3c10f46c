"""The catalog's pages show what the fixtures state, and say so where nothing is stated."""

import re

import pytest
import yaml
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.loading import cards
from catalog.loading.documents import Document
from catalog.models import Alias, ModelCard
from tests.conftest import FIXTURES, make_card

DOCUMENTS = [yaml.safe_load(path.read_text()) for path in cards.card_files(FIXTURES)]
FIVE = [document for document in DOCUMENTS if not document.get("is_stand_in")]


def test_loading_again_changes_nothing(catalog: None) -> None:
    before = list(ModelCard.objects.order_by("repo").values())

    loaded = cards.load_folder(FIXTURES)

    assert (loaded.created, loaded.updated, loaded.unchanged) == (0, 0, 169)
    assert list(ModelCard.objects.order_by("repo").values()) == before


def test_loading_leaves_the_stage_alone(catalog: None) -> None:
    ModelCard.objects.update(stage="live")

    cards.load_folder(FIXTURES)

    assert set(ModelCard.objects.values_list("stage", flat=True)) == {"live"}


def test_a_fact_that_left_its_file_leaves_the_card(catalog: None) -> None:
    document = dict(FIVE[0])
    document["facts"] = {k: v for k, v in document["facts"].items() if k != "parameters"}

    cards.load_card(document, cards.load_sources(FIXTURES / "sources.yaml"))

    card = ModelCard.objects.get(repo=document["repo"])
    assert card.parameters is None
    assert not card.provenance.filter(field="parameters").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["repo"])
def test_every_figure_has_a_source_and_a_day(catalog: None, document: Document) -> None:
    card = ModelCard.objects.get(repo=document["repo"])

    sourced = {row.field for row in card.provenance.all()}

    assert sourced >= set(document["facts"])
    for field, fact in document["facts"].items():
        assert getattr(card, field) == fact["value"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["repo"])
def test_a_model_page_shows_its_facts(catalog: None, client: Client, document: Document) -> None:
    page = client.get(f"/models/{document['repo']}/").content.decode()

    for expected in [document["name"], document["repo"], *document["best_for"]]:
        assert expected in page
    for row in document.get("evaluations", []):
        assert row["dataset"] in page
        assert f"{row['value']:.2f}".rstrip("0").rstrip(".") in page
    assert page.count("<h1") == 1


def test_an_unknown_figure_is_called_not_stated(catalog: None, client: Client) -> None:
    page = client.get("/models/laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K/").content.decode()

    assert "not stated" in page


@pytest.mark.parametrize("name", ["conse-demo", "conse-demo-small"])
def test_a_stand_in_says_what_it_is(catalog: None, client: Client, name: str) -> None:
    page = client.get(f"/models/gigarouter/{name}/").content.decode()

    assert "not a CLIP" in page
    assert "make fetch REPO=openai/clip-vit-base-patch32" in page


@pytest.mark.parametrize("address", ["/models/", "/models/zero-shot-image/"])
def test_lists_hold_the_five_and_not_the_stand_in(
    catalog: None, client: Client, address: str
) -> None:
    for document in FIVE:
        page = client.get(address, {"q": document["repo"]}).content.decode()
        assert f'href="/models/{document["repo"]}/"' in page
    assert "conse-demo" not in client.get(address, {"q": "conse demo"}).content.decode()


def test_home_shows_the_five(catalog: None, client: Client) -> None:
    page = client.get("/").content.decode()

    for document in FIVE:
        assert f'href="/models/{document["repo"]}/"' in page
    assert "100.7K" in page


@pytest.mark.parametrize(
    "address", ["/models/audio/", "/models/openai/nothing/", "/nothing/", "/models/a/b/c/"]
)
def test_an_unknown_page_shows_a_way_on(catalog: None, client: Client, address: str) -> None:
    response = client.get(address)

    assert response.status_code == 404
    assert 'href="/models/"' in response.content.decode()


@pytest.mark.parametrize("address", ["/models/", "/models/zero-shot-image/"])
def test_pages_take_no_post(catalog: None, client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


def test_a_model_page_costs_few_queries(
    catalog: None, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(10):
        client.get("/models/openai/clip-vit-large-patch14/")


def test_pages_allow_nothing_inline(catalog: None, client: Client) -> None:
    response = client.get("/models/openai/clip-vit-large-patch14/")

    assert "unsafe-inline" not in response["Content-Security-Policy"]
    page = response.content.decode()
    assert " style=" not in page
    assert "<style" not in page
    assert " onclick=" not in page


@pytest.mark.parametrize(
    "spelling",
    [
        "OpenAI/CLIP-ViT-Large-Patch14/",
        "clip-vit-large-patch14/",
        "CLIP-ViT-Large-Patch14/",
        "openai/clip-vit-large-patch14",
    ],
)
def test_other_spellings_lead_to_the_page_for_good(
    catalog: None, client: Client, spelling: str
) -> None:
    response = client.get(f"/models/{spelling}")

    assert response.status_code == 301
    assert response["Location"] == "/models/openai/clip-vit-large-patch14/"


def test_a_name_that_two_models_share_leads_nowhere(catalog: None, client: Client) -> None:
    make_card("somebody/clip-vit-large-patch14")

    assert client.get("/models/clip-vit-large-patch14/").status_code == 404


def test_an_old_name_leads_to_the_page_for_good(catalog: None, client: Client) -> None:
    card = ModelCard.objects.get(repo="openai/clip-vit-large-patch14")
    Alias.objects.create(card=card, name="openai/clip-l14")

    response = client.get("/models/OpenAI/clip-L14/")

    assert response.status_code == 301
    assert response["Location"] == card.get_absolute_url()


@pytest.mark.parametrize(
    "repo",
    ["openai/clip-vit-large-patch14", "timm/ViT-SO400M-14-SigLIP2", "gigarouter/conse-demo"],
)
def test_the_contents_name_each_section_in_its_order(
    catalog: None, client: Client, repo: str
) -> None:
    page = client.get(f"/models/{repo}/").content.decode()
    contents, body = page[page.index('class="contents"') :].split("</nav>", 1)

    linked = re.findall(r'href="#([\w-]+)"', contents)

    assert linked == re.findall(r'<h2 id="([\w-]+)"', body)
    assert len(linked) > 3
