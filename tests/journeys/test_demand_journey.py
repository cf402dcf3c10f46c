"""From a coming-soon page to a launch and out again, with real mail and a real Chromium.

The site has a mail server of its own, and a broker of its own: on the tests' broker another site's
worker, which has no mail server, would take the work.
"""

import re
from collections.abc import Iterator
from email.message import Message

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django import DjangoDbBlocker

from accounts.models import Grant, User
from catalog import stages
from catalog.loading import cards
from catalog.models import Launch, Mail, MailState, ModelCard, Stage, Subscriber, WaitlistEntry
from tests.fakes.smtp import MailServer, Mood, mail_server
from tests.support import site as sites
from tests.support.browser.accessibility import violations
from tests.support.browser.chromium import NEEDED, PATIENCE_MS
from tests.support.browser.complaints import note_complaints
from tests.support.browser.pages import OWN_PAGES
from tests.support.catalog import FIXTURES
from tests.support.letters import CODE
from tests.support.site import Site, wait_for

ADA, OPERATOR = "ada@lab.example", "op@lab.example"
REPO = "openai/clip-vit-large-patch14"
MODEL = f"/models/{REPO}/"

pytestmark = NEEDED

without_scripts: list[BrowserContext] = []


@pytest.fixture(scope="module")
def post_office() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def mailing_site(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    post_office: MailServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    variables = {
        "EMAIL_URL": f"smtp://127.0.0.1:{post_office.port}",
        "REDIS_URL": "",
        "CELERY_BROKER_URL": "",
        "FREE_CREDIT_USD": "1.00",
        "LAUNCH_CREDIT_USD": "0.50",
    }
    folder = tmp_path_factory.mktemp("mailing")
    with django_db_blocker.unblock(), sites.running(folder, **variables) as running:
        yield running
        running.wake()


@pytest.fixture
def site(mailing_site: Site, post_office: MailServer, transactional_db: None) -> Iterator[Site]:
    """With a full catalog, an operator, an empty letter box, and one model that may be launched."""
    mailing_site.wake()
    # Not by COPY, which would give the cards their old keys: by those the site's own cache counts
    # who has asked for a mail already.
    cards.load_folder(FIXTURES)
    card = ModelCard.objects.get(repo=REPO)
    for stage in (Stage.BENCHMARKING, Stage.ONBOARDING):
        if card.stage != Stage.ONBOARDING:
            stages.move(card, stage, reason="for the journey")
    User.objects.create_superuser(OPERATOR)
    post_office.mood = Mood.FRIENDLY
    post_office.taken.clear()
    yield mailing_site
    mailing_site.hush()


def open_browser(browser: Browser, site: Site, *, scripts: bool) -> BrowserContext:
    context = browser.new_context(
        base_url=site.address, java_script_enabled=scripts, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    if not scripts:
        without_scripts.append(context)
    return context


@pytest.fixture
def context(browser: Browser, site: Site, has_scripts: bool) -> Iterator[BrowserContext]:
    context = open_browser(browser, site, scripts=has_scripts)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, complaints: list[str]) -> Page:
    page = context.new_page()

    note_complaints(page, complaints)
    return page


def expect_clean(page: Page) -> None:
    """By axe, which is a script: without scripts the same HTML is taken as looked at."""
    if page.context in without_scripts:
        return
    broken = violations(page)
    assert not broken, (page.url, broken)


def text_of(letter: Message) -> str:
    content = letter.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")


def letter_to(post_office: MailServer, address: str, subject: str) -> Message:
    """The one mail of that subject that came, or comes within some seconds."""

    def found() -> list[Message]:
        came = list(post_office.taken)
        return [each for each in came if each["To"] == address and subject in each["Subject"]]

    wait_for(lambda: bool(found()))
    [letter] = found()
    return letter


def link_after(letter: Message, words: str) -> str:
    found = re.search(rf"{words}\s*(\S+)", text_of(letter))
    assert found, text_of(letter)
    return found.group(1)


def sign_in(page: Page, post_office: MailServer, address: str) -> None:
    """Ask for a code, read it in the mail, type it; axe on both pages."""
    page.goto("/accounts/login/")
    expect_clean(page)
    page.get_by_label("e-mail address").fill(address)
    page.get_by_role("button", name="send me a code").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("enter the code")
    expect_clean(page)
    code = CODE.search(text_of(letter_to(post_office, address, "code")))
    assert code
    page.get_by_label("code").fill(code.group(1))
    page.get_by_role("button", name="confirm").click()
    expect(page.get_by_role("button", name="sign out").first).to_be_visible()


def join_the_waitlist(page: Page, post_office: MailServer) -> None:
    page.goto(MODEL)
    expect_clean(page)
    page.get_by_label("e-mail address").fill(ADA)
    page.get_by_role("button", name="join the waitlist").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("check your e-mail")
    expect_clean(page)

    page.goto(link_after(letter_to(post_office, ADA, "Please confirm"), "press confirm:"))
    expect_clean(page)
    assert not WaitlistEntry.objects.waiting().exists(), "looking is not yet confirming"
    page.get_by_role("button", name="confirm").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("you're on the waitlist")
    expect_clean(page)


def vote(page: Page) -> None:
    page.goto(MODEL)
    expect(page.get_by_text("You're on the waitlist, at position 1")).to_be_visible()
    expect_clean(page)
    page.get_by_role("button", name="prioritize this").click()
    pressed = page.get_by_role("button", name="prioritize this", pressed=True)
    expect(pressed).to_contain_text("1 vote")
    expect_clean(page)
    page.goto("/roadmap/")
    expect(page.get_by_role("button", name="CLIP ViT-L/14)", pressed=True)).to_be_visible()
    expect_clean(page)


def launch_by_the_button(page: Page, post_office: MailServer) -> None:
    """The operator's part, from the dashboard over the model to the button."""
    sign_in(page, post_office, OPERATOR)
    page.goto("/admin/")
    page.get_by_role("link", name="Demand").click()
    expect(page.get_by_role("img", name="what people want")).to_be_visible()
    expect_clean(page)
    page.get_by_text("View as a table").nth(1).click()
    page.get_by_role("link", name=f"launch {REPO}").click()
    expect(page.get_by_text("1 voted, and get $0.50 of credit each")).to_be_visible()
    expect(page.get_by_text("No worker serves it now")).to_be_visible()
    expect_clean(page)
    page.get_by_role("button", name="Launch it").click()
    expect(page.get_by_text(f"No worker serves {REPO}")).to_be_visible()
    page.get_by_role("checkbox", name="launch it even if no worker serves it").check()
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_text("Nothing has changed yet, and nothing was sent")).to_be_visible()
    assert not Launch.objects.exists()
    expect_clean(page)
    page.get_by_role("button", name="Launch it").click()
    expect(page.get_by_text("is live. Everybody who asked for it is being told.")).to_be_visible()
    expect_clean(page)
    wait_for(lambda: Launch.objects.filter(announced_at__isnull=False).exists())
    page.goto("/admin/demand/")
    expect(page.get_by_role("region", name="table of launches")).to_contain_text(REPO)
    expect_clean(page)
    page.goto("/admin/demand/abuse/")
    expect_clean(page)


