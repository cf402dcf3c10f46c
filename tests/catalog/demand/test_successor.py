"""A model that leaves names the one to use instead, wherever it is read of."""

import re

import pytest
from django.db import IntegrityError
from django.test import Client

from catalog.loading import cards
from catalog.models import ModelCard, Source, Stage
from tests.catalog.admin.forms import CARDS, change, filled_in
from tests.conftest import make_card

LEAVING = [Stage.DEPRECATED, Stage.RETIRED]


@pytest.fixture
def newer(db: None) -> ModelCard:
    return make_card("laion/newer", name="Newer one", stage=Stage.LIVE)


def older(stage: Stage, successor: ModelCard | None) -> ModelCard:
    return make_card("laion/older", stage=stage, successor=successor)


@pytest.mark.parametrize("stage", LEAVING)
def test_the_page_of_a_leaving_model_leads_to_its_successor(
    client: Client, newer: ModelCard, stage: Stage
) -> None:
    page = client.get(older(stage, newer).get_absolute_url()).content.decode()

    assert 'Use <a href="/models/laion/newer/">Newer one</a> instead.' in page


@pytest.mark.parametrize("stage", LEAVING)
def test_without_a_successor_the_page_names_none(client: Client, db: None, stage: Stage) -> None:
    card = older(stage, None)

    assert card.use_instead is None
    assert "instead." not in client.get(card.get_absolute_url()).content.decode()
    assert client.get("/models/laion/older.json").json()["successor"] is None


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in LEAVING])
def test_a_model_that_stays_sends_nobody_away(
    client: Client, newer: ModelCard, stage: Stage
) -> None:
    card = older(stage, newer)

    assert card.use_instead is None
    assert "Newer one</a> instead" not in client.get(card.get_absolute_url()).content.decode()


def test_json_and_markdown_name_it(client: Client, newer: ModelCard) -> None:
    older(Stage.DEPRECATED, newer)

    assert client.get("/models/laion/older.json").json()["successor"] == "laion/newer"
    markdown = client.get("/models/laion/older.md").content.decode()
    assert "; use `laion/newer` instead" in markdown


def test_a_model_cannot_succeed_itself(card: ModelCard) -> None:
    with pytest.raises(IntegrityError, match="card_is_not_its_own_successor"):
        ModelCard.objects.filter(pk=card.pk).update(successor=card.pk)


def test_a_successor_that_is_deleted_is_named_no_more(newer: ModelCard) -> None:
    card = older(Stage.RETIRED, newer)

    newer.delete()

    card.refresh_from_db()
    assert card.successor is None


def test_loading_a_cards_file_again_leaves_its_successor(newer: ModelCard) -> None:
    card = older(Stage.DEPRECATED, newer)
    source, _ = Source.objects.get_or_create(slug="a", defaults={"title": "a"})
    document = {
        "repo": card.repo,
        "name": "older",
        "summary": "A model.",
        "facts": {},
        "runtime": {"loader": "transformers", "open_clip_model": "ViT-B-32", "revision": ""},
    }

    cards.load_card(document, {"a": source})

    card.refresh_from_db()
    assert (card.name, card.successor) == ("older", newer)


def test_support_names_it_in_the_admin(admin_client: Client, newer: ModelCard) -> None:
    card = older(Stage.DEPRECATED, None)

    change(admin_client, card, successor=newer.pk)

    card.refresh_from_db()
    assert card.successor == newer


def test_the_admin_refuses_a_model_as_its_own_successor(
    admin_client: Client, card: ModelCard
) -> None:
    form_data = filled_in(card, successor=card.pk)

    answer = admin_client.post(f"{CARDS}{card.pk}/change/", form_data)

    assert "A model cannot be its own successor." in answer.content.decode()


def test_the_admin_lists_successors_by_name(
    admin_client: Client, card: ModelCard, newer: ModelCard
) -> None:
    page = admin_client.get(f"{CARDS}{card.pk}/change/").content.decode()

    [choices] = re.findall(r'<select name="successor".*?</select>', page, flags=re.DOTALL)
    names = dict(re.findall(r'<option value="(\d+)"[^>]*>(.*?)</option>', choices))
    assert names == {str(each.pk): each.repo for each in (card, newer)}
