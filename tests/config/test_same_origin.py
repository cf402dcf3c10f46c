"""Two tabs of a first visit: both forms are taken. Other sites' forms are not."""

import pytest
from django.conf import settings
from django.test import Client

PAGE = "/accounts/login/"


def first_token(client: Client) -> str:
    """Of a tab that knows nothing of the others yet; its cookie is kept."""
    client.cookies.clear()
    page = client.get(PAGE)
    return str(page.context["csrf_token"])


def post(client: Client, token: str, **headers: str) -> int:
    sent = {"login": "ada@lab.example", "csrfmiddlewaretoken": token}
    return client.post(PAGE, sent, headers=headers).status_code


@pytest.fixture
def browser(db: None) -> Client:
    return Client(enforce_csrf_checks=True)


def test_the_form_of_the_first_of_two_tabs_is_taken(browser: Client) -> None:
    first = first_token(browser)
    second = first_token(browser)

    assert post(browser, first, **{"Sec-Fetch-Site": "same-origin"}) == 302
    assert post(browser, second, **{"Sec-Fetch-Site": "same-origin"}) == 302


@pytest.mark.parametrize("site", ["", "cross-site", "same-site", "none", "Same-Origin, none"])
def test_what_does_not_come_from_a_page_of_this_site_needs_its_token(
    browser: Client, site: str
) -> None:
    first = first_token(browser)
    second = first_token(browser)
    headers = {"Sec-Fetch-Site": site} if site else {}

    assert post(browser, first, **headers) == 403
    assert post(browser, second, **headers) == 302


def test_it_stands_before_the_middleware_that_it_lets_pass() -> None:
    names = settings.MIDDLEWARE
    ours = names.index("config.middleware.same_origin.SameOrigin")

    assert names[ours + 1] == "django.middleware.csrf.CsrfViewMiddleware"