def test_from_a_waitlist_to_a_launch_and_out_again(
    browser: Browser,
    page: Page,
    site: Site,
    post_office: MailServer,
    has_scripts: bool,
    complaints: list[str],
) -> None:
    join_the_waitlist(page, post_office)

    sign_in(page, post_office, ADA)
    assert Subscriber.objects.get().user == User.objects.get(email=ADA), "adopted at sign-up"
    page.goto("/account/credit/")
    expect(page.get_by_role("heading", level=1)).to_have_text("$1.00")
    for address in OWN_PAGES:
        page.goto(address)
        expect_clean(page)

    vote(page)

    desk = open_browser(browser, site, scripts=has_scripts)
    launch_by_the_button(desk.new_page(), post_office)
    desk.close()

    letter = letter_to(post_office, ADA, "is live")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    page.goto("/account/credit/")
    expect(page.get_by_role("heading", level=1)).to_have_text("$1.50")
    page.goto(link_after(letter, "Its page:"))
    expect(page.get_by_role("heading", level=2, name="no worker right now")).to_be_visible()
    expect_clean(page)

    page.goto(link_after(letter, "Leave this waitlist:"))
    expect_clean(page)
    assert Subscriber.objects.get().unsubscribed_at is None, "looking is not yet leaving"
    page.get_by_role("button", name="leave", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("you have left")
    expect_clean(page)
    assert Subscriber.objects.get().unsubscribed_at is not None
    page.goto("/waitlist/preferences/")
    expect(page.get_by_text("left on")).to_be_visible()
    expect_clean(page)

    assert sorted(each["To"] for each in post_office.taken) == [ADA, ADA, ADA, OPERATOR]
    assert Grant.objects.filter(reference__startswith="launch:").count() == 1
    assert complaints == []


@pytest.mark.parametrize("mood", [Mood.REFUSES, Mood.HANGS])
def test_a_mail_server_that_is_away_loses_nothing_and_holds_nobody_up(
    browser: Browser, site: Site, post_office: MailServer, mood: Mood
) -> None:
    context = open_browser(browser, site, scripts=False)
    page = context.new_page()
    page.goto(MODEL)
    post_office.mood = mood
    calls = post_office.calls

    page.get_by_label("e-mail address").fill(ADA)
    page.get_by_role("button", name="join the waitlist").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("check your e-mail")
    wait_for(lambda: post_office.calls > calls)
    wait_for(lambda: Mail.objects.filter(server_away_at__isnull=False).exists())
    post_office.mood = Mood.FRIENDLY
    Mail.objects.update(next_try_at=timezone.now(), server_away_at=None)

    letter = letter_to(post_office, ADA, "Please confirm")
    page.goto(link_after(letter, "press confirm:"))
    page.get_by_role("button", name="confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("you're on the waitlist")
    wait_for(lambda: Mail.objects.get().state == MailState.SENT)
    context.close()

    # Who answers people never calls the mail server, so it cannot be held up by one.
    web = site.child("config.server")
    assert post_office.callers
    assert web.pid not in post_office.callers
    assert len(post_office.taken) == 1
