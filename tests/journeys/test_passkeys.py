"""A passkey is added and signs in, in a real Chromium with a virtual authenticator."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.support.browser.accessibility import violations
from tests.support.browser.chromium import NEEDED, PATIENCE_MS
from tests.support.browser.pages import OWN_PAGES
from tests.support.browser.signing_in import sign_in_by_code
from tests.support.site import Site

pytestmark = NEEDED

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """By the name localhost: an address in numbers can have no passkeys."""
    context = browser.new_context(base_url=site.address.replace("127.0.0.1", "localhost"))
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def authenticator(page: Page) -> CDPSession:
    """What a phone or a laptop has built in."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return session


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/?next=/account/")
    sign_in_by_code(page, "ada@lab.example")
    page.wait_for_url("**/account/welcome/")  # the first time
    page.goto("/account/")
    expect_account(page)


def expect_account(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("your account")


def test_a_passkey_is_added_and_signs_in(page: Page, authenticator: CDPSession) -> None:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page)

    page.get_by_role("link", name="add a passkey").click()
    page.get_by_role("button", name="add a passkey").click()
    expect_account(page)
    expect(page.get_by_text("passkey 1")).to_be_visible()
    page.get_by_role("button", name="sign out").first.click()
    page.goto("/accounts/login/?next=/account/")
    page.get_by_role("button", name="sign in with a passkey").click()

    expect_account(page)
    assert complaints == []


def test_a_passkey_shows_that_it_is_still_you(page: Page, authenticator: CDPSession) -> None:
    sign_in(page)
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_role("button", name="add a passkey").click()
    expect_account(page)

    page.goto("/account/again/?next=/account/delete/")
    page.get_by_role("button", name="use a passkey").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("delete your account")


def test_a_browser_without_the_passkey_says_so(page: Page, authenticator: CDPSession) -> None:
    page.goto("/accounts/login/")

    page.get_by_role("button", name="sign in with a passkey").click()

    expect(page.get_by_role("alert")).to_contain_text("cancelled")


def test_without_scripts_no_passkey_is_offered(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/accounts/login/")

    expect(page.get_by_role("button", name="send me a code")).to_be_visible()
    expect(page.get_by_text("sign in with a passkey")).to_be_hidden()
    context.close()


def test_no_page_of_the_account_breaks_a_rule_of_wcag(page: Page) -> None:
    sign_in(page)
    broken: dict[str, object] = {}
    for address in [*OWN_PAGES, "/dev/mail/"]:
        page.goto(address)
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            found = violations(page)
            if found or page.evaluate("document.documentElement.scrollWidth") > width:
                broken[f"{width} {address}"] = found or [["too wide"]]

    assert broken == {}
