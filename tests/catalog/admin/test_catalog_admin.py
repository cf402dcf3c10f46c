"""Support edits cards; every change is kept with what stood there before."""

import json
from datetime import date
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client, RequestFactory

from accounts.models import User
from catalog import price_history, stages
from catalog.hub import provenance
from catalog.models import Difference, ModelCard, PriceChange, Source, Stage, StageChange
from tests.catalog.admin.forms import CARDS, change, filled_in, filled_in_anew
from tests.conftest import make_card

DIFFERENCES = "/admin/catalog/difference/"


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    """Somebody of the house without any permission."""
    user = User.objects.create_user(email="staff@example.com", is_staff=True)
    client.force_login(user)
    return client


@pytest.fixture
def difference(card: ModelCard) -> Difference:
    ModelCard.objects.filter(pk=card.pk).update(license="apache-2.0")
    return Difference.objects.create(
        card=card, field="license", ours="apache-2.0", hubs="mit", found_on=date(2026, 1, 1)
    )


def act(client: Client, address: str, action: str, *rows: Model, **fields: str) -> str:
    """Choose an action for rows of a list; what the next page says."""
    data = {"action": action, "_selected_action": [row.pk for row in rows]} | fields
    response = client.post(address, data, follow=True)
    assert response.status_code == 200
    return " ".join(str(message) for message in response.context["messages"])


def logged() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = json.loads(LogEntry.objects.latest("pk").change_message)
    return steps


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [CARDS, DIFFERENCES, "/admin/catalog/source/"])
def test_strangers_are_asked_to_sign_in(client: Client, db: None, address: str) -> None:
    response = client.get(address)

    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("address", [CARDS, DIFFERENCES, "/admin/catalog/source/"])
def test_staff_without_permission_is_refused(staff: Client, address: str) -> None:
    assert staff.get(address).status_code == 403


def test_staff_without_permission_changes_nothing(staff: Client, difference: Difference) -> None:
    card = difference.card

    refused = staff.post(f"{CARDS}{card.pk}/change/", filled_in(card, name="mine"))

    assert refused.status_code == 403
    assert ModelCard.objects.get().name == card.name


def test_those_who_may_only_look_find_no_actions(staff: Client, difference: Difference) -> None:
    user = User.objects.get()
    user.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_difference", "view_modelcard"])
    )

    act(staff, DIFFERENCES, "take_the_hubs", difference)
    act(staff, CARDS, "move_to_stage", difference.card, stage="benchmarking", reason="mine")

    card = ModelCard.objects.get()
    assert (card.license, card.stage) == ("apache-2.0", "requested")


# --- cards --------------------------------------------------------------------------------------


def test_every_page_of_the_catalogs_admin_opens(
    admin_client: Client, difference: Difference
) -> None:
    for model in ("modelcard", "difference", "source"):
        assert admin_client.get(f"/admin/catalog/{model}/").status_code == 200
    for model in ("modelcard", "source"):
        assert admin_client.get(f"/admin/catalog/{model}/add/").status_code == 200
    assert admin_client.get(f"{CARDS}{difference.card_id}/change/").status_code == 200
    assert admin_client.get(f"{DIFFERENCES}{difference.pk}/change/").status_code == 200


def test_the_form_leads_to_the_page(admin_client: Client, card: ModelCard) -> None:
    page = admin_client.get(f"{CARDS}{card.pk}/change/").content.decode()
    [address] = [part.split('"')[0] for part in page.split('href="') if "/admin/r/" in part[:20]]

    assert admin_client.get(address)["Location"].endswith(card.get_absolute_url())


def test_a_change_is_kept_with_before_and_after(admin_client: Client, card: ModelCard) -> None:
    ModelCard.objects.filter(pk=card.pk).update(license="mit")
    card.refresh_from_db()

    change(admin_client, card, license="apache-2.0", about="x" * 500)

    after = ModelCard.objects.get()
    assert (after.license, after.about) == ("apache-2.0", "x" * 500)
    assert after.changed_at > card.changed_at
    [step] = logged()
    assert step["before"] == {"license": "mit", "about": ""}
    assert step["after"] == {"license": "apache-2.0", "about": "x" * 500}
    page = admin_client.get(f"{CARDS}{card.pk}/history/").content.decode()
    assert "license: mit → apache-2.0" in page
    assert "x" * 100 not in page


def test_changes_beside_the_card_are_kept_too(admin_client: Client, card: ModelCard) -> None:
    card.faq.create(question="Why?", answer="So.")
    card.aliases.create(name="openai/old")

    change(
        admin_client,
        card,
        **{
            "faq-0-answer": "Because.",
            "aliases-0-DELETE": "on",
            "aliases-TOTAL_FORMS": 2,
            "aliases-1-name": "openai/older",
            "aliases-1-card": card.pk,
        },
    )

    changed, added, deleted = logged()
    assert (changed["before"], changed["after"]) == ({"answer": "So."}, {"answer": "Because."})
    assert changed["changed"]["object"] == "Why?"
    assert added["added"] == {"name": "alias", "object": "openai/older"}
    assert deleted["before"]["name"] == "openai/old"
    assert ModelCard.objects.get().changed_at > card.changed_at


