"""Anonymous visitors share a page for some seconds; whoever is known gets a page of their own."""

import gzip

import pytest
from django.conf import settings as site_settings
from django.core.cache import caches
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from catalog.models import ModelCard

PAGE = "/models/openai/clip-vit-base-patch32/"


@pytest.fixture
def cached_card(card: ModelCard, settings: Settings) -> ModelCard:
    """A card whose page an anonymous visitor has just asked for."""
    settings.PAGE_CACHE_S = 60
    assert Client().get(PAGE).status_code == 200
    return card


def renamed(card: ModelCard) -> None:
    ModelCard.objects.filter(pk=card.pk).update(name="another name")


def test_an_anonymous_visitor_gets_the_cached_page(
    cached_card: ModelCard, client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    renamed(cached_card)

    with django_assert_num_queries(0):
        page = client.get(PAGE)

    assert "another name" not in page.content.decode()


def test_a_person_gets_a_page_of_their_own(cached_card: ModelCard, client: Client) -> None:
    renamed(cached_card)
    client.force_login(User.objects.create_user("ada@lab.example"))

    page = client.get(PAGE).content.decode()

    assert "another name" in page
    assert "ada@lab.example" in page


def test_a_persons_page_is_not_cached_for_anybody_else(
    card: ModelCard, client: Client, settings: Settings
) -> None:
    settings.PAGE_CACHE_S = 60
    client.force_login(User.objects.create_user("ada@lab.example"))

    assert "ada@lab.example" in client.get(PAGE).content.decode()
    assert "ada@lab.example" not in Client().get(PAGE).content.decode()


def test_a_waiting_message_is_shown(cached_card: ModelCard, client: Client) -> None:
    renamed(cached_card)
    client.cookies["messages"] = "something"

    assert "another name" in client.get(PAGE).content.decode()


def test_a_browser_that_has_the_page_is_told_so(cached_card: ModelCard, client: Client) -> None:
    first = client.get(PAGE)

    again = client.get(PAGE, headers={"if-none-match": first["ETag"]})

    assert again.status_code == 304
    assert client.get(PAGE).status_code == 200


def test_a_page_made_anew_but_equal_keeps_its_etag(
    card: ModelCard, client: Client, settings: Settings
) -> None:
    settings.PAGE_CACHE_S = 60
    packed = {"accept-encoding": "gzip"}
    first = client.get(PAGE, headers=packed)
    from_memory = client.get(PAGE, headers=packed)

    caches["pages"].clear()
    anew = client.get(PAGE, headers=packed)

    assert first["ETag"] == from_memory["ETag"] == anew["ETag"]


def test_a_page_goes_compressed_to_those_who_can_read_it(
    cached_card: ModelCard, client: Client
) -> None:
    packed = client.get(PAGE, headers={"accept-encoding": "gzip"})
    plain = client.get(PAGE)

    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert not plain.has_header("Content-Encoding")


def test_a_browser_asks_again_each_time(cached_card: ModelCard, client: Client) -> None:
    page = client.get(PAGE)

    assert "max-age=0" in page["Cache-Control"]
    assert page.has_header("Last-Modified")
    assert "Cookie" in page["Vary"]


def test_a_cached_page_holds_no_token_and_sets_no_cookie(
    cached_card: ModelCard, client: Client
) -> None:
    page = client.get(PAGE)

    assert "csrfmiddlewaretoken" not in page.content.decode()
    assert site_settings.CSRF_COOKIE_NAME not in page.cookies
