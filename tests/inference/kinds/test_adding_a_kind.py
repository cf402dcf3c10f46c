"""A new kind of job is a folder and a line of the registry: nothing else has to know it."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts import keys
from accounts.models import User
from catalog.models import ModelCard, Stage
from inference import kinds
from inference.jobs import claims
from inference.models import Job, Worker
from inference.worker.texts.cache import TextCache
from tests import fakes
from tests.conftest import PROJECT, make_card, photo_bytes
from tests.fakes.encoder import HashEncoder
from tests.fakes.kinds import count
from tests.inference.api.conftest import data_url
from tests.support.batches import settle_all
from tests.support.http.fresh_api import call

pytestmark = pytest.mark.django_db(transaction=True)

FAKE_KINDS = Path(fakes.__file__).parent / "kinds"
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(autouse=True)
def _with_counts(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setitem(kinds.KINDS, "count", count.KIND)
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [*engine["DIRS"], FAKE_KINDS]}]


@pytest.fixture
def free_card(transactional_db: None) -> ModelCard:
    card = make_card(stage=Stage.LIVE, embed_dim=8, is_stand_in=True)
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo])
    return card


@pytest.fixture
def ada(transactional_db: None) -> User:
    return User.objects.create_user("ada@lab.example")


def work(card: ModelCard) -> None:
    encoder = HashEncoder()
    settle_all(TextCache(encoder), encoder, claims.claim(card, worker="w", budget=4))


@pytest.fixture
def secret(ada: User) -> str:
    return keys.issue(ada, name="test")[1]


@pytest.fixture
def job(free_card: ModelCard, secret: str) -> Job:
    """Two texts and an image were submitted to be counted."""
    body = {
        "model": free_card.repo,
        "input": ["a cat", "a dog", {"image": data_url(photo_bytes())}],
        "unit": "apples",
    }
    response = call(lambda http: http.post("/v1/count", json=body, headers=ASYNC), secret)
    assert response.status_code == 202, response.text
    return Job.objects.get(pk=response.json()["id"])


def test_its_answer_and_its_job_come_from_the_api(
    job: Job, free_card: ModelCard, secret: str
) -> None:
    work(free_card)

    described = call(lambda http: http.get(f"/v1/jobs/{job.pk}"), secret).json()

    assert (described["kind"], described["status"]) == ("count", "succeeded")
    result = described["result"]
    assert (result["object"], result["count"]) == ("count", 3)
    assert (result["usage"]["images"], result["usage"]["prompt_tokens"]) == (1, 4)
    count.CountAnswer.model_validate(result)


def test_a_wrong_field_is_named(free_card: ModelCard, secret: str) -> None:
    body = {"model": free_card.repo, "input": ["a cat"], "unit": 3}

    response = call(lambda http: http.post("/v1/count", json=body), secret)

    assert (response.status_code, response.json()["error"]["param"]) == (400, "unit")


def test_its_page_is_shown_before_and_after(
    job: Job, free_card: ModelCard, ada: User, client: Client
) -> None:
    client.force_login(ada)
    waiting = client.get(f"/jobs/{job.pk}/").content.decode()
    work(free_card)

    page = client.get(f"/jobs/{job.pk}/").content.decode()

    assert "<code>apples</code>" in waiting
    assert "3 apples" in page
    assert "There are exactly 3." in page
    assert "Count on your fingers." in page
    assert "<td>apples</td>" in page


def test_the_openapi_document_describes_it() -> None:
    document: dict[str, Any] = call(lambda http: http.get("/v1/openapi.json")).json()

    operation, schemas = document["paths"]["/v1/count"]["post"], document["components"]["schemas"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/CountBody"}
    assert schemas["CountBody"]["properties"]["unit"]["type"] == "string"
    assert "count" in schemas["JobObject"]["properties"]["kind"]["enum"]
    results = schemas["JobObject"]["properties"]["result"]["anyOf"]
    assert {"$ref": "#/components/schemas/CountAnswer"} in results


def test_the_documentation_has_a_section_of_it(client: Client, db: None) -> None:
    endpoints = client.get("/docs/endpoints/").content.decode()
    waiting = client.get("/docs/jobs/").content.decode()

    assert '<h2 id="count">count</h2>' in endpoints
    assert "counts up to 2,048 inputs" in endpoints
    assert "<code>/v1/count</code> obey" in waiting


def test_models_say_that_they_can_do_it(free_card: ModelCard, secret: str) -> None:
    [model] = call(lambda http: http.get("/v1/models"), secret).json()["data"]

    assert "counts" in model["gigarouter"]["output_modalities"]


NAMES = tuple(kinds.KINDS)
# The board has columns of such names, and knows nothing of jobs.
OTHER_MEANINGS = {"rank": ("accounts", "catalog")}
MODULES = [
    path
    for room in ("accounts", "catalog", "config", "inference")
    for path in sorted((PROJECT / room).rglob("*.py"))
    if "migrations" not in path.parts and path.parent.name not in NAMES
]


def test_no_module_outside_its_folder_asks_for_a_kind_by_name() -> None:
    naming = [
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and node.value in NAMES
        and path.relative_to(PROJECT).parts[0] not in OTHER_MEANINGS.get(node.value, ())
    ]

    assert naming == []


def test_no_template_outside_its_folder_asks_for_a_kind_by_name() -> None:
    asking = [
        path.name
        for path in (PROJECT / "templates").rglob("*.html")
        if re.search(r"\bkind\b[^%]*[!=]=", path.read_text())
    ]

    assert asking == []
