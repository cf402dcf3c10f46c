"""Every price is on record since its first day, and its page tells how to compute it again."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from catalog import price_history
from catalog.loading import cards
from catalog.models import ModelCard, PriceChange
from catalog.pages import price_chart, price_story, specs
from catalog.pages.price_story import PriceStory
from catalog.pricing.formatting import rounded_usd
from tests.conftest import FIXTURES, make_card
from tests.support.threads import at_once

BY_BASIS: dict[str, dict[str, object]] = {
    "compute": {"image_gflops": 967.5, "text_gflops": 47.09},
    "half a micro-dollar": {"image_gflops": 121.5225},
    "less than one": {"image_gflops": 0.001},
    "benchmark": {
        "measured_images_per_s": 7.5,
        "measured_usd_per_hour": 3.3,
        "image_gflops": 8.82,
        "text_gflops": 5.96,
    },
    "stated": {"est_price_nano_usd_per_image": 94_000, "image_gflops": 162.03, "text_gflops": 13.3},
    "launch": {
        "launch_price_nano_usd_per_image": 70_000,
        "est_price_nano_usd_per_image": 94_000,
        "image_gflops": 162.03,
        "text_gflops": 13.3,
    },
}


@pytest.fixture
def no_cards(db: None) -> None:
    """The module's catalog aside, for this test."""
    ModelCard.objects.all().delete()


def test_a_price_is_written_once(no_cards: None) -> None:
    card = make_card(image_gflops=8.82, text_gflops=5.96)

    written, again = price_history.record(card), price_history.record(card)

    assert written is not None
    assert again is None
    [change] = price_history.history_of(card)
    assert (change.nano_usd_per_image, change.nano_usd_per_token) == (5_117, 45)
    assert (change.basis, change.inputs["image_gflops"]) == ("compute", 8.82)


@pytest.mark.parametrize(
    "change",
    [
        {"image_gflops": 9.1},  # from another input
        {"text_gflops": 1.0},
        {"est_price_nano_usd_per_image": 5_117},  # the same on another basis
        {"measured_images_per_s": 10.0, "measured_usd_per_hour": 1.0},
    ],
)
def test_whatever_a_price_rests_on_is_kept_as_history(
    no_cards: None, change: dict[str, object]
) -> None:
    card = make_card(image_gflops=8.82, text_gflops=5.96)
    price_history.record(card)
    ModelCard.objects.filter(pk=card.pk).update(**change)

    price_history.record(card)

    assert len(price_history.history_of(card)) == 2


def test_a_card_without_a_price_has_no_history(no_cards: None) -> None:
    assert price_history.record(make_card()) is None
    assert price_history.record_all() == 0


def test_a_price_that_comes_back_is_a_change_of_its_own(no_cards: None) -> None:
    card = make_card(est_price_nano_usd_per_image=94_000)
    for nano_usd in (94, 80, 94):
        ModelCard.objects.filter(pk=card.pk).update(est_price_nano_usd_per_image=nano_usd)
        price_history.record(card)

    assert [c.nano_usd_per_image for c in price_history.history_of(card)] == [94, 80, 94]


@pytest.mark.django_db(transaction=True)
def test_two_at_once_write_one_price() -> None:
    card = make_card("a/raced-for", image_gflops=8.82)

    at_once(
        lambda index: price_history.record(card) if index % 2 else price_history.record_all(), 8
    )

    assert len(price_history.history_of(card)) == 1


def test_loading_the_catalog_records_every_price_once(catalog: None) -> None:
    known = {card.pk for card in ModelCard.objects.all() if card.price}

    cards.load_folder(FIXTURES)

    assert sorted(PriceChange.objects.values_list("card_id", flat=True)) == sorted(known)