def test_only_the_changed_fields_are_written(card: ModelCard) -> None:
    """What others write between the form's look at the card and its save stays."""
    seen = ModelCard.objects.get()
    stages.move(card, Stage.BENCHMARKING, reason="meanwhile")
    card_admin = admin.site.get_model_admin(ModelCard)
    form = card_admin.get_form(RequestFactory().get("/"), fields=["name"])(
        {"name": "renamed"}, instance=seen
    )
    assert form.is_valid(), form.errors

    card_admin.save_model(RequestFactory().post("/"), form.save(commit=False), form, change=True)

    after = ModelCard.objects.get()
    assert (after.name, after.stage) == ("renamed", "benchmarking")


def test_saving_an_unchanged_form_changes_nothing(admin_client: Client, card: ModelCard) -> None:
    change(admin_client, card)

    assert ModelCard.objects.get().changed_at == card.changed_at


def test_a_new_card_begins_its_life_and_its_prices(admin_client: Client, db: None) -> None:
    blank = ModelCard(repo="laion/new", name="new", summary="A model.", loader="open_clip")
    form_data = filled_in_anew(blank, open_clip_model="ViT-B-32", image_gflops="8.82")

    response = admin_client.post(f"{CARDS}add/", form_data)

    assert response.status_code == 302, response.context["errors"]
    card = ModelCard.objects.get()
    assert StageChange.objects.get().stage == card.stage == "requested"
    assert PriceChange.objects.get().nano_usd_per_image == 5_117
    entry = LogEntry.objects.latest("pk")
    assert entry.action_flag == ADDITION
    assert logged()[0]["after"]["repo"] == "laion/new"


def test_a_new_price_is_written_down(admin_client: Client, card: ModelCard) -> None:
    change(admin_client, card, est_price_nano_usd_per_image=94_000)

    assert card.price_changes.get().nano_usd_per_image == 94_000


@pytest.mark.parametrize(
    "bad",
    [
        {"repo": "no-owner"},
        {"repo": ""},
        {"best_for": '{"a": 1}'},
        {"limits": "[1, 2]"},
        {"limits": "not JSON"},
        {"image_size": "-1"},
        {"published": "yesterday"},
        {"loader": "pickle"},
        {"open_clip_model": ""},
        {"provenance-0-field": "shoe_size"},
        {"provenance-0-field": "stage"},
        {"evaluations-0-value": "101"},
        {"image_gflops": "1e300"},
        {"image_gflops": "-1"},
        {"measured_images_per_s": "-1", "measured_usd_per_hour": "1"},
        {"measured_images_per_s": "1e-300", "measured_usd_per_hour": "1"},
        {"measured_images_per_s": "0.001", "measured_usd_per_hour": "1e9"},
        {"image_gflops": "1e-6", "text_gflops": "1e9"},
    ],
    ids=str,
)
def test_bad_input_is_explained(admin_client: Client, card: ModelCard, bad: dict[str, str]) -> None:
    source = Source.objects.create(slug="paper", title="the paper")
    card.provenance.create(field="license", source=source, read_on=date(2026, 1, 1))
    card.evaluations.create(
        dataset="d", metric="m", value=50, source=source, read_on=date(2026, 1, 1)
    )

    response = admin_client.post(f"{CARDS}{card.pk}/change/", filled_in(card, **bad))

    assert response.status_code == 200
    assert response.context["errors"]
    assert ModelCard.objects.get().changed_at == card.changed_at


def test_the_stage_cannot_be_written_by_the_form(admin_client: Client, card: ModelCard) -> None:
    change(admin_client, card, stage="live", name="renamed")

    assert ModelCard.objects.get().stage == "requested"


def test_a_card_with_a_history_can_be_saved(admin_client: Client, card: ModelCard) -> None:
    stages.record_births("added")
    price_history.record(card)

    change(admin_client, card, name="renamed")

    assert ModelCard.objects.get().name == "renamed"


@pytest.mark.parametrize("evil", [{"reason": "rewritten"}, {"DELETE": "on"}], ids=str)
def test_history_cannot_be_written_by_the_form(
    admin_client: Client, card: ModelCard, evil: dict[str, str]
) -> None:
    stages.record_births("added")
    form_data = filled_in(
        card, **{f"stage_changes-0-{name}": value for name, value in evil.items()}
    )

    admin_client.post(f"{CARDS}{card.pk}/change/", form_data)

    assert StageChange.objects.get().reason == "added"


def test_a_deleted_row_leaves_what_it_was(admin_client: Client, db: None) -> None:
    source = Source.objects.create(slug="paper", title="the paper")

    admin_client.post(f"/admin/catalog/source/{source.pk}/delete/", {"post": "yes"})

    assert LogEntry.objects.get().action_flag == DELETION
    assert logged()[0]["before"]["slug"] == "paper"


# --- honest sources -----------------------------------------------------------------------------


