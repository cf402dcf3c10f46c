"""The documentation's pages, and the code that other pages carry."""

import html
import json
import re
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from catalog.models import ModelCard, Stage
from inference import images, jobs
from inference.api.resources import events
from inference.docs import guides, views
from inference.docs.guides import Guide
from inference.kinds.classify import request as classify
from inference.kinds.fields import inputs
from inference.models import ErrorCode, Event, Worker
from inference.outbound.errors import ImageUrlRefused
from inference.playground import labels
from tests.conftest import PRICED, PROJECT, answer_next, make_card, photo_bytes
from tests.support.browser.pages import DOCS as ADDRESSES

GUIDES = [guide.address for guide in guides.GUIDES]


def text_of(client: Client, address: str) -> str:
    return html.unescape(client.get(address).content.decode())


@pytest.mark.django_db
def test_there_is_a_page_for_each_subject() -> None:
    assert [page.address for page in views.PAGES] == ADDRESSES


@pytest.mark.django_db
@pytest.mark.parametrize("address", [*ADDRESSES, *GUIDES])
def test_anybody_may_read(client: Client, address: str) -> None:
    page = client.get(address)

    assert page.status_code == 200
    assert "csrfmiddlewaretoken" not in page.content.decode()
    assert "style=" not in page.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_only_reads(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("guide", guides.GUIDES, ids=lambda guide: guide.slug)
def test_a_guide_shows_the_code_that_was_run_and_when(client: Client, guide: Guide) -> None:
    page = text_of(client, guide.address)
    row = next(row for row in views.compatibility() if row["client"] == guide.package)

    assert guide.install in page
    assert f'data-language="{guide.client.value}"' in page
    assert page.count("data-language=") == 1
    assert row["version"] in page
    assert row["ran_on"] in page
    assert f'href="{guide.address}"' in text_of(client, "/docs/clients/")


def test_another_guide_is_not_there(client: Client, db: None) -> None:
    assert client.get("/docs/clients/nothing/").status_code == 404


@pytest.mark.django_db
def test_another_page_is_not_there(client: Client) -> None:
    assert client.get("/docs/nothing/").status_code == 404
    assert client.get("/docs/base/").status_code == 404


@pytest.mark.django_db
def test_every_page_is_linked_from_the_first_and_leads_on(client: Client) -> None:
    start = client.get("/docs/").content.decode()

    for address in [*ADDRESSES, "/v1/openapi.json", "/account/keys/"]:
        assert f'href="{address}"' in start
    assert 'href="/docs/"' in client.get("/").content.decode()


@pytest.mark.django_db
def test_the_pages_links_within_themselves_lead_somewhere(client: Client) -> None:
    for address in ADDRESSES:
        page = client.get(address).content.decode()
        ids = re.findall(r'id="([^"]+)"', page)
        assert len(set(ids)) == len(ids)
        assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_contents_name_each_page_and_the_headings_of_this_one(
    client: Client, address: str
) -> None:
    page = client.get(address).content.decode()
    nav = page.partition('<nav class="docs__nav"')[2].partition("</nav>")[0]

    assert re.findall(r'href="(/docs/[^"]*)"', nav) == ADDRESSES
    assert f'<a href="{address}" aria-current="page">' in nav
    assert re.findall(r'href="#([^"]+)"', nav) == re.findall(r'<h2 id="([^"]+)"', page)


@pytest.mark.django_db
def test_it_is_said_that_classify_is_not_openais(client: Client) -> None:
    for address in ("/docs/endpoints/", "/docs/clients/"):
        assert "not an OpenAI endpoint" in text_of(client, address)


def test_the_examples_name_a_model_that_answers(served_card: ModelCard, client: Client) -> None:
    ModelCard.objects.update(stage=Stage.LIVE, repo="laion/answers", **PRICED)
    Worker.objects.update(repos=["laion/answers"])

    assert '"laion/answers"' in text_of(client, "/docs/")


@pytest.mark.django_db
def test_the_examples_name_the_sites_own_address(client: Client, settings: Settings) -> None:
    settings.SITE_URL = "https://router.example"

    page = text_of(client, "/docs/")

    assert 'base_url="https://router.example/v1"' in page
    assert "127.0.0.1" not in page


@pytest.mark.django_db
def test_the_limits_are_those_in_force(client: Client, settings: Settings) -> None:
    settings.API_SUBMITS_PER_MINUTE = 77

    page = text_of(client, "/docs/limits/")

    assert "77 a minute for a key" in page
    assert "770 a minute for a key" in page
    assert f"{events.MAX_STREAMS} of an account" in page
    assert f"{inputs.MAX_INPUTS:,}, of them" in page


@pytest.mark.django_db
def test_every_event_of_a_webhook_is_named(client: Client) -> None:
    page = text_of(client, "/docs/webhooks/")

    assert {event for event in Event.values if f">{event}<" not in page} == set()


@pytest.mark.django_db
def test_every_code_of_the_api_is_in_the_table_of_errors(client: Client) -> None:
    """Those that the API's own modules name, and those of jobs: a new one needs its line."""
    page = text_of(client, "/docs/errors/")
    sources = [path.read_text() for path in Path(PROJECT, "inference", "api").rglob("*.py")]

    named = {code for source in sources for code in re.findall(r'\bcode="([a-z_]+)"', source)}

    named |= {str(code) for code in ErrorCode} | {ImageUrlRefused.code}

    assert "model_not_live" in named
    assert {code for code in named if f">{code}<" not in page} == set()


@pytest.mark.django_db
def test_the_compatibility_table_shows_every_row(client: Client) -> None:
    page = text_of(client, "/docs/clients/")
    results = json.loads((PROJECT / "docs" / "compatibility.json").read_text())

    assert page.count("<td>works</td>") == len(results)
    for result in results:
        assert result["what"] in page
        assert result["version"] in page


@pytest.mark.parametrize("stage", [Stage.PREVIEW, Stage.LIVE, Stage.DEPRECATED])
def test_a_models_page_carries_its_code(db: None, client: Client, stage: Stage) -> None:
    make_card("laion/one", stage=stage)

    page = text_of(client, "/models/laion/one/")

    assert 'model="laion/one"' in page
    assert "/hf-inference/models/laion/one" in page


@pytest.mark.parametrize("stage", [Stage.REQUESTED, Stage.RETIRED])
def test_no_code_calls_a_model_that_cannot_be_called(
    db: None, client: Client, stage: Stage
) -> None:
    make_card("laion/one", stage=stage)

    page = text_of(client, "/models/laion/one/")

    assert 'model="laion/one"' not in page
    assert "/hf-inference/models/laion/one" not in page


def test_a_result_carries_the_call_that_does_it_again(
    served_card: ModelCard, client: Client
) -> None:
    ada = User.objects.create_user("ada@lab.example")
    client.force_login(ada)
    typed_labels = labels.parse('it\'s a "cat"\n</code><script>alert(1)</script>')
    job = jobs.submit(
        classify.job_request(
            served_card,
            [images.check(photo_bytes())],
            labels=typed_labels,
            template="one {} here",
        ),
        requester=jobs.Requester(ada.pk, None),
    )
    answer_next(served_card)

    raw = client.get(job.get_absolute_url()).content.decode()

    assert "<script>alert" not in raw
    page = html.unescape(raw)
    assert f'"model": "{served_card.repo}"' in page
    assert '["it\'s a \\"cat\\"", "</code><script>alert(1)</script>"]' in page
    assert '"hypothesis_template": "one {} here"' in page
    assert "gr_live_" not in page
