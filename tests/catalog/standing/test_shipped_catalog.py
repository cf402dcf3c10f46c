"""The models of the shipped catalog: ranks, and pages before and after a launch."""

import json

import pytest
from django.test import Client

from accounts.staff import launches
from catalog import stages
from catalog.models import ModelCard, Stage
from catalog.pages import queries
from catalog.standing import ranks
from tests.conftest import make_card
from tests.support.model_forms import forms_of, serve

BIGG = "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k"
L14 = "openai/clip-vit-large-patch14"
# Said of a model that is not launched; related models in their table may still be.
OF_COMING_SOON = ["not yet live", "waitlist", "prioritize this", "estimated, set at launch", "~$"]


def bring(repo: str, *stages_on_the_way: Stage) -> ModelCard:
    card = ModelCard.objects.get(repo=repo)
    for stage in stages_on_the_way:
        stages.move(card, stage, reason="tested", without_worker=True)
    return card


def launch(repo: str, *, without_worker: bool = False) -> ModelCard:
    card = bring(repo, Stage.BENCHMARKING, Stage.ONBOARDING)
    launched, _ = launches.launch(
        card, nano_usd_per_image=90_000, nano_usd_per_token=9, without_worker=without_worker
    )
    launches.notify(launched)
    return card


def test_a_rank_follows_a_new_model(catalog: None, client: Client) -> None:
    assert "48th of 160 by ImageNet top-1" in forms_of(client, BIGG).page

    make_card("lab/better", imagenet_top1=99.0, parameters=10**13)

    told = forms_of(client, BIGG)
    for form in (told.page, told.markdown, json.dumps(told.document)):
        assert "49th of 161 by ImageNet top-1" in form
    assert "6th largest of 168 by parameters" in told.page


def test_the_rank_of_every_model_is_that_of_the_sorted_figures(catalog: None) -> None:
    everything = list(ModelCard.objects.real().values("repo", *ranks.FIELDS))

    for row in everything[::7]:
        card = queries.find_card(row["repo"])
        assert card is not None
        for rank in ranks.ranks_of(card):
            figures = [other[rank.field] for other in everything if other[rank.field] is not None]
            assert rank.place == sorted(figures, reverse=True).index(row[rank.field]) + 1
            assert rank.total == len(figures)
            assert rank.shared == figures.count(row[rank.field]) - 1


def test_a_model_that_is_coming_soon_says_so_everywhere(catalog: None, client: Client) -> None:
    told = forms_of(client, L14)

    assert "join its waitlist" in told.questions["Is it live, and how do I get it sooner?"]
    assert (told.document["api_providers"], told.document["callable"]) == (0, False)
    assert "api providers 0" in told.page
    assert "| API providers | 0 |" in told.markdown


@pytest.mark.parametrize("repo", [L14, BIGG, "timm/ViT-SO400M-14-SigLIP2"])
def test_a_launched_model_says_nowhere_that_it_is_coming(
    catalog: None, client: Client, repo: str
) -> None:
    serve(repo)
    launch(repo)

    told = forms_of(client, repo)

    for form in (told.page, told.markdown, json.dumps(told.document), json.dumps(told.linked_data)):
        assert "join its waitlist" not in form
        assert "estimate" not in form.replace("estimated_price", "").replace("estimated,", "")
    assert [words for words in OF_COMING_SOON if words in told.page] == []
    assert "api providers 1 gigarouter" in told.page
    assert "| API providers | 1, gigarouter among them |" in told.markdown
    assert (told.document["api_providers"], told.document["callable"]) == (1, True)
    assert "api_providers" not in told.document["facts"]
    assert told.questions["Is it live?"].startswith("Yes: it answers")
    assert "$0.090 per 1,000 images" in told.questions["What does it cost?"]


def test_every_form_has_the_same_questions(catalog: None, client: Client) -> None:
    told = forms_of(client, L14)

    faq = told.document["faq"]
    assert {row["question"]: row["answer"] for row in faq} == told.questions
    for question, answer in told.questions.items():
        assert question in told.page
        assert answer in told.page
        assert f"### {question}\n\n{answer}" in told.markdown
