"""The demand board ranks by its public formula, and anybody can work the order out again."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from catalog import stages
from catalog.demand import board
from catalog.models import COMING_SOON, ModelCard, Stage, Subscriber, Vote, WaitlistEntry
from tests.conftest import make_card

ANONYMOUS = User()  # has no key, so it has no votes


def vote(card: ModelCard, *, days_ago: float = 0, **fields: object) -> Vote:
    """A vote that outlived its person: the board counts it like any."""
    voted_at = timezone.now() - timedelta(days=days_ago)
    return Vote.objects.create(card=card, voted_at=voted_at, **fields)


def wait(card: ModelCard, *, days_ago: float = 0, **fields: object) -> WaitlistEntry:
    number = Subscriber.objects.count()
    subscriber = Subscriber.objects.create(email=f"p{number}@lab.example", key=f"{number:032x}")
    times: dict[str, object] = {"confirmed_at": timezone.now() - timedelta(days=days_ago)}
    return WaitlistEntry.objects.create(card=card, subscriber=subscriber, **(times | fields))


def order(rows: Iterable[board.Row] | None = None) -> list[str]:
    rows_shown = board.rows(timezone.now().date(), seen_by=ANONYMOUS) if rows is None else rows
    return [row.card.repo for row in rows_shown]


def requested(repo: str, **fields: object) -> ModelCard:
    return make_card(repo, summary_is_generated=True, **fields)


# --- the formula --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "counts"), [(0, "2"), (30, "1.5"), (60, "1.25"), (210, "1.007812"), (10_000, "1")]
)
def test_a_voice_counts_double_and_falls_towards_one(age: int, counts: str) -> None:
    assert board.weight(age) == Decimal(counts)


def test_floats_and_exact_arithmetic_agree_for_ten_years() -> None:
    with localcontext(prec=60):
        for age in range(3660):
            exact = Decimal("0.5") ** (Decimal(age) / 30)
            cut = exact.quantize(Decimal("0.000001"), rounding=ROUND_DOWN)
            assert board.weight(age) == 1 + cut, age


def test_the_database_counts_as_python_does(card: ModelCard) -> None:
    today = date(2026, 11, 23)
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    ages = [*range(400), 1000, 3650]
    Vote.objects.bulk_create(Vote(card=card, voted_at=noon - timedelta(days=a)) for a in ages)

    [row] = board.rows(today, seen_by=ANONYMOUS)

    assert row.score == sum(board.weight(age) for age in ages)


@pytest.mark.parametrize(
    ("moment", "counts"),
    [
        (datetime(2026, 11, 23, 0, 0, tzinfo=UTC), 0),
        (datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 11, 24, 0, 1, tzinfo=UTC), 0),  # a database clock that is ahead
    ],
)
def test_days_end_at_midnight_utc(card: ModelCard, moment: datetime, counts: int) -> None:
    Vote.objects.create(card=card, voted_at=moment)

    [row] = board.rows(date(2026, 11, 23), seen_by=ANONYMOUS)

    assert row.score == board.weight(counts)


# --- who stands on it ---------------------------------------------------------------------------


def test_fresh_voices_pass_old_ones_and_ties_go_by_id(db: None) -> None:
    for repo, age in [("b/old", 90), ("c/fresh", 0), ("B/tie", 30), ("a/tie", 30)]:
        vote(requested(repo), days_ago=age)

    assert order() == ["c/fresh", "B/tie", "a/tie", "b/old"]


def test_votes_and_waiting_people_count_alike(db: None) -> None:
    awaited = requested("a/waited-for")
    wait(awaited)
    wait(awaited)
    vote(requested("a/voted-for"))

    first, second = board.rows(timezone.now().date(), seen_by=ANONYMOUS)

    assert first.card.repo == "a/waited-for"
    assert [first.score, second.score] == [4, 2]


def test_who_has_not_confirmed_or_has_left_is_no_voice(db: None) -> None:
    wait(requested("a/unconfirmed"), confirmed_at=None)
    wait(requested("a/left"), left_at=timezone.now())
    vote(requested("a/set-aside"), is_set_aside=True)

    assert order() == []


@pytest.mark.parametrize("stage", Stage)
def test_only_what_is_coming_soon_stands_on_the_board(db: None, stage: Stage) -> None:
    vote(requested("a/model", stage=stage))

    assert order() == (["a/model"] if stage in COMING_SOON else [])


def test_written_pages_stand_there_before_anybody_asks(db: None) -> None:
    make_card("a/written")
    requested("a/generated")
    make_card("a/stand-in", is_stand_in=True)

    assert order() == ["a/written"]


def test_the_next_one_is_the_first_still_requested(db: None) -> None:
    ahead = requested("a/ahead", stage=Stage.BENCHMARKING)
    for card in (ahead, ahead, requested("a/next")):
        vote(card)
    vote(requested("a/later"), days_ago=50)

    rows = board.rows(timezone.now().date(), seen_by=ANONYMOUS)

    assert [(row.card.repo, row.is_next) for row in rows] == [
        ("a/ahead", False),
        ("a/next", True),
        ("a/later", False),
    ]


@pytest.mark.parametrize(("people", "shown"), [(2, None), (3, 3000)])
def test_volumes_are_shown_as_a_sum_of_three_at_least(
    card: ModelCard, people: int, shown: int | None
) -> None:
    for _ in range(people):
        vote(card, images_per_month=1000)
    vote(card)
    vote(card, images_per_month=10**9, is_set_aside=True)

    [row] = board.rows(timezone.now().date(), seen_by=ANONYMOUS)

    assert getattr(row.card, "images_wanted") == shown  # noqa: B009


# --- the page -----------------------------------------------------------------------------------


@pytest.fixture
def voices(db: None) -> None:
    """Some models with voices of many days, and some that tie."""
    for number in range(12):
        card = requested(f"owner/model-{number:02}", name=f"model {number:02}")
        for day in range(number * 7 % 5):
            vote(card, days_ago=day * number)
        for day in range(number % 3):
            wait(card, days_ago=day * 40)
    make_card("owner/written", name="written")


def recomputed(voices: dict[str, list[tuple[date, int]]], as_of: date) -> list[str]:
    """The order by the formula, in plain Python, from what the exports say and nothing else."""
    scores = {
        repo: sum(
            count * (10**6 + int(10**6 * 0.5 ** (max((as_of - day).days, 0) / 30)))
            for day, count in days
        )
        for repo, days in voices.items()
    }
    return sorted(scores, key=lambda repo: (-scores[repo], repo))


def order_on_page(client: Client) -> list[str]:
    page = client.get("/roadmap/")
    return [row.card.repo for row in page.context["rows"]]


def test_the_order_follows_from_the_json_alone(voices: None, client: Client) -> None:
    document = client.get("/roadmap.json").json()

    voices_of = {
        model["id"]: [
            (date.fromisoformat(voice["day"]), voice["count"]) for voice in model["voices"]
        ]
        for model in document["models"]
    }
    order = recomputed(voices_of, date.fromisoformat(document["as_of"]))

    assert order == order_on_page(client) == [model["id"] for model in document["models"]]
    assert len(order) > 8
    assert "0.5^(age / 30)" in document["formula"]


def test_the_order_follows_from_the_csv_alone(voices: None, client: Client) -> None:
    lines = list(csv.DictReader(io.StringIO(client.get("/roadmap.csv").content.decode())))

    voices_of: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for line in lines:
        voices_of[line["id"]] += (
            [(date.fromisoformat(line["day"]), int(line["count"]))] if line["day"] else []
        )
    order = recomputed(voices_of, date.fromisoformat(lines[0]["as_of"]))

    assert order == order_on_page(client)
    assert "0.5^(age / 30)" in lines[0]["formula"]


def test_the_exports_count_by_kind(db: None, client: Client) -> None:
    card = requested("a/model")
    vote(card)
    vote(card)
    vote(card, is_set_aside=True)
    wait(card, days_ago=1)
    today = timezone.now().date()

    document = client.get("/roadmap.json").json()

    assert document["votes_set_aside"] == 1
    [model] = document["models"]
    assert (model["votes"], model["waitlist"], model["rank"]) == (2, 1, 1)
    assert model["score"] == f"{4 + board.weight(1):.6f}"
    assert model["voices"] == [
        {"kind": "vote", "day": str(today), "count": 2},
        {"kind": "waitlist", "day": str(today - timedelta(days=1)), "count": 1},
    ]


def test_the_page_shows_stage_history_and_what_is_next(card: ModelCard, client: Client) -> None:
    stages.record_births("added to the catalog")
    stages.move(card, Stage.BENCHMARKING, reason="most wanted this month")

    page = client.get("/roadmap/").content.decode()

    assert "added to the catalog" in page
    assert "most wanted this month" in page
    assert "Next: onboarding" in page


def test_set_aside_votes_are_stated(card: ModelCard, client: Client) -> None:
    assert "No votes are set aside" in client.get("/roadmap/").content.decode()

    vote(card, is_set_aside=True)

    assert "1 vote for models coming soon is set aside" in client.get("/roadmap/").content.decode()


def test_recently_launched_models_stand_with_their_day(db: None, client: Client) -> None:
    card = make_card("a/launched", stage=Stage.ONBOARDING)
    stages.move(card, Stage.PREVIEW, reason="it answers", without_worker=True)
    stages.move(card, Stage.LIVE, reason="it is fast", without_worker=True)
    make_card("a/stand-in", stage=Stage.LIVE, is_stand_in=True)

    [launched] = client.get("/roadmap/").context["launched"]

    assert launched.repo == "a/launched"
    assert launched.launched_at == card.stage_changes.get(stage=Stage.LIVE).changed_at


def test_an_empty_board_says_what_to_do(db: None, client: Client) -> None:
    page = client.get("/roadmap/").content.decode()

    assert "No model is on the board yet" in page
    assert client.get("/roadmap.json").json()["models"] == []


def test_a_long_board_ends_with_a_word(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "MOST_SHOWN", 2)
    for number in range(3):
        make_card(f"a/model-{number}")

    page = client.get("/roadmap/")

    assert len(page.context["rows"]) == 2
    assert "These are the first 2" in page.content.decode()


def test_a_stranger_gets_the_shared_page_and_a_person_their_own(
    card: ModelCard, client: Client, settings: Settings
) -> None:
    settings.PAGE_CACHE_S = 60
    caches["pages"].clear()
    ada = User.objects.create_user("ada@lab.example")
    anonymous = client.get("/roadmap/").content.decode()
    Vote.objects.create(card=card, user=ada)

    cached = Client().get("/roadmap/").content.decode()
    client.force_login(ada)
    own = client.get("/roadmap/").content.decode()

    assert cached == anonymous
    assert "csrf" not in cached
    assert 'aria-pressed="true"' in own


def test_the_board_takes_five_queries_for_a_stranger(
    voices: None, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(5):
        client.get("/roadmap/")


def test_the_board_takes_two_more_for_a_person(
    voices: None, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(User.objects.create_user("ada@lab.example"))

    with django_assert_max_num_queries(7):
        client.get("/roadmap/")


@pytest.mark.parametrize("address", ["/roadmap/", "/roadmap.json", "/roadmap.csv"])
def test_the_board_is_only_read(db: None, client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
    assert client.get(f"{address}?nonsense=%ff").status_code == 200
