"""What somebody new does: a vote that brings them to sign up, then a key and a first call."""

import json
import re
import shutil
import subprocess

import pytest
from playwright.sync_api import Page, expect

from accounts.models import ApiKey, User
from catalog.models import Vote
from tests.support.browser.accessibility import violations
from tests.support.browser.chromium import NEEDED
from tests.support.browser.signing_in import sign_in_by_code

ADA = "ada@lab.example"
REPO = "openai/clip-vit-large-patch14"
NAME = "CLIP ViT-L/14"
CALL_S = 120

pytestmark = NEEDED


def expect_clean(page: Page, *, has_scripts: bool) -> None:
    # Axe is a script itself.
    if has_scripts:
        assert violations(page) == [], page.url


def test_a_vote_cast_before_signing_up_counts_after_the_code(
    page: Page, complaints: list[str], has_scripts: bool
) -> None:
    page.goto(f"/models/{REPO}/")
    page.get_by_role("link", name="prioritize this").first.click()
    expect(page.get_by_text(f"Sign in to vote for {NAME}")).to_be_visible()
    expect_clean(page, has_scripts=has_scripts)
    assert not Vote.objects.exists()

    sign_in_by_code(page, ADA)

    expect(page.get_by_text(f"your vote for {NAME} counts")).to_be_visible()
    expect_clean(page, has_scripts=has_scripts)
    vote = Vote.objects.get()
    assert (vote.card.repo, vote.user) == (REPO, User.objects.get(email=ADA))
    page.goto("/roadmap/")
    expect(page.get_by_role("button", name=f"{NAME})", pressed=True)).to_be_visible()
    assert complaints == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl to call with")
def test_the_first_call_works_as_the_welcome_page_shows_it(
    page: Page, complaints: list[str], has_scripts: bool
) -> None:
    page.goto("/accounts/login/")
    sign_in_by_code(page, ADA)
    expect(page.get_by_role("heading", level=1)).to_have_text("welcome")
    expect_clean(page, has_scripts=has_scripts)

    page.get_by_role("button", name="create my first key").click()

    expect(page.get_by_text("Copy it now.")).to_be_visible()
    expect_clean(page, has_scripts=has_scripts)
    call = page.get_by_role("region", name="your first call with curl").inner_text()
    done = subprocess.run(
        ["bash", "-c", call], capture_output=True, text=True, check=False, timeout=CALL_S
    )
    assert re.search(r'"a cat"', done.stdout), (done.stdout, done.stderr)
    assert "error" not in json.loads(done.stdout)
    assert ApiKey.objects.get().last_used_at is not None
    page.goto("/account/welcome/")
    expect(page.get_by_text("You already have a key")).to_be_visible()
    assert complaints == []


def test_the_header_of_somebody_signed_in_fits_at_every_width(
    page: Page, has_scripts: bool
) -> None:
    if not has_scripts:
        pytest.skip("measuring needs scripts")
    page.goto("/accounts/login/")
    sign_in_by_code(page, ADA)
    expect(page.get_by_role("heading", level=1)).to_have_text("welcome")
    row = page.locator(".site-header__row")
    leave = row.get_by_role("button", name="sign out")
    one_line = leave.bounding_box()
    assert one_line

    for width in (360, 390, 704, 768, 820, 831, 832, 900, 959, 960, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert row.evaluate("row => row.scrollWidth <= row.clientWidth"), width
        box = leave.bounding_box()
        assert box, width
        assert box["height"] <= one_line["height"], width
