"""The welcome credit is said with figures of the settings and of a model's price, or not at all."""

import pytest
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings

from accounts import credits
from accounts.gifts import offer
from accounts.models import Category, User
from accounts.templatetags.money import format_usd_cents
from catalog.models import ModelCard
from tests.conftest import make_card

PAGE = "/models/openai/clip-vit-base-patch32/"
SIGN_IN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _a_dollar(settings: Settings) -> None:
    settings.FREE_CREDIT_MICRO_USD = 1_000_000


@pytest.fixture
def priced(db: None) -> ModelCard:
    return make_card(
        name="CLIP ViT-B/32", launch_price_nano_usd_per_image=94_000, downloads_per_month=10
    )


def text_of(client: Client, address: str) -> str:
    page = client.get(address).content.decode()
    return page.replace('<span class="mono">', "").replace("</span>", "")


@pytest.mark.parametrize("address", ["/", SIGN_IN, PAGE])
def test_visitors_read_what_they_get_and_what_it_buys(
    priced: ModelCard, client: Client, address: str
) -> None:
    page = text_of(client, address)

    assert "$1.00 free" in page
    assert "10,638 images on" in page
    assert "no card" in page


@pytest.mark.parametrize("address", ["/", SIGN_IN, PAGE])
def test_it_follows_settings_and_price(
    priced: ModelCard, client: Client, settings: Settings, address: str
) -> None:
    settings.FREE_CREDIT_MICRO_USD = 2_500_000
    ModelCard.objects.update(launch_price_nano_usd_per_image=1_250_000_000)

    page = text_of(client, address)

    assert "$2.50 free" in page
    assert "2 images on" in page


@pytest.mark.parametrize("address", ["/", SIGN_IN, PAGE])
def test_without_welcome_credit_nothing_is_promised(
    priced: ModelCard, client: Client, settings: Settings, address: str
) -> None:
    settings.FREE_CREDIT_MICRO_USD = 0

    assert "free</strong>" not in client.get(address).content.decode()


@pytest.mark.parametrize("address", ["/", SIGN_IN, PAGE])
def test_without_a_price_no_number_of_images_is_made_up(
    card: ModelCard, client: Client, address: str
) -> None:
    page = text_of(client, address)

    assert "$1.00 free" in page
    assert "images on" not in page


def test_one_image_is_one(priced: ModelCard, client: Client) -> None:
    ModelCard.objects.update(launch_price_nano_usd_per_image=1_000_000_000)

    assert "1 image on" in text_of(client, SIGN_IN)


def test_the_most_used_model_is_named_unless_the_operator_names_one(
    priced: ModelCard, settings: Settings
) -> None:
    more = make_card("openai/more", launch_price_nano_usd_per_image=5_000, downloads_per_month=99)
    assert getattr(offer.welcome_offer(), "card", None) == more

    settings.OFFER_MODEL = priced.repo
    assert getattr(offer.welcome_offer(), "card", None) == priced


def test_a_persons_rail_says_what_their_balance_buys(priced: ModelCard, client: Client) -> None:
    ada = User.objects.create_user("ada@lab.example")
    credits.grant(ada, amount_micro_usd=940, category=Category.WELCOME, reference="w")
    client.force_login(ada)

    page = text_of(client, PAGE)

    assert "buys 10 images on it" in page
    assert "$1.00 free" not in page


def test_the_header_shows_ones_own_balance_and_nobody_elses(
    priced: ModelCard, client: Client, settings: Settings
) -> None:
    """Pages of visitors are shared for some seconds; a person's never."""
    settings.PAGE_CACHE_S = 60
    balances = {"ada@lab.example": 7_770_000, "bob@lab.example": 3_330_000}
    browsers = {}
    for email, amount in balances.items():
        person = User.objects.create_user(email)
        credits.grant(person, amount_micro_usd=amount, category=Category.PURCHASE, reference=email)
        browsers[email] = Client()
        browsers[email].force_login(person)

    for address in ["/models/", "/roadmap/", PAGE]:
        ada = browsers["ada@lab.example"].get(address).content.decode()
        bob = browsers["bob@lab.example"].get(address).content.decode()
        stranger = client.get(address).content.decode()
        assert ("$7.77" in ada, "$3.33" in ada) == (True, False)
        assert ("$7.77" in bob, "$3.33" in bob) == (False, True)
        assert ("$7.77" in stranger, "$3.33" in stranger) == (False, False)
    caches["pages"].clear()


@pytest.mark.parametrize(
    ("micro_usd", "shown"),
    [(999_906, "$0.99"), (9_999, "$0.00"), (-5, "$0.00"), (10**12, "$1,000,000.00")],
)
def test_the_header_cuts_to_cents(micro_usd: int, shown: str) -> None:
    assert format_usd_cents(micro_usd) == shown
