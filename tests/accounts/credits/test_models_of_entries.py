"""The ledger says which model its credit was for."""

from importlib import import_module

import pytest
from django.db import connection
from django.test import Client

from accounts import credits
from accounts.credits import ledger
from accounts.models import Category, Entry, EntryKind, Hold, User
from catalog.models import ModelCard
from tests.conftest import make_card

REPO = "openai/clip-vit-base-patch32"


@pytest.fixture
def ada(db: None) -> User:
    ada = User.objects.create_user("ada@lab.example")
    credits.grant(ada, amount_micro_usd=100, category=Category.PROMOTION, reference="gift")
    return ada


def models_by_line() -> dict[tuple[str, str], str]:
    return {
        (kind, ref): model
        for kind, ref, model in Entry.objects.values_list("kind", "reference", "model")
    }


def test_a_hold_its_capture_and_its_release_name_the_model(ada: User) -> None:
    for reference in ("job:1", "job:2"):
        credits.hold(ada, amount_micro_usd=30, reference=reference, model=REPO)
    credits.capture("job:1", amount_micro_usd=20)
    credits.release("job:2")

    assert models_by_line() == {
        (EntryKind.GRANT, "gift"): "",
        (EntryKind.HOLD, "job:1"): REPO,
        (EntryKind.HOLD, "job:2"): REPO,
        (EntryKind.CAPTURE, "job:1"): REPO,
        (EntryKind.RELEASE, "job:2"): REPO,
    }
    assert ledger.check().differences == ()


def test_each_line_of_a_batch_names_its_own_model(ada: User) -> None:
    models = {"job:1": "openai/a", "job:2": "openai/b", "job:3": ""}
    for reference, model in models.items():
        credits.hold(ada, amount_micro_usd=10, reference=reference, model=model)
    credits.capture_many(models)

    captures = Entry.objects.filter(kind=EntryKind.CAPTURE).values_list("reference", "model")
    assert dict(captures) == models


def test_what_ends_of_a_grant_names_no_model(ada: User) -> None:
    credits.void("gift")

    assert set(models_by_line().values()) == {""}


def test_the_statement_names_the_model_once_a_line(ada: User, client: Client) -> None:
    credits.hold(ada, amount_micro_usd=30, reference="job:1", model=REPO)
    credits.capture("job:1")
    client.force_login(ada)

    page = client.get("/account/credit/").content.decode()
    rows = client.get("/account/credit.csv").content.decode().splitlines()

    assert page.count(REPO) == 1  # the hold is not a line of its own once it is captured
    assert [REPO in row for row in rows] == [False, True, True, False]


# --- what was written before ledgers had the column --------------------------------------------


def fill() -> None:
    sql = import_module("accounts.migrations.0005_fill_model_of_ledger").FILL
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no table with pending checks is altered
        cursor.execute(sql)


def as_written_before(ada: User, card: ModelCard) -> None:
    """Lines whose model only a note or a reference tells."""
    wallet = credits.wallet_of(ada)
    for reference, note in (("job:1", REPO), ("job:2", REPO), ("job:3", "")):
        credits.hold(ada, amount_micro_usd=10, reference=f"{reference}:now")
        Hold.objects.filter(reference=f"{reference}:now").update(reference=reference)
        sums = {"balance_effect_micro_usd": 0, "held_effect_micro_usd": 10}
        Entry.objects.create(
            wallet=wallet, kind=EntryKind.HOLD, reference=reference, note=note, **sums
        )
    credits.capture_many(["job:1", "job:3"])
    credits.release("job:2")
    for reference in (f"launch:{card.pk}:{ada.pk}", f"launch:{card.pk + 1}:{ada.pk}"):
        credits.grant(
            ada,
            amount_micro_usd=50,
            category=Category.LAUNCH,
            reference=reference,
            note="launch of",
        )


def test_the_migration_reads_it_out_of_notes_and_references(ada: User) -> None:
    card = make_card("laion/live")
    as_written_before(ada, card)
    before = list(Entry.objects.order_by("pk").values_list("pk", "note", "created_at"))

    fill()
    fill()

    models = models_by_line()
    assert {line for line, model in models.items() if model == REPO} == {
        (EntryKind.HOLD, "job:1"),
        (EntryKind.CAPTURE, "job:1"),
        (EntryKind.HOLD, "job:2"),
        (EntryKind.RELEASE, "job:2"),
    }
    assert models[EntryKind.GRANT, f"launch:{card.pk}:{ada.pk}"] == "laion/live"
    assert len([model for model in models.values() if model]) == 5
    assert dict(Hold.objects.values_list("reference", "model")) == {
        "job:1": REPO,
        "job:2": REPO,
        "job:3": "",
    }
    assert list(Entry.objects.order_by("pk").values_list("pk", "note", "created_at")) == before


def test_the_ledger_is_append_only_again_after_the_migration(ada: User) -> None:
    fill()

    with pytest.raises(Exception, match="append-only"):
        Entry.objects.update(model="changed")
