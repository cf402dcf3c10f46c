"""The operator's two pages: what they show, refuse and do."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import User
from catalog.models import ModelCard, ModelNotice, NoticeState, PriceChange, Stage
from tests.accounts.staff.model_desk.conftest import caller, in_days
from tests.conftest import make_card

DESKS = ["shutdown", "price"]


def address(card: ModelCard, desk: str) -> str:
    return f"/admin/models/{card.pk}/{desk}/"


def fields(desk: str, *, days: float = 40, **more: object) -> dict[str, object]:
    own = {
        "shutdown": {},
        "price": {"usd_per_1k_images": "0.12", "usd_per_1m_tokens": "0.15"},
    }[desk]
    at = f"{in_days(days):%Y-%m-%dT%H:%M}"
    return {"at": at, "reason": "a better one is live", "seen": "", **own, **more}


@pytest.mark.parametrize("desk", DESKS)
def test_a_dry_run_counts_the_mail_and_changes_nothing(
    card: ModelCard, operator: Client, desk: str
) -> None:
    caller("ada@lab.example")
    caller("bob@lab.example")

    answer = operator.post(address(card, desk), fields(desk, rehearse="1"))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Nothing has changed yet" in page
    assert "<dt>e-mails</dt><dd>2</dd>" in page
    assert not ModelNotice.objects.exists()
    assert not LogEntry.objects.exists()
    assert ModelCard.objects.get(pk=card.pk).stage == Stage.LIVE


@pytest.mark.parametrize("desk", DESKS)
def test_an_announcement_is_done_and_in_the_history_with_who_made_it(
    card: ModelCard, operator: Client, op: User, desk: str
) -> None:
    answer = operator.post(address(card, desk), fields(desk), follow=True)

    notice = ModelNotice.objects.get()
    page = answer.content.decode()
    assert "Announced: " in page
    assert "Take it back" in page
    assert (notice.by, notice.reason) == (op, "a better one is live")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (op, str(card.pk))
    assert "a better one is live" in entry.change_message


def test_the_form_names_the_successor(card: ModelCard, newer: ModelCard, operator: Client) -> None:
    leaving = make_card("laion/leaving", stage=Stage.DEPRECATED)

    page = operator.get(address(card, "shutdown")).content.decode()
    operator.post(address(card, "shutdown"), fields("shutdown", successor=newer.pk))

    assert "laion/newer</option>" in page
    assert f"{leaving.repo}</option>" not in page
    assert ModelCard.objects.get(pk=card.pk).use_instead == newer


@pytest.mark.parametrize("desk", DESKS)
def test_it_can_be_taken_back_from_the_page(card: ModelCard, operator: Client, desk: str) -> None:
    operator.post(address(card, desk), fields(desk))
    seen = ModelNotice.objects.get().pk

    answer = operator.post(
        address(card, desk), {"take_back": "1", "seen": seen, "reason": "it stays"}, follow=True
    )

    assert "Taken back." in answer.content.decode()
    assert ModelNotice.objects.get().state == NoticeState.WITHDRAWN
    assert LogEntry.objects.count() == 2


@pytest.mark.parametrize("desk", DESKS)
def test_the_page_of_before_somebody_else_s_change_does_nothing(
    card: ModelCard, operator: Client, desk: str
) -> None:
    operator.post(address(card, desk), fields(desk))

    for button in ("announce", "rehearse", "take_back"):
        answer = operator.post(address(card, desk), fields(desk, days=90) | {button: "1"})
        assert answer.status_code == 400
        page = answer.content.decode()
        assert "Somebody else has changed it" in page
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(ids) == len(set(ids))
    assert ModelNotice.objects.count() == LogEntry.objects.count() == 1


BAD: list[tuple[str, dict[str, object]]] = [
    ("shutdown", {"at": ""}),
    ("shutdown", {"at": "soon"}),
    ("shutdown", {"at": "2001-01-01T00:00"}),
    ("shutdown", {"reason": ""}),
    ("shutdown", {"reason": "x" * 301}),
    ("shutdown", {"successor": "0"}),
    ("shutdown", {"successor": "x"}),
    ("shutdown", {"seen": "x"}),
    ("shutdown", {"seen": "9" * 30}),
    ("price", {"usd_per_1k_images": ""}),
    ("price", {"usd_per_1k_images": "0"}),
    ("price", {"usd_per_1k_images": "NaN"}),
    ("price", {"usd_per_1k_images": "1e9"}),
    ("price", {"usd_per_1k_images": "0.0000001"}),
    ("price", {"usd_per_1m_tokens": ""}),
    ("price", {"usd_per_1m_tokens": "-1"}),
    ("price", {"at": ""}),
    ("price", {"at": "2001-01-01T00:00"}),
    ("price", {"reason": ""}),
    ("price", {"seen": "9" * 30}),
]


@pytest.mark.parametrize(("desk", "wrong"), BAD)
def test_bad_input_is_refused_and_named(
    card: ModelCard, operator: Client, desk: str, wrong: dict[str, object]
) -> None:
    for button in ({}, {"rehearse": "1"}):
        answer = operator.post(address(card, desk), fields(desk) | wrong | button)

        assert answer.status_code == 400
        assert "errorlist" in answer.content.decode()
    assert not ModelNotice.objects.exists()
    assert not PriceChange.objects.exists()


def test_a_date_too_soon_needs_the_tick(card: ModelCard, operator: Client) -> None:
    soon = fields("shutdown", days=2)

    refused = operator.post(address(card, "shutdown"), soon)
    done = operator.post(address(card, "shutdown"), soon | {"is_urgent": "on"})

    assert "promised 30 days" in refused.content.decode()
    assert (refused.status_code, done.status_code) == (400, 302)


@pytest.mark.parametrize("desk", DESKS)
def test_strangers_and_staff_without_permission_change_nothing(
    card: ModelCard, client: Client, desk: str
) -> None:
    assert client.get(address(card, desk)).status_code == 302
    assert client.post(address(card, desk), fields(desk)).status_code == 302
    client.force_login(User.objects.create_user("staff@lab.example", is_staff=True))
    assert client.get(address(card, desk)).status_code == 403
    assert client.post(address(card, desk), fields(desk)).status_code == 403
    assert not ModelNotice.objects.exists()


@pytest.mark.parametrize("desk", DESKS)
def test_the_pages_take_no_other_verb_and_no_other_model(
    card: ModelCard, operator: Client, desk: str
) -> None:
    stand_in = make_card("gigarouter/demo", stage=Stage.LIVE, is_stand_in=True)

    assert operator.put(address(card, desk)).status_code == 405
    assert operator.delete(address(card, desk)).status_code == 405
    assert operator.get(f"/admin/models/0/{desk}/").status_code == 404
    assert operator.get(address(stand_in, desk)).status_code == 404


@pytest.mark.parametrize("desk", DESKS)
@pytest.mark.parametrize("stage", [Stage.REQUESTED, Stage.PREVIEW, Stage.RETIRED])
def test_a_model_that_nobody_calls_is_offered_no_form(
    db: None, operator: Client, desk: str, stage: Stage
) -> None:
    other = make_card("laion/other", stage=stage)

    page = operator.get(address(other, desk)).content.decode()

    assert "Its stage allows no announcement" in page
    assert operator.post(address(other, desk), fields(desk)).status_code == 400


@pytest.mark.parametrize("stage", [Stage.LIVE, Stage.DEPRECATED])
def test_the_card_links_to_the_desk_and_leaves_its_price_to_it(
    card: ModelCard, operator: Client, stage: Stage
) -> None:
    ModelCard.objects.update(stage=stage)

    page = operator.get(f"/admin/catalog/modelcard/{card.pk}/change/").content.decode()

    assert address(card, "shutdown") in page
    assert address(card, "price") in page
    assert 'name="launch_price_nano_usd_per_image"' not in page


def test_before_its_launch_the_price_is_edited_on_the_card(db: None, operator: Client) -> None:
    card = make_card("laion/early", stage=Stage.ONBOARDING)

    page = operator.get(f"/admin/catalog/modelcard/{card.pk}/change/").content.decode()

    assert 'name="launch_price_nano_usd_per_image"' in page
    assert address(card, "price") not in page


def test_what_is_written_is_escaped(card: ModelCard, operator: Client) -> None:
    wrong = fields("shutdown", reason="<script>alert(1)</script>")

    page = operator.post(address(card, "shutdown"), wrong, follow=True).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
