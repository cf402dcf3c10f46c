"""Prices can be recomputed by hand from what the page shows."""

import doctest
from decimal import Decimal

import pytest

from catalog import patches, pricing
from catalog.models import ModelCard
from catalog.numbers import formatting, money
from catalog.pricing import Basis, Known, Price, price_of
from catalog.pricing import formatting as price_formatting
from catalog.templatetags.formatting import markdown
from tests.conftest import make_card


def test_a_stated_price_stays_as_stated() -> None:
    price = price_of(Known(stated_nano_usd=94_000, image_gflops=162.03, text_gflops=13.3))

    assert price is not None
    assert (price.basis, price.usd_per_1k_images) == (Basis.STATED, Decimal("0.094"))


@pytest.mark.parametrize(
    ("gflops", "nano_usd"), [(162.03, 94_000), (8.82, 5_117), (967.5, 561_285), (0, 1)]
)
def test_an_estimate_follows_the_compute(gflops: float, nano_usd: int) -> None:
    price = price_of(Known(image_gflops=gflops))

    assert price is not None
    assert (price.nano_usd_per_image, price.basis) == (nano_usd, Basis.COMPUTE)


def test_a_benchmark_gives_the_price_by_the_shown_formula() -> None:
    price = price_of(Known(images_per_s=100, hardware_usd_per_hour=3.6, image_gflops=162.03))

    assert price is not None
    assert price.basis == Basis.BENCHMARK
    shown = price.inputs
    by_hand = (
        shown["hardware_usd_per_hour"]
        / 3600
        / shown["images_per_s"]
        * 1e9
        / shown["utilisation"]
        * (1 + shown["margin"])
    )
    assert price.nano_usd_per_image == round(by_hand)


def test_the_launch_price_comes_before_all_others() -> None:
    everything = Known(
        launch_nano_usd=70_000,
        stated_nano_usd=94_000,
        images_per_s=1,
        hardware_usd_per_hour=1,
        image_gflops=1,
    )

    price = price_of(everything)

    assert price is not None
    assert (price.nano_usd_per_image, price.is_estimate) == (70_000, False)


def test_a_token_costs_as_its_compute_stands_to_an_images() -> None:
    by_context = {
        length: price_of(
            Known(
                stated_nano_usd=94_000,
                image_gflops=162.03,
                text_gflops=13.3,
                context_length=length,
            )
        )
        for length in (None, 77, 64)
    }

    # 94,000 x 13.3 / 162.03 = 7,715.9 n$ a text that fills the context.
    assert {length: price and price.nano_usd_per_token for length, price in by_context.items()} == {
        None: 100,
        77: 100,
        64: 121,
    }


def test_a_request_is_summed_exactly_and_rounded_up_once() -> None:
    price = Price(5_117, 45, Basis.COMPUTE, {})

    assert price.micro_usd_for(images=1) == 6
    assert price.micro_usd_for(images=1000) == 5117
    assert price.micro_usd_for(images=3, tokens=7) == 16  # 15,351 + 315 = 15,666 n$
    assert price.micro_usd_for(images=0, tokens=0) == 0
    assert price.micro_usd_for(images=0, tokens=1) == 1


def test_a_launch_that_froze_the_price_of_a_text_keeps_it() -> None:
    frozen = Known(
        launch_nano_usd=94_000, launch_text_nano_usd=8_000, image_gflops=1, text_gflops=9
    )

    price = price_of(frozen)

    assert price is not None
    assert (price.nano_usd_per_text, price.nano_usd_per_token) == (8_000, 0)
    assert price.micro_usd_for(images=3, texts=2, tokens=154) == 3 * 94 + 2 * 8
    assert price_formatting.texts_at(price) == "$0.000008 per new text"


@pytest.mark.parametrize(
    ("token", "words"),
    [(100, "$0.10 per million tokens"), (45, "$0.045 per million tokens"), (0, "free")],
)
def test_texts_are_priced_by_the_million_tokens(token: int, words: str) -> None:
    assert price_formatting.texts_at(Price(94_000, token, Basis.LAUNCH, {})) == words


def test_nothing_known_gives_no_price() -> None:
    assert price_of(Known()) is None


def test_every_price_in_the_database_is_the_one_shown(catalog: None) -> None:
    make_card("a/launched", launch_price_nano_usd_per_image=7_000, image_gflops=1)
    make_card("a/measured", measured_images_per_s=7.5, measured_usd_per_hour=3.3)
    make_card("a/half-measured", measured_images_per_s=7.5)
    make_card("a/half-way", image_gflops=121.5225)  # 70,500 n$ exactly

    cards = list(ModelCard.objects.all())

    assert len(cards) > 170
    for card in cards:
        assert card.nano_usd_per_image == (card.price and card.price.nano_usd_per_image)


def test_one_dollar_buys_10638_images_of_vit_l_14() -> None:
    assert (
        price_formatting.images_for_usd(pricing.Price(94_000, 100, Basis.STATED, {}), 1) == "10,638"
    )


@pytest.mark.parametrize("amount", ["much", "", "NaN", "Infinity", "1,000"])
def test_nonsense_is_no_amount_of_dollars(amount: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        money.parse_usd(amount)


@pytest.mark.parametrize("micro_usd", [0, 1, 94, 500_000, 10_000_000, 123_456_789_012_345, -94])
def test_what_programs_are_given_is_the_same_amount(micro_usd: int) -> None:
    assert money.parse_usd(money.usd(micro_usd)) == micro_usd
    assert "E" not in money.usd(micro_usd)


@pytest.mark.parametrize("module", [pricing.formula, price_formatting, formatting, money])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "patch", "side"),
    [(224, 14, 16), (224, 32, 7), (378, 14, 27), (260, None, None), (64, 1, 64), (65, 1, None)],
)
def test_a_patch_grid_has_whole_patches(image: int, patch: int | None, side: int | None) -> None:
    assert patches.grid_side(image, patch) == side


def test_rendered_text_loses_what_could_harm() -> None:
    html = markdown("### ok\n\n<script>x()</script>\n\n[a](javascript:x) <b onclick=x>")

    assert "<h3>ok</h3>" in html
    assert "script" not in html
    assert "onclick" not in html
