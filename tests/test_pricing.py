"""Prices can be recomputed by hand from what the page shows."""

import doctest
from decimal import Decimal

import pytest

from catalog import patches, pricing
from catalog.templatetags import figures


def test_a_stated_price_stays_as_stated() -> None:
    price = pricing.price_of(stated_micro_usd=94, image_gflops=162.03)

    assert price == pricing.Price(94, is_from_compute=False, image_gflops=162.03)
    assert price.usd_per_1k_images == Decimal("0.094")


@pytest.mark.parametrize(("gflops", "micro_usd"), [(162.03, 94), (8.82, 5), (967.5, 561), (0, 1)])
def test_an_estimate_follows_the_compute(gflops: float, micro_usd: int) -> None:
    price = pricing.price_of(stated_micro_usd=None, image_gflops=gflops)

    assert price is not None
    assert (price.micro_usd_per_image, price.is_from_compute) == (micro_usd, True)


def test_nothing_known_gives_no_price() -> None:
    assert pricing.price_of(stated_micro_usd=None, image_gflops=None) is None


def test_one_dollar_buys_10638_images_of_vit_l_14() -> None:
    assert figures.images_for_usd(pricing.Price(94, False, None), 1) == "10,638"


@pytest.mark.parametrize("module", [pricing, figures])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "patch", "side"), [(224, 14, 16), (224, 32, 7), (378, 14, 27), (260, None, None)]
)
def test_a_patch_grid_has_whole_patches(image: int, patch: int | None, side: int | None) -> None:
    assert patches.grid_side(image, patch) == side


def test_rendered_text_loses_what_could_harm() -> None:
    html = figures.rendered("### ok\n\n<script>x()</script>\n\n[a](javascript:x) <b onclick=x>")

    assert "<h3>ok</h3>" in html
    assert "script" not in html
    assert "onclick" not in html
