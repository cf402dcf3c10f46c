"""Every figure's source opens: elsewhere, or on our own page of the record."""

import html
import re

import yaml
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.loading import cards
from tests.conftest import FIXTURES


def test_every_source_opens(catalog: None, client: Client) -> None:
    for path in cards.card_files(FIXTURES):
        repo = path.stem.replace("--", "/")
        page = client.get(f"/models/{repo}/").content.decode()
        notes = re.findall(r'<li id="note-\d+"[^>]*>(.*?)</li>', page)
        cited = [*notes, *re.findall(r'<tr class="bars__source">(.*?)</tr>', page)]
        assert cited
        for citation in cited:
            [address] = re.findall(r'href="([^"]+)"', citation)
            assert address.startswith("https://") or client.get(address).status_code == 200
        for note in client.get(f"/models/{repo}.json").json()["facts"].values():
            assert note["source"]["url"]


def test_our_own_record_says_what_it_is_and_holds_its_figures(
    catalog: None, client: Client
) -> None:
    page = client.get("/sources/original-page/").content.decode()

    assert "no longer online" in html.unescape(" ".join(page.split()))
    assert "12,400,000" in page
    assert "ImageNet-R, zero-shot top-1" in page
    assert "92.13 %" in page


def test_each_source_has_a_page_and_a_description(catalog: None, client: Client) -> None:
    listed = client.get("/sources/").content.decode()

    described = {row["slug"] for row in yaml.safe_load((FIXTURES / "sources.yaml").read_text())}
    for source in cards.load_sources(FIXTURES / "sources.yaml").values():
        page = client.get(source.get_absolute_url())
        assert page.status_code == 200
        assert source.description or source.slug not in described
        assert source.url or source.description
        assert html.escape(source.title, quote=True) in page.content.decode()
        # Only what some card cites is listed.
        is_cited = source.provenance_set.exists() or source.evaluation_set.exists()
        assert (source.get_absolute_url() in listed) == is_cited
        assert client.post(source.get_absolute_url()).status_code == 405
    assert client.get("/sources/nothing/").status_code == 404


def test_pages_of_sources_cost_few_queries(
    catalog: None, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for address in ("/sources/", "/sources/openclip-config/", "/sources/original-page/"):
        with django_assert_max_num_queries(3):
            client.get(address)


def test_the_price_of_an_estimate_opens_its_sources(catalog: None, client: Client) -> None:
    page = client.get("/models/openai/clip-vit-base-patch32/").content.decode()

    assert '<a href="/sources/original-page/">stated by its first page</a>' in page
    assert '<a href="/sources/openclip-profile/">open_clip&#x27;s model profile</a>' in page
