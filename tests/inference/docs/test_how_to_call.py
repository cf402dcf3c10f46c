"""Each model page says how the model is called, before it is live, too."""

import html
import re

import pytest
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from catalog import stages
from catalog.models import ModelCard, Stage
from inference import kinds
from inference.docs import snippets
from inference.models import Worker
from tests.conftest import make_card
from tests.support.catalog import SEEDS

EXAMPLES = [name for kind in kinds.KINDS.values() for name in kind.examples]
WORKS_TODAY = "This code works today against the stand-in"
NOT_LOADED = "No worker has the stand-in loaded right now"


def code_shown(page: str) -> list[str]:
    plain = re.sub(r"</?b\b[^>]*>", "", page)  # without its colors
    return [html.unescape(text) for text in re.findall(r"<code>([^<]*\n[^<]*)</code>", plain)]


@pytest.mark.parametrize("repo", SEEDS)
def test_a_seed_says_how_to_call_it_before_launch(
    catalog: None, client: Client, settings: Settings, repo: str
) -> None:
    settings.SITE_URL = "https://router.example"
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[snippets.STAND_IN])

    page = client.get(f"/models/{repo}/").content.decode()

    assert "OpenAI-compatible" in page
    assert "https://router.example/v1" in page
    assert WORKS_TODAY in page
    assert NOT_LOADED not in page
    assert f"change the model's name to <code>{repo}</code>" in html.unescape(page)
    assert code_shown(page) == [
        snippet.code for name in EXAMPLES for snippet in snippets.of(name, model=snippets.STAND_IN)
    ]
    for client_name in ("curl", "Python, openai", "JavaScript, openai"):
        assert f"<summary>{client_name}</summary>" in page


@pytest.mark.parametrize("repo", SEEDS)
def test_the_answers_shown_are_the_recorded_ones(catalog: None, client: Client, repo: str) -> None:
    page = client.get(f"/models/{repo}/").content.decode()
    markdown = client.get(f"/models/{repo}.md").content.decode()
    in_json = client.get(f"/models/{repo}.json").json()["api"]["examples"]

    shown = [html.unescape(text) for text in re.findall(r"<samp>([^<]*)</samp>", page)]
    answers = [s.answer for name in EXAMPLES for s in snippets.with_answers(name)]
    assert len(answers) == 12
    assert all(answers)
    assert shown == answers
    assert [example["answer"] for example in in_json] == answers
    assert all(answer in markdown for answer in answers)


def test_no_worker_of_the_stand_in_is_said(catalog: None, client: Client) -> None:
    assert NOT_LOADED in client.get(f"/models/{SEEDS[0]}/").content.decode()


def test_the_other_forms_say_the_same(catalog: None, client: Client) -> None:
    api = client.get(f"/models/{SEEDS[0]}.json").json()["api"]
    markdown = client.get(f"/models/{SEEDS[0]}.md").content.decode()

    assert api["compatible_with"] == "OpenAI"
    assert (api["model"], api["is_stand_in"]) == (snippets.STAND_IN, True)
    assert "OpenAI-compatible" in markdown
    assert WORKS_TODAY in markdown
    assert all(example["code"] in markdown for example in api["examples"])


def test_a_live_model_is_called_by_its_own_name(db: None, client: Client) -> None:
    card = make_card("lab/own", stage=Stage.LIVE)

    page = client.get(card.get_absolute_url()).content.decode()

    assert '"model": "lab/own"' in html.unescape(page)
    assert WORKS_TODAY not in page
    assert "<samp>" not in page
    api = client.get("/models/lab/own.json").json()["api"]
    assert (api["model"], api["is_stand_in"]) == ("lab/own", False)


def test_the_stand_in_is_not_said_to_stand_in_for_itself(catalog: None, client: Client) -> None:
    page = client.get(f"/models/{snippets.STAND_IN}/").content.decode()

    assert WORKS_TODAY not in page
    assert "<samp>" in page


def test_the_second_stand_in_is_called_by_its_own_name(catalog: None, client: Client) -> None:
    small = f"{snippets.STAND_IN}-small"

    page = client.get(f"/models/{small}/").content.decode()

    assert f'"model": "{small}"' in html.unescape(page)
    assert WORKS_TODAY not in page
    assert "<samp>" not in page  # answers were recorded of the first
    api = client.get(f"/models/{small}.json").json()["api"]
    assert (api["model"], api["is_stand_in"]) == (small, True)


def test_a_retired_model_is_not_called(db: None, client: Client) -> None:
    card = make_card("lab/old", stage=Stage.LIVE)
    stages.move(card, Stage.DEPRECATED, reason="a test")
    ModelCard.objects.filter(pk=card.pk).update(shutdown_at=Now())
    stages.move(card, Stage.RETIRED, reason="a test")

    assert 'id="code"' not in client.get(card.get_absolute_url()).content.decode()
    assert client.get("/models/lab/old.json").json()["api"] is None
    assert "how to call it" not in client.get("/models/lab/old.md").content.decode()


def test_the_shipped_catalog_holds_the_stand_in(catalog: None) -> None:
    assert ModelCard.objects.get(repo=snippets.STAND_IN).is_stand_in
