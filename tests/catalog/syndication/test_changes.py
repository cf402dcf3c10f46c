"""The page of what changed tells each change once, on its day."""

from datetime import UTC, datetime

from django.test import Client

from catalog.models import ModelCard, PriceChange, StageChange
from catalog.pricing import Basis
from catalog.syndication import changes
from tests.conftest import make_card

EARLY = datetime(2026, 11, 3, 12, tzinfo=UTC)
LATE = datetime(2026, 11, 20, 12, tzinfo=UTC)


def joined(repo: str, at: datetime) -> ModelCard:
    card = make_card(repo)
    card.stage_changes.all().delete()
    card.price_changes.all().delete()
    ModelCard.objects.filter(pk=card.pk).update(created_at=at)
    StageChange.objects.create(card=card, stage="requested", reason="new", changed_at=at)
    price(card, 20, at)
    return card


def price(card: ModelCard, micro_usd: int, at: datetime) -> None:
    PriceChange.objects.create(
        card=card,
        nano_usd_per_image=micro_usd,
        nano_usd_per_token=0,
        basis=Basis.STATED,
        since=at,
    )


def test_changes_stand_on_their_day_the_newest_first(db: None) -> None:
    ModelCard.objects.all().delete()
    card = joined("o/one", EARLY)
    joined("o/two", EARLY)
    StageChange.objects.create(
        card=card,
        before="requested",
        stage="benchmarking",
        reason="most wanted",
        changed_at=LATE,
    )
    price(card, 25, LATE)

    [late, early] = changes.days()

    assert (late.day, early.day) == (LATE.date(), EARLY.date())
    assert {event.text for event in late.events} >= {"most wanted"}
    assert len(late.events) == 2
    assert late.joined == 0
    # What a model begins with is its joining, and no change.
    assert (list(early.events), early.joined) == ([], 2)


def test_the_page_links_models_and_its_feed(db: None, client: Client) -> None:
    ModelCard.objects.all().delete()
    card = joined("o/one", EARLY)
    StageChange.objects.create(
        card=card, before="requested", stage="benchmarking", reason="<b>", changed_at=LATE
    )

    page = client.get("/changes/").content.decode()

    assert 'href="/models/o/one/"' in page
    assert "&lt;b&gt;" in page
    assert 'href="/models/changes.atom"' in page


def test_before_anything_happened_the_page_says_so(db: None, client: Client) -> None:
    ModelCard.objects.all().delete()

    assert "Nothing has changed yet." in client.get("/changes/").content.decode()


def test_the_page_takes_no_post(client: Client) -> None:
    assert client.post("/changes/").status_code == 405
