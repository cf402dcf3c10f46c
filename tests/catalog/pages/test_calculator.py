"""What a month costs is exact, whatever people type."""

import doctest

import pytest

from catalog.models import ModelCard
from catalog.pages import calculator
from catalog.pages.calculator import Month


def card(repo: str, micro_usd: int | None, **more: float) -> ModelCard:
    return ModelCard(
        repo=repo, name=repo, est_price_nano_usd_per_image=micro_usd and micro_usd * 1000, **more
    )


@pytest.mark.parametrize(
    ("typed", "images"),
    [
        ("250000", 250_000),
        ("1e6", 1_000_000),
        ("1,000,000", 1_000_000),
        ("100k", 100_000),
        ("2.5M", 2_500_000),
        (" 3 B ", 3_000_000_000),
        ("1", 1),
        ("1T", 10**12),
        ("0.5k", 500),
        ("", 100_000),
    ],
)
def test_numbers_are_read_as_people_write_them(typed: str, images: int) -> None:
    assert Month.read({"images": typed}) == Month(images=images)


@pytest.mark.parametrize(
    "typed",
    [
        "many",
        "-5",
        "0",
        "1.5",
        "1000000000001",
        "1e13",
        "1e999999999",
        "1,00",
        "2,5M",
        "nan",
        "inf",
        "\0",
        "٣",
        "1" * 5000,
        "0x10",
        "1_000",
        "1 000 M k",
        "<script>",
    ],
)
def test_nonsense_gives_way_to_the_default_and_says_so(typed: str) -> None:
    month = Month.read({"images": typed})

    assert (month.images, month.tokens) == (100_000, 0)
    assert "from 1 to 1,000,000,000,000" in month.complaint
    assert "script" not in month.complaint


def test_text_tokens_are_counted_too_and_may_be_none() -> None:
    assert Month.read({"images": "10", "tokens": "0"}) == Month(images=10, tokens=0)
    assert Month.read({"tokens": "1k"}).tokens == 1000
    assert "Text tokens" in Month.read({"tokens": "-1"}).complaint


def test_a_month_is_its_images_and_tokens_rounded_up_once() -> None:
    mine = card("a/mine", 94, image_gflops=162.03, text_gflops=13.3)
    month = Month(images=10**12, tokens=31)

    [bill] = calculator.bills(mine, [], month)

    assert bill.micro_usd == 94 * 10**12 + 4  # 3,100 n$
    assert bill.usd == "$94,000,000.000004"


def test_bills_stand_by_cost_with_this_model_marked() -> None:
    mine = card("a/mine", 50)
    others = [card("b/dear", 100), card("c/cheap", 1), card("d/unknown", None), card("e/alike", 50)]

    bills = calculator.bills(mine, [*others, mine], Month(images=1000))

    assert [bill.name for bill in bills] == ["c/cheap", "a/mine", "e/alike", "b/dear"]
    assert [bill.is_this for bill in bills] == [False, True, False, False]
    assert [bill.share for bill in bills] == [1.0, 50.0, 50.0, 100.0]
    assert [bill.usd for bill in bills] == ["$0.001", "$0.05", "$0.05", "$0.10"]


def test_a_bill_without_a_known_price_of_tokens_says_so() -> None:
    mine = card("a/mine", 50)

    assert calculator.bills(mine, [], Month(tokens=5))[0].counts_tokens is False
    assert calculator.bills(mine, [], Month())[0].counts_tokens is True


def test_nothing_to_pay_makes_no_bars() -> None:
    assert calculator.bills(card("a/free", 0), [], Month())[0].share == 0


def test_the_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(calculator).failed == 0
