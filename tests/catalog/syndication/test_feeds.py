"""Feed readers hear what joins the catalog and what becomes of each model, once."""

import xml.etree.ElementTree as ET
from datetime import date

import pytest
from django.template.loader import render_to_string
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog import stages
from catalog.models import ModelCard, PriceChange, Stage, StageChange
from catalog.pages import sparkline
from tests.conftest import make_card

NAMES = {"a": "http://www.w3.org/2005/Atom"}
REPO = "openai/clip-vit-base-patch32"
ALL = [
    "/models/new.atom",
    "/models/changes.atom",
    "/models/zero-shot-image/new.atom",
    f"/models/{REPO}/feed.atom",
]


def read(client: Client, address: str) -> ET.Element:
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    return ET.fromstring(response.content)  # noqa: S314  our own answer


def texts(feed: ET.Element, name: str) -> list[str]:
    return [entry.findtext(f"a:{name}", "", NAMES) for entry in feed.findall("a:entry", NAMES)]


@pytest.fixture
def living(card: ModelCard) -> ModelCard:
    """A card that was born, moved on and has a price."""
    stages.record_births("added to the catalog")
    stages.move(card, Stage.BENCHMARKING, reason="most wanted this week")
    PriceChange.objects.create(
        card=card, nano_usd_per_image=94_000, nano_usd_per_token=8, basis="stated"
    )
    return card


@pytest.mark.parametrize("address", ALL)
def test_feeds_have_ids_for_ever_and_say_where_they_are(
    living: ModelCard, client: Client, address: str
) -> None:
    feed = read(client, address)

    ids = [feed.findtext("a:id", "", NAMES), *texts(feed, "id")]
    assert len(ids) == len(set(ids)) > 1
    assert all(guid.startswith("tag:gigarouter,2026:") for guid in ids)
    itself = feed.find("a:link[@rel='self']", NAMES)
    assert itself is not None
    assert itself.attrib["href"] == f"http://testserver{address}"
    assert feed.findtext("a:author/a:name", "", NAMES) == "gigarouter"
    assert all(texts(feed, "updated"))


@pytest.mark.parametrize("address", ALL)
def test_a_feed_without_news_is_not_sent_again(
    living: ModelCard, client: Client, address: str
) -> None:
    first = client.get(address)

    again = client.get(address, headers={"If-None-Match": first["ETag"]})
    since = client.get(address, headers={"If-Modified-Since": first["Last-Modified"]})

    assert (again.status_code, again.content) == (304, b"")
    assert since.status_code == 304


def test_an_empty_feed_is_not_new_each_time(db: None, client: Client) -> None:
    assert read(client, "/models/changes.atom").findtext("a:updated", "", NAMES).startswith("2026")
    assert client.get("/models/changes.atom")["Last-Modified"].endswith("2026 00:00:00 GMT")


@pytest.mark.parametrize("address", ALL)
def test_feeds_are_only_read(living: ModelCard, client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


@pytest.mark.parametrize(
    "address", ["/models/openai/nothing/feed.atom", "/models/knitting/new.atom"]
)
def test_no_feed_of_nothing(card: ModelCard, client: Client, address: str) -> None:
    assert client.get(address).status_code == 404


def test_new_models_come_newest_first_without_the_stand_in(db: None, client: Client) -> None:
    for repo in ("laion/first", "laion/second"):
        make_card(repo)
    make_card("gigarouter/conse-demo", is_stand_in=True)

    feed = read(client, "/models/new.atom")

    assert texts(feed, "title") == ["laion/second", "laion/first"]
    assert texts(feed, "id")[0] == "tag:gigarouter,2026:models/laion/second"


def test_changes_tell_from_where_to_where_and_why(living: ModelCard, client: Client) -> None:
    feed = read(client, "/models/changes.atom")

    assert texts(feed, "title") == [f"{living.name}: requested → benchmarking"]
    assert texts(feed, "summary") == ["most wanted this week"]


def test_a_models_feed_tells_its_whole_story(living: ModelCard, client: Client) -> None:
    feed = read(client, f"/models/{REPO}/feed.atom")

    assert texts(feed, "title") == [
        f"{REPO}: estimated price $0.094 for 1,000 images",
        f"{REPO}: requested → benchmarking",
        f"{REPO}: new, requested",
    ]
    why = "The estimated price is stated by the model&#x27;s first page."  # a reader expects HTML
    assert texts(feed, "summary") == [why, "most wanted this week", "added to the catalog"]


def test_a_models_feed_is_about_no_other(living: ModelCard, client: Client) -> None:
    make_card("laion/other", name="other")
    stages.record_births("added")

    assert texts(read(client, "/models/laion/other/feed.atom"), "title") == [
        "other: new, requested"
    ]


def test_hostile_texts_stay_texts(card: ModelCard, client: Client) -> None:
    card.name, card.summary = "<b>bold</b> & \x0b", "<script>alert(1)</script>\x01"
    card.save()
    StageChange.objects.create(card=card, stage="requested", reason="<script>x\x0b</script>")

    feed = read(client, f"/models/{REPO}/feed.atom")
    new = read(client, "/models/new.atom")

    assert texts(feed, "title") == ["<b>bold</b> & : new, requested"]
    assert texts(feed, "summary") == ["&lt;script&gt;x&lt;/script&gt;"]
    assert texts(new, "summary") == ["&lt;script&gt;alert(1)&lt;/script&gt;"]


def test_feeds_are_short_in_rows_and_queries(
    db: None, client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(51):
        make_card(f"laion/model-{number}")

    with django_assert_num_queries(1):
        feed = read(client, "/models/new.atom")

    assert len(texts(feed, "id")) == 50


# --- the line of downloads ----------------------------------------------------------------------


def test_a_line_needs_two_days() -> None:
    assert not sparkline.of([])
    assert not sparkline.of([(date(2026, 1, 1), 5)])
    assert not sparkline.of([(date(2026, 1, 1), 5), (date(2026, 1, 1), 6)])


def test_a_line_goes_by_days_and_ends_at_the_last() -> None:
    line = sparkline.of([(date(2026, 1, 5), 30), (date(2026, 1, 1), 10), (date(2026, 1, 2), 20)])

    assert line.points == "3.0,29.0 41.5,16.0 157.0,3.0"
    assert line.end == (157.0, 3.0)
    assert (line.first, line.last) == ((date(2026, 1, 1), 10), (date(2026, 1, 5), 30))
    assert (line.lowest, line.highest) == (10, 30)


def test_a_line_that_never_moves_runs_through_the_middle() -> None:
    line = sparkline.of([(date(2026, 1, 1), 7), (date(2026, 1, 2), 7)])

    assert line.points == "3.0,16.0 157.0,16.0"


def test_the_line_is_drawn_with_words_for_those_who_do_not_see_it() -> None:
    line = sparkline.of([(date(2026, 1, 1), 1_000), (date(2026, 1, 2), 12_400_000)])
    context = {"sparkline": line, "label": "downloads a month"}

    drawn = ET.fromstring(render_to_string("catalog/model/_sparkline.html", context))  # noqa: S314  our own

    assert drawn.attrib["role"] == "img"
    assert drawn.attrib["aria-label"] == (
        "downloads a month: 1.0K on 2026-01-01, 12.4M on 2026-01-02; lowest 1.0K, highest 12.4M"
    )
    assert (
        render_to_string("catalog/model/_sparkline.html", {"sparkline": sparkline.of([])}).strip()
        == ""
    )
