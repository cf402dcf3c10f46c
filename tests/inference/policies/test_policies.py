"""/privacy/, /terms/ and /contact/ say what the settings say, and who runs the site."""

from pathlib import Path

import pytest
from django.conf import settings as project_settings
from django.template import engines
from django.test import Client
from pytest_django import Settings

PAGES = ["/privacy/", "/terms/", "/contact/"]


def text_of(client: Client, page: str) -> str:
    return " ".join(client.get(page).content.decode().split())


@pytest.mark.parametrize("page", PAGES)
def test_the_operator_is_named(client: Client, db: None, settings: Settings, page: str) -> None:
    settings.OPERATOR_NAME, settings.CONTACT_EMAIL = "Lab & Sons", "hello@lab.example"

    text = text_of(client, page)

    assert "run by Lab &amp; Sons." in text
    assert 'href="mailto:hello@lab.example"' in text


@pytest.mark.parametrize("page", PAGES)
def test_a_site_without_an_operator_says_so(
    client: Client, db: None, settings: Settings, page: str
) -> None:
    settings.OPERATOR_NAME = settings.CONTACT_EMAIL = ""

    assert "hasn't added their name" in text_of(client, page)


def test_privacy_states_the_times_that_the_code_goes_by(
    client: Client, db: None, settings: Settings
) -> None:
    settings.PLAYGROUND_KEEP_HOURS = 7

    assert "result for 7 hours" in text_of(client, "/privacy/")


def test_terms_state_the_free_credit_if_there_is_one(
    client: Client, db: None, settings: Settings
) -> None:
    settings.FREE_CREDIT_MICRO_USD, settings.WELCOME_CREDIT_DAYS = 2_500_000, 90
    assert "$2.50 of free credit. It expires after 90 days" in text_of(client, "/terms/")

    settings.FREE_CREDIT_MICRO_USD = 0
    assert "free credit" not in text_of(client, "/terms/")


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("mailto:holes@lab.example", "mailto:holes@lab.example"),
        ("holes@lab.example", "mailto:holes@lab.example"),
        ("https://lab.example/holes", "https://lab.example/holes"),
    ],
)
def test_security_holes_have_an_address(
    client: Client, db: None, settings: Settings, contact: str, link: str
) -> None:
    settings.SECURITY_CONTACT = contact

    assert f'<a href="{link}">' in text_of(client, "/contact/")


def test_an_operator_may_bring_terms_of_their_own(
    client: Client, db: None, settings: Settings, tmp_path: Path
) -> None:
    own = tmp_path / "inference" / "policies" / "terms.html"
    own.parent.mkdir(parents=True)
    own.write_text("our own terms")
    [engine] = project_settings.TEMPLATES
    folders = [tmp_path, *settings.SITE_TEMPLATES, settings.BASE_DIR / "templates"]
    settings.TEMPLATES = [engine | {"DIRS": folders}]

    assert engines.templates["django"]["DIRS"][0] == tmp_path
    assert text_of(client, "/terms/") == "our own terms"


@pytest.mark.parametrize("page", PAGES)
def test_they_are_only_read(client: Client, db: None, page: str) -> None:
    assert client.get(page).status_code == 200
    assert client.post(page).status_code == 405