def test_recording_nothing_new_costs_two_queries(
    catalog: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(2):
        assert price_history.record_all() == 0


def story_of(card: ModelCard, **more: object) -> PriceStory:
    arguments = {"history": price_history.history_of(card), "neighbours": []} | more
    result = price_story.story_of(card, **arguments)  # type: ignore[arg-type]
    assert result is not None
    return result


def text_of(story: PriceStory, address: str = "/models/a/b/") -> str:
    request = RequestFactory().get(address)
    html = render_to_string("catalog/model/_price.html", {"story": story}, request)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def formulas_in(text: str) -> Iterator[tuple[Decimal, int, str]]:
    """Each formula on the page, computed by hand; the figure it claims; and what for."""
    for terms, claimed, unit in re.findall(
        r"(\d[\d,. ×/()+]*) ≈ ([\d,]+) n\$ (per image|per token)", text
    ):
        assert re.fullmatch(r"[\d,. ×/()+]+", terms)
        exact = re.sub(r"[\d,.]*\d", lambda n: f"Decimal('{n[0].replace(',', '')}')", terms)
        yield eval(exact.replace("×", "*")), int(claimed.replace(",", "")), unit  # noqa: S307


@pytest.mark.parametrize("known", BY_BASIS.values(), ids=BY_BASIS)
def test_recomputing_from_the_page_gives_the_figure_shown(
    no_cards: None, known: dict[str, Any]
) -> None:
    card = make_card(**known)
    price_history.record(card)
    card.refresh_from_db()
    assert card.price is not None

    text = text_of(story_of(card))

    shown = dict(re.findall(r"()([\d,]+ n\$)", text))
    assert shown
    result = list(formulas_in(text))
    for exact, claimed, unit in result:
        by_hand = max(1, int(exact.to_integral_value(ROUND_HALF_UP)))
        expected = {
            "per image": card.price.nano_usd_per_image,
            "per token": card.price.nano_usd_per_token,
        }
        assert by_hand == claimed == expected[unit]
    estimated = {"compute", "benchmark"}
    assert ("per image" in {unit for *_, unit in result}) == (card.price.basis in estimated)
    is_frozen = card.price.basis == "launch"
    has_token_formula = bool(card.price.nano_usd_per_token) and not is_frozen
    assert ("per token" in {unit for *_, unit in result}) == has_token_formula
    assert f"{rounded_usd(card.price.usd_per_1k_images)} for 1,000 images" in text
    assert f"{1_000_000_000 // card.price.nano_usd_per_image:,} images for a dollar" in text


def test_every_formula_of_the_catalog_holds(catalog: None) -> None:
    for card in ModelCard.objects.all():
        story = price_story.story_of(card, history=[], neighbours=[])
        assert (story is None) == (card.price is None)
        for exact, claimed, _ in formulas_in(text_of(story)) if story else []:
            assert max(1, int(exact.to_integral_value(ROUND_HALF_UP))) == claimed, card.repo


def test_the_page_says_what_kind_of_figure_it_is(catalog: None) -> None:
    stated = ModelCard.objects.get(repo="openai/clip-vit-large-patch14")
    sources = stated.provenance.select_related("source")
    notes = specs.sheet_of(stated, sources).note_of

    text = text_of(story_of(stated, notes=notes))

    assert "~$0.094 for 1,000 images" in text
    assert "estimated, set at launch" in text
    assert (
        "Labels and texts cost $0.10 per million tokens when your account sends them for the first"
        in text
    )
    since = price_history.history_of(stated)[0].since
    assert f"valid since {since.day} {since:%b %Y}" in text
    for row in story_of(stated, notes=notes).inputs:
        assert row.note or row.origin, row


def test_a_launched_price_is_no_estimate(no_cards: None) -> None:
    text = text_of(story_of(make_card(launch_price_nano_usd_per_image=70_000)))

    assert "estimated" not in text
    assert "~" not in text


def test_a_price_not_yet_on_record_has_no_day(no_cards: None) -> None:
    card = make_card(image_gflops=8.82)
    price_history.record(card)
    card.image_gflops = 100.0

    assert story_of(card).since is None
    assert "not on record yet" in text_of(story_of(card))


def test_a_price_of_nothing_breaks_nothing(no_cards: None) -> None:
    card = make_card(launch_price_nano_usd_per_image=0, image_gflops=1, text_gflops=1)

    text = text_of(story_of(card))

    assert "images for a dollar" not in text
    assert "$0.00" in text


def history(*steps: tuple[int, int]) -> list[PriceChange]:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        PriceChange(
            nano_usd_per_image=nano_usd,
            nano_usd_per_token=1,
            basis="stated",
            since=first + timedelta(days=day),
        )
        for day, nano_usd in steps
    ]


def test_the_history_is_a_table_with_the_newest_first(no_cards: None) -> None:
    card = make_card(est_price_nano_usd_per_image=80_000)

    text = text_of(story_of(card, history=history((0, 94), (31, 80))))

    assert text.index("1 Feb 2026 80 n$") < text.index("1 Jan 2026 94 n$")


@pytest.mark.parametrize("steps", [[], [(0, 94)], [(0, 94), (1, 80)]])
def test_few_prices_make_no_chart(steps: Sequence[tuple[int, int]]) -> None:
    assert price_chart.of(history(*steps)) is None


@pytest.mark.parametrize(
    "steps", [[(0, 94), (10, 80), (40, 120)], [(0, 5), (0, 5), (0, 5)], [(0, 0), (1, 1), (2, 0)]]
)
def test_a_chart_stays_inside_and_runs_to_the_edge(steps: Sequence[tuple[int, int]]) -> None:
    drawn = price_chart.of(history(*steps))

    assert drawn is not None
    assert drawn.path.endswith(f"H{drawn.width}")
    for x in re.findall(r"H([\d.]+)", drawn.path):
        assert 0 <= float(x) <= drawn.width
    for y in re.findall(r"V([\d.]+)", drawn.path):
        assert 0 <= float(y) <= drawn.height


def test_the_section_allows_nothing_inline_and_asks_nothing(
    no_cards: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    card, other = make_card(image_gflops=8.82), make_card("a/b", image_gflops=1)
    with django_assert_max_num_queries(0):
        story = price_story.story_of(
            card, history=history((0, 9), (1, 7), (2, 5)), neighbours=[other]
        )
        request = RequestFactory().get("/models/a/b/")
        html = render_to_string("catalog/model/_price.html", {"story": story}, request)

    assert " style=" not in html
    assert "<script" not in html
    assert "<svg" in html
