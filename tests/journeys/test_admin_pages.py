"""The operator's pages in a real Chromium: styled, and held to what all pages are held to."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page

from accounts.models import Category, Gift, User, WaitReason, Wallet
from catalog.models import ModelCard, Stage
from inference.models import Incident
from tests.support.browser.accessibility import violations
from tests.support.browser.chromium import NEEDED, PATIENCE_MS
from tests.support.browser.signing_in import sign_in_by_code
from tests.support.site import Site

OPERATOR = "op@lab.example"
REPO = "openai/clip-vit-large-patch14"

LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(1440, "light"), (390, "dark")]

pytestmark = NEEDED


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """The operator's, signed in."""
    User.objects.create_superuser(OPERATOR)
    context = browser.new_context(base_url=site.address, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto("/admin/")
    sign_in_by_code(page, OPERATOR)
    page.wait_for_url("**/admin/")
    yield page
    context.close()


@pytest.fixture
def rows(site: Site) -> None:
    """A gift that waits and an incident that lasts, beside the shipped catalog."""
    wallet = Wallet.objects.create(user=User.objects.create_user("ada@lab.example"))
    Gift.objects.create(
        wallet=wallet,
        category=Category.WELCOME,
        amount_micro_usd=1,
        valid_for=timedelta(days=1),
        reference="welcome:ada",
        wait_reason=WaitReason.NETWORK,
    )
    incident = Incident.objects.create(title="mail is late", started_at=timezone.now())
    incident.updates.create(text="The provider is slow.")


def addresses() -> list[str]:
    """Our own pages, the list of each kind of row, and one row of each kind that has any."""
    card = ModelCard.objects.get(repo=REPO)
    found = [
        reverse(name)
        for name in ("admin:index", "dashboard", "dashboard-abuse", "fleet", "job_desk")
    ]
    found += [reverse("launch", args=[card.pk])]
    ada = User.objects.get(email="ada@lab.example")
    desk = ("account_desk", "account_desk_suspend", "account_desk_revoke_keys")
    found += [reverse(name, args=[ada.pk]) for name in desk]
    called = ModelCard.objects.real().filter(stage=Stage.LIVE).first() or card
    found += [reverse(name, args=[called.pk]) for name in ("model_shutdown", "model_price")]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        row = card if model is ModelCard else model._default_manager.first()
        if row is not None:
            found.append(reverse(f"{name}_change", args=[row.pk]))
    return found


def unstyled(page: Page) -> list[str]:
    """The page's style sheets of which the browser could use nothing."""
    sheets = page.evaluate("[...document.styleSheets].map(s => [s.href, s.cssRules.length])")
    used = {href for href, rules in sheets if rules}
    hrefs = page.eval_on_selector_all("link[rel=stylesheet]", "links => links.map(l => l.href)")
    return [href for href in hrefs if href not in used] if hrefs else ["no style sheet"]


@pytest.mark.timeout(600)  # one look at all pages
def test_every_page_of_the_admin_is_styled_and_breaks_no_rule_of_wcag(
    page: Page, rows: None
) -> None:
    broken: list[str] = []
    for (width, scheme), address in itertools.product(LOOKS, addresses()):
        page.set_viewport_size({"width": width, "height": 900})
        # Before the page is there: Django's style sheets fade from one color to the other.
        page.emulate_media(color_scheme=scheme)
        response = page.goto(address)
        assert response is not None
        assert response.status == 200, address
        broken += [f"{address}: {sheet}" for sheet in unstyled(page)]
        broken += [
            f"{scheme} {address}: {rule}, {len(nodes)}x {nodes[0]}"
            for rule, nodes in violations(page)
        ]

    assert not broken, "\n".join(broken)
