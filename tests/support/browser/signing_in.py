"""Signing in as a person does, where the site keeps its mail instead of sending it."""

from playwright.sync_api import Page, expect

from catalog.mail.inbox import Letter
from catalog.models import Mail
from tests.support.site import wait_for


def sign_in_by_code(page: Page, email: str) -> None:
    """On the page to sign in: ask for a code, read it in the newest mail, type it."""
    known = Mail.objects.count()
    page.get_by_label("e-mail address").fill(email)
    page.get_by_role("button", name="send me a code").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("enter the code")
    wait_for(lambda: Mail.objects.count() > known)
    page.get_by_label("code", exact=True).fill(Letter(Mail.objects.latest("pk")).code)
    page.get_by_role("button", name="confirm").click()
