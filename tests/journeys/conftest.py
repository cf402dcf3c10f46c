"""One running site and one Chromium for all journeys."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django import DjangoDbBlocker

from catalog.models import ModelCard
from tests.support import site as sites
from tests.support.browser.chromium import CHROMIUM, FLAGS, PATIENCE_MS
from tests.support.browser.complaints import note_complaints
from tests.support.catalog import CatalogRows
from tests.support.site import Site


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, which Django takes for an async caller.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


# Not for the session: its sweeps would go on beside tests that need none, and a sweep that meets
# the emptying of the tables after such a test is a deadlock.
@pytest.fixture(scope="package")
def running_site(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    with django_db_blocker.unblock(), sites.running(tmp_path_factory.mktemp("site")) as running:
        yield running
        running.wake()


@pytest.fixture
def site(catalog_rows: CatalogRows, running_site: Site, transactional_db: None) -> Iterator[Site]:
    """The running site with a full catalog: each test before has emptied the tables."""
    running_site.wake()
    # As it starts, the site loads the catalog by itself.
    if not ModelCard.objects.exists():
        catalog_rows.restore()
    running_site.wait_for_workers()
    yield running_site
    running_site.hush()


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def has_scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console held against a page, violations of the CSP among them."""
    return []


@pytest.fixture
def page(browser: Browser, site: Site, has_scripts: bool, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=site.address, java_script_enabled=has_scripts)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()

    note_complaints(page, complaints)
    yield page
    context.close()
