"""A card's file never writes over what somebody edited by hand, and the load says so."""

import io
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from catalog import hand_edits
from catalog.hub import differences
from catalog.loading import cards
from catalog.models import Alias, Difference, HandEdit, ModelCard, Source
from tests.catalog.admin.forms import change, filled_in, filled_in_anew
from tests.conftest import FIXTURES, make_card
from tests.support.threads import at_once

REPO = "openai/clip-vit-base-patch32"
FACT = {"value": "mit", "source": "paper", "read": date(2026, 1, 1)}
FIRST: dict[str, object] = {
    "repo": REPO,
    "name": "CLIP",
    "summary": "First.",
    "about": "First.",
    "runtime": {"loader": "open_clip", "open_clip_model": "ViT-B-32", "revision": ""},
    "facts": {"license": FACT, "image_size": FACT | {"value": 224}},
    "faq": [{"question": "Why?", "answer": "So."}],
    "evaluations": [
        {"dataset": "d", "metric": "m", "value": 50, "source": "paper", "read": date(2026, 1, 1)}
    ],
}
SECOND = FIRST | {
    "summary": "Second.",
    "about": "Second.",
    "facts": {"license": FACT | {"value": "apache-2.0"}, "image_size": FACT | {"value": 336}},
    "faq": [{"question": "Why?", "answer": "Because."}],
    "evaluations": [],
    "aliases": ["openai/older"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump([{"slug": "paper", "title": "paper"}]))
    (tmp_path / "zoo.csv").write_text("repo\n")
    return tmp_path


def load(folder: Path, document: dict[str, object]) -> str:
    """What the command says of a folder with this one card."""
    (folder / "card.yaml").write_text(yaml.safe_dump(document))
    output = io.StringIO()
    call_command("load_catalog", folder, stdout=output)
    return output.getvalue().strip()


@pytest.fixture
def loaded(db: None, folder: Path) -> ModelCard:
    """A card as its first file states it."""
    load(folder, FIRST)
    return ModelCard.objects.get()


def everything(card: ModelCard) -> list[object]:
    return [
        ModelCard.objects.filter(pk=card.pk).values().get(),
        *card.provenance.order_by("pk").values(),
        *card.evaluations.order_by("pk").values(),
        *card.faq.order_by("pk").values(),
        *card.aliases.order_by("pk").values(),
        *card.hand_edits.order_by("pk").values(),
    ]


# --- the rule -----------------------------------------------------------------------------------


def test_a_card_that_nobody_touched_follows_its_file(loaded: ModelCard, folder: Path) -> None:
    output = load(folder, SECOND)

    card = ModelCard.objects.get()
    assert output == "catalog: 0 new cards, 1 updated, 0 unchanged"
    assert (card.summary, card.license, card.image_size) == ("Second.", "apache-2.0", 336)
    assert card.faq.get().answer == "Because."
    assert not card.evaluations.exists()
    assert card.aliases.get().name == "openai/older"


def test_an_edited_part_is_kept_and_named_and_the_rest_follows(
    admin_client: Client, loaded: ModelCard, folder: Path
) -> None:
    change(admin_client, loaded, summary="By hand.", **{"faq-0-answer": "By hand."})

    output = load(folder, SECOND)

    card = ModelCard.objects.get()
    assert output.endswith(f"1 updated, 0 unchanged; kept as edited by hand: {REPO} (faq, summary)")
    assert (card.summary, card.faq.get().answer) == ("By hand.", "By hand.")
    assert (card.about, card.license) == ("Second.", "apache-2.0")
    assert not card.evaluations.exists()


def test_loading_again_changes_nothing(
    admin_client: Client, loaded: ModelCard, folder: Path
) -> None:
    change(admin_client, loaded, summary="By hand.")
    load(folder, SECOND)
    before = everything(loaded)

    output = load(folder, SECOND)

    assert output == "catalog: 0 new cards, 0 updated, 1 unchanged"
    assert everything(loaded) == before


@pytest.mark.parametrize(
    "edit", [{"license": "gpl"}, {"provenance-0-read_on": "2026-02-02"}], ids=str
)
def test_a_fact_and_its_source_are_kept_together(
    admin_client: Client, loaded: ModelCard, folder: Path, edit: dict[str, str]
) -> None:
    loaded.provenance.exclude(field="license").delete()
    change(admin_client, loaded, **edit)
    source = loaded.provenance.get(field="license").read_on
    license_name = ModelCard.objects.get().license

    load(folder, SECOND)

    card = ModelCard.objects.get()
    assert set(card.hand_edits.values_list("part", flat=True)) == {"license"}
    assert (card.license, card.provenance.get(field="license").read_on) == (license_name, source)
    assert card.provenance.filter(field="image_size").exists()


def test_a_fact_that_was_emptied_by_hand_stays_empty(
    admin_client: Client, loaded: ModelCard, folder: Path
) -> None:
    rows = {row.field: number for number, row in enumerate(loaded.provenance.all())}
    gone = {f"provenance-{rows['license']}-DELETE": "on"}
    change(admin_client, loaded, license="", **gone)

    load(folder, SECOND)

    card = ModelCard.objects.get()
    assert card.license == ""
    assert [row.field for row in card.provenance.all()] == ["image_size"]


@pytest.mark.parametrize(
    ("edit", "part"),
    [({"evaluations-0-value": "60"}, "evaluations"), ({"faq-0-DELETE": "on"}, "faq")],
)
def test_a_list_is_kept_as_a_whole(
    admin_client: Client, loaded: ModelCard, edit: dict[str, str], part: str
) -> None:
    change(admin_client, loaded, **edit)

    assert [hand_edit.part for hand_edit in HandEdit.objects.all()] == [part]


def test_an_old_name_deleted_by_hand_does_not_come_back(
    admin_client: Client, loaded: ModelCard, folder: Path
) -> None:
    load(folder, SECOND)
    change(admin_client, ModelCard.objects.get(), **{"aliases-0-DELETE": "on"})

    load(folder, SECOND | {"about": "Third."})

    assert not Alias.objects.exists()


def test_a_file_fills_in_what_a_card_made_by_hand_leaves_open(
    admin_client: Client, db: None, folder: Path
) -> None:
    blank = ModelCard(repo=REPO, name="mine", summary="By hand.", loader="open_clip")
    admin_client.post(
        "/admin/catalog/modelcard/add/", filled_in_anew(blank, open_clip_model="ViT-B-32")
    )

    load(folder, FIRST)

    card = ModelCard.objects.get()
    assert (card.name, card.summary, card.license) == ("mine", "By hand.", "mit")


def test_what_somebody_took_from_the_hub_is_not_taken_back(
    loaded: ModelCard, folder: Path, admin_user: User
) -> None:
    difference = Difference.objects.create(
        card=loaded, field="license", ours="mit", hubs="gpl", found_on=date(2026, 1, 2)
    )
    differences.take(difference, by=admin_user)

    load(folder, SECOND)

    assert ModelCard.objects.get().license == "gpl"


def test_saving_the_form_as_it_was_is_no_edit(admin_client: Client, loaded: ModelCard) -> None:
    change(admin_client, loaded)

    assert not HandEdit.objects.exists()


def test_what_a_browser_makes_of_line_ends_is_no_edit(admin_client: Client) -> None:
    cards.load_folder(FIXTURES)  # whose texts have several lines
    card = ModelCard.objects.get(repo=REPO)
    form_data = {name: _by_browser(value) for name, value in filled_in(card).items()}
    assert "\r\n" in str(form_data["about"])
    before = everything(card)

    answer = admin_client.post(f"/admin/catalog/modelcard/{card.pk}/change/", form_data)

    assert answer.status_code == 302
    assert not HandEdit.objects.exists()
    assert everything(card) == before


def _by_browser(value: object) -> object:
    return value.replace("\n", "\r\n") if isinstance(value, str) else value


def test_what_no_file_says_is_no_edit_of_it(admin_client: Client, loaded: ModelCard) -> None:
    change(admin_client, loaded, measured_images_per_s="10", measured_usd_per_hour="1")

    assert not HandEdit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_edit_during_a_load_is_kept(folder: Path) -> None:
    load(folder, FIRST)
    editor = Client()
    editor.force_login(User.objects.create_superuser("op@lab.example"))
    (folder / "card.yaml").write_text(yaml.safe_dump(SECOND))
    card = ModelCard.objects.get()
    form_data = filled_in(card, summary="By hand.", **{"faq-0-answer": "By hand."})

    def edit_or_load(number: int) -> int:
        if number:
            call_command("load_catalog", folder, stdout=io.StringIO())
            return 302
        return editor.post(f"/admin/catalog/modelcard/{card.pk}/change/", form_data).status_code

    [answer, _] = at_once(edit_or_load, 2)

    # Loaded first, the form is about a row that is no more, and says so.
    assert answer == 302 or not HandEdit.objects.exists()
    assert (ModelCard.objects.get().summary == "By hand.") == (answer == 302)


# --- in the admin -------------------------------------------------------------------------------


def test_the_admin_shows_what_was_edited_by_hand(admin_client: Client, loaded: ModelCard) -> None:
    hand_edits.mark(loaded, ["summary"])
    make_card("other/card")
    address = "/admin/catalog/modelcard/"

    page = admin_client.get(f"{address}{loaded.pk}/change/").content.decode()
    filtered = admin_client.get(f"{address}?hand_edits__part=summary").content.decode()

    assert "Edited by hand: the card" in page
    assert REPO in filtered
    assert "other/card" not in filtered


def test_a_part_given_back_is_written_by_the_next_load(
    admin_client: Client, loaded: ModelCard, folder: Path
) -> None:
    change(admin_client, loaded, summary="By hand.", about="By hand.")
    load(folder, SECOND)
    rows = {row.part: number for number, row in enumerate(loaded.hand_edits.all())}

    given_back = {f"hand_edits-{rows['summary']}-DELETE": "on"}
    change(admin_client, ModelCard.objects.get(), **given_back)
    output = load(folder, SECOND)

    card = ModelCard.objects.get()
    assert (card.summary, card.about) == ("Second.", "By hand.")
    assert output.endswith(f"{REPO} (about)")


def test_staff_who_may_only_change_cards_give_nothing_back(
    client: Client, loaded: ModelCard
) -> None:
    hand_edits.mark(loaded, ["summary"])
    staff = User.objects.create_user("staff@lab.example", is_staff=True)
    names = ["change_modelcard", "view_modelcard", "view_handedit"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(staff)

    client.post(
        f"/admin/catalog/modelcard/{loaded.pk}/change/",
        filled_in(loaded, **{"hand_edits-0-DELETE": "on"}),
    )

    assert HandEdit.objects.exists()


# --- before all this ----------------------------------------------------------------------------


def test_the_migration_finds_earlier_edits_in_the_admins_history(
    admin_client: Client, loaded: ModelCard
) -> None:
    Source.objects.create(slug="other", title="other")
    change(
        admin_client,
        loaded,
        summary="By hand.",
        measured_images_per_s="10",
        **{"faq-0-answer": "By hand.", "provenance-0-read_on": "2026-02-02"},
    )
    noted = set(HandEdit.objects.values_list("part", flat=True))
    HandEdit.objects.all().delete()

    import_module("catalog.migrations.0008_add_hand_edits").fill(apps, None)

    assert set(HandEdit.objects.values_list("part", flat=True)) == noted
    assert len(noted) == 3
