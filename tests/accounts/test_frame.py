"""Every page of an account has the same navigation, with its own entry marked."""

import re

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User
from catalog.demand import votes
from catalog.models import ModelCard
from inference.models import Webhook
from tests.conftest import make_card
from tests.support.letters import sign_in

PAGES = {
    "/account/": "profile",
    "/accounts/email/": "profile",
    "/account/credit/": "credit",
    "/account/credit/add/": "credit",
    "/account/keys/": "API keys",
    "/account/welcome/": "API keys",
    "/account/batches/": "batches",
    "/account/webhooks/": "webhooks",
    "/waitlist/preferences/": "votes and waitlists",
    "/accounts/2fa/": "sign-in security",
    "/accounts/2fa/webauthn/": "sign-in security",
    "/accounts/2fa/webauthn/add/": "sign-in security",
    "/accounts/2fa/totp/activate/": "sign-in security",
    "/accounts/3rdparty/": "sign-in security",
    "/accounts/sessions/": "sessions",
    "/account/your-data/": "your data",
    "/account/delete/": "your data",
}
LABELS = [
    "credit",
    "API keys",
    "batches",
    "webhooks",
    "votes and waitlists",
    "profile",
    "sign-in security",
    "sessions",
    "your data",
]
# Pages on the way in or out, and those that take no GET or need a row of one's own.
NO_FRAME = re.compile(
    r"login|signup|logout|inactive|password|reauthenticate|confirm-email|authenticate/|callback|"
    r"again/|second-factor/|data/$|csv$|<|download|recovery|deactivate|3rdparty/(signup|login)|"
    r"social/"
)


@pytest.fixture
def ada(db: None, client: Client) -> User:
    sign_in(client)
    return User.objects.get(email="ada@lab.example")


def nav_of(page: str) -> str:
    found = re.search(r'<nav class="account__nav".*?</nav>', page, re.DOTALL)
    assert found
    return found.group(0)


@pytest.mark.parametrize(("address", "current"), PAGES.items())
def test_each_page_has_the_navigation_and_marks_where_it_is(
    ada: User, client: Client, address: str, current: str
) -> None:
    response = client.get(address, follow=True)

    nav = nav_of(response.content.decode())
    assert re.findall(r">([^<>]+)</a>", nav) == LABELS
    assert re.findall(r'aria-current="(?:page|true)">([^<]+)<', nav) == [current]


def test_every_entry_leads_to_a_page(ada: User, client: Client) -> None:
    nav = nav_of(client.get("/account/").content.decode())

    for address in re.findall(r'href="([^"]+)"', nav):
        assert client.get(address).status_code == 200


def test_no_account_page_is_left_out(ada: User, client: Client) -> None:
    """All addresses under /account/ and /accounts/ that need no argument."""
    found = {address for address in _addresses() if not NO_FRAME.search(address)}

    missing = []
    for address in found:
        response = client.get(f"/{address}")
        is_page = response.status_code == 200 and response["Content-Type"].startswith("text/html")
        if is_page and "account__nav" not in response.content.decode():
            missing.append(address)
    assert missing == []


def _addresses() -> list[str]:
    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> list[str]:
        found: list[str] = []
        for pattern in patterns:
            address = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                found += walk(pattern.url_patterns, address)
            else:
                found.append(address)
        return found

    return [a for a in walk(get_resolver().url_patterns, "") if a.startswith("account")]


def test_ones_webhook_is_in_the_frame_as_well(ada: User, client: Client) -> None:
    client.post("/account/webhooks/", {"url": "https://example.com/h", "events": ["job.succeeded"]})

    page = client.get(f"/account/webhooks/{Webhook.objects.get().pk}/").content.decode()

    assert 'aria-current="true">webhooks' in nav_of(page)


def test_visitors_of_a_mailed_preference_page_see_no_account(client: Client, db: None) -> None:
    assert "account__nav" not in client.get("/waitlist/preferences/nonsense/").content.decode()


def test_own_votes_are_listed_and_nobody_elses(ada: User, client: Client, card: ModelCard) -> None:
    theirs = make_card("laion/theirs", name="their model")
    votes.cast(card, ada)
    votes.cast(theirs, User.objects.create_user("bob@lab.example"))

    page = client.get("/waitlist/preferences/").content.decode()

    assert card.name in page
    assert "their model" not in page