def test_a_changed_fact_with_an_old_source_is_doubted(
    admin_client: Client, card: ModelCard
) -> None:
    provenance.cite(card, ["license"], source=provenance.hub_source(), read_on=date(2026, 1, 1))

    message = change(admin_client, card, license="mit")

    assert "license changed; its source still says Hugging Face hub, read on 2026-01-01" in message
    assert "The next sync with Hugging Face will overwrite it." in message


def test_a_changed_fact_with_its_new_source_is_not_doubted(
    admin_client: Client, card: ModelCard
) -> None:
    paper = Source.objects.create(slug="paper", title="the paper")
    provenance.cite(card, ["license"], source=provenance.hub_source(), read_on=date(2026, 1, 1))

    message = change(admin_client, card, license="mit", **{"provenance-0-source": paper.pk})

    assert "its source still says" not in message
    assert card.provenance.get().source == paper


def test_a_summary_that_somebody_wrote_is_not_made_from_figures(
    admin_client: Client, db: None
) -> None:
    card = make_card(summary_is_generated=True)

    assert "still marked" in change(admin_client, card, summary="By hand.")


# --- stages -------------------------------------------------------------------------------------


def test_a_card_is_moved_with_a_reason(
    admin_client: Client, admin_user: User, card: ModelCard
) -> None:
    message = act(
        admin_client, CARDS, "move_to_stage", card, stage="benchmarking", reason="most wanted"
    )

    assert "is benchmarking now" in message
    step = StageChange.objects.get()
    assert (step.stage, step.reason, step.by) == ("benchmarking", "most wanted", admin_user)
    assert LogEntry.objects.get().action_flag == CHANGE
    assert logged()[0]["before"] == {"stage": "requested"}
    assert logged()[0]["after"] == {"stage": "benchmarking"}


def test_a_forbidden_jump_is_answered_by_a_sentence(admin_client: Client, card: ModelCard) -> None:
    message = act(admin_client, CARDS, "move_to_stage", card, stage="live", reason="in a hurry")

    assert "cannot go from requested to live" in message
    assert ModelCard.objects.get().stage == "requested"
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("stage", "reason"),
    [("", "why not"), ("benchmarking", ""), ("benchmarking", " "), ("benchmarking", "x" * 301)],
)
def test_a_move_needs_a_stage_and_a_reason(
    admin_client: Client, card: ModelCard, stage: str, reason: str
) -> None:
    message = act(admin_client, CARDS, "move_to_stage", card, stage=stage, reason=reason)

    assert "Nothing was moved" in message
    assert ModelCard.objects.get().stage == "requested"


def test_a_stage_that_does_not_exist_moves_nothing(admin_client: Client, card: ModelCard) -> None:
    act(admin_client, CARDS, "move_to_stage", card, stage="heaven", reason="why not")

    assert ModelCard.objects.get().stage == "requested"


# --- what the hub disputes ----------------------------------------------------------------------


def test_the_hubs_value_is_taken(
    admin_client: Client, admin_user: User, difference: Difference
) -> None:
    act(admin_client, DIFFERENCES, "take_the_hubs", difference)

    difference.refresh_from_db()
    assert ModelCard.objects.get().license == "mit"
    assert (difference.decision, difference.decided_by) == ("taken", admin_user)
    about_card = LogEntry.objects.get(object_id=str(difference.card_id))
    assert "license: apache-2.0 → mit" in about_card.get_change_message()


def test_ours_is_kept(admin_client: Client, difference: Difference) -> None:
    act(admin_client, DIFFERENCES, "keep_ours", difference)

    difference.refresh_from_db()
    assert ModelCard.objects.get().license == "apache-2.0"
    assert difference.decision == "kept"


def test_what_is_decided_stays_decided(admin_client: Client, difference: Difference) -> None:
    act(admin_client, DIFFERENCES, "keep_ours", difference)

    message = act(admin_client, DIFFERENCES, "take_the_hubs", difference)

    assert "no longer open" in message
    assert ModelCard.objects.get().license == "apache-2.0"


def test_open_differences_come_first(admin_client: Client, difference: Difference) -> None:
    newer = difference.card.differences.create(
        field="likes", ours="1", hubs="2", found_on=date(2026, 6, 1)
    )
    act(admin_client, DIFFERENCES, "keep_ours", newer)

    listed = list(admin_client.get(DIFFERENCES).context["cl"].result_list)

    assert listed == [difference, newer]


def test_differences_are_neither_written_nor_deleted_by_hand(
    admin_client: Client, difference: Difference
) -> None:
    assert admin_client.get(f"{DIFFERENCES}add/").status_code == 403
    assert admin_client.post(f"{DIFFERENCES}{difference.pk}/delete/").status_code == 403
    admin_client.post(f"{DIFFERENCES}{difference.pk}/change/", {"hubs": "gpl-3.0"})

    assert Difference.objects.get().hubs == "mit"


def test_a_model_without_a_price_goes_live_by_its_launch_only(
    admin_client: Client, card: ModelCard
) -> None:
    ModelCard.objects.update(stage=Stage.PREVIEW)

    answer = act(admin_client, CARDS, "move_to_stage", card, stage="live", reason="in a hurry")

    assert ModelCard.objects.get().stage == Stage.PREVIEW
    assert "launch it" in answer
