"""The house that is broken: a running site, somebody who pays, and notes of what happens.

FAULTS=long (`make faults`): many rounds, real waits, figures. Otherwise each fault once, hurried.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from accounts import credits
from accounts.models import Category, User
from bench.faults import transitions
from catalog.infrastructure.locks import number_of
from catalog.models import ModelCard, Stage
from inference.jobs import sweep
from inference.runtime import torchvision_operators
from tests.conftest import make_card
from tests.faults.house import IS_LONG, House
from tests.support import site as sites
from tests.support.site import Site

REPO = "openai/clip-vit-base-patch32" if IS_LONG else "gigarouter/conse-demo"
GRANTED = 10**9
# Limits that are there to stop what a fault test does.
UNLIMITED = {
    "API_SUBMITS_PER_MINUTE": "1000000",
    "API_SUBMITS_PER_MINUTE_ACCOUNT": "1000000",
    "API_IMAGES_PER_MINUTE": "1000000",
}

_lines: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _lines:
        terminalreporter.section("faults, measured here")
        for line in _lines:
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[None]:
    """No sweep while the tables are emptied: each would wait for what the other has locked."""
    if nextitem is None:  # the whole database goes, and nobody may be connected to it
        yield
        return
    given = connection.get_connection_params()
    ours = {
        name: given[name]
        for name in ("dbname", "user", "password", "host", "port")
        if name in given
    }
    with psycopg.connect(**ours, autocommit=True) as sweeper:
        sweeper.execute("SELECT pg_advisory_lock(%s)", [number_of(sweep.LOCK)])
        yield


@pytest.fixture(scope="package")
def broken_site(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """A running site that serves the one model that these tests have a card of; for the campaign a
    tiny CLIP, which is fast.
    """
    folder = tmp_path_factory.mktemp("house")
    given = UNLIMITED | {"MODELS": REPO}
    if IS_LONG:
        torchvision_operators.declare()
        from tests.inference.runtime.tiny_models import (
            tiny,  # torch: seconds that only the campaign needs
        )

        tiny.write_transformers(folder / "models" / REPO.replace("/", "--"))
        given |= {"MODEL_DIR": str(folder / "models")}
    with django_db_blocker.unblock():
        if IS_LONG:
            survive_crashes()
        with sites.running(folder, **given) as running:
            yield running


def survive_crashes() -> None:
    """The tests' PostgreSQL may forget what was just committed; whoever kills it should not."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = on')
        # What is connected already keeps the settings that it came with.
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # Django's stubs do not know it


@pytest.fixture
def card(broken_site: Site, transactional_db: None) -> ModelCard:
    return the_only_card()


def the_only_card() -> ModelCard:
    """94 µ$ an image, 8 µ$ a new label."""
    loader = "transformers" if IS_LONG else "conse"
    ModelCard.objects.all().delete()  # the site has loaded the catalog as it started
    return make_card(
        REPO,
        loader=loader,
        revision="1" if loader == "conse" else "0" * 40,
        est_price_nano_usd_per_image=94_000,
        image_gflops=162.03,
        text_gflops=13.3,
        stage=Stage.LIVE,
        launch_price_nano_usd_per_image=94_000,
        launch_price_nano_usd_per_token=100,
    )


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a line when all tests have run."""
    return lambda line: _lines.append(f"{request.node.name}: {line}")


@pytest.fixture
def house(
    broken_site: Site,
    card: ModelCard,
    settings: Settings,
    report: Callable[[str], None],
) -> Iterator[House]:
    data_dir = broken_site.log.parent
    settings.STORAGES = storages_in(data_dir)
    faults = data_dir / "faults"
    faults.mkdir(exist_ok=True)
    with transitions.noted():
        house = House(broken_site, card, a_payer("ada"), faults, IS_LONG, report)
        broken_site.wait_for_workers()
        house.wait_for_worker()
        yield house
        house.close_clients()


def storages_in(data_dir: Path) -> dict[str, object]:
    """The site's own files, for this process to look at."""
    return django_settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": data_dir / "media", "base_url": None},
        }
    }


def a_payer(name: str) -> User:
    user = User.objects.create_user(f"{name}@lab.example")
    credits.grant(
        user, amount_micro_usd=GRANTED, category=Category.PURCHASE, reference=f"purchase:{name}"
    )
    return user


@pytest.fixture
def bob() -> User:
    return a_payer("bob")
