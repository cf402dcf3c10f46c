"""Each snippet of the docs does what it shows: run as a visitor would, after filling it in."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from standardwebhooks import Webhook

from inference.docs import snippets
from inference.docs.snippets import Client
from inference.kinds.classify import page as classify_page
from inference.kinds.kind import Code
from inference.kinds.rank import page as rank_page
from inference.models import Job, State
from tests.conftest import photo_bytes
from tests.inference.api.clients.programs import code_of, run
from tests.inference.api.clients.table import CURL, NODE_MODULES, OPENAI_JS, OPENAI_PY, compatible
from tests.inference.api.conftest import Api

FILES = [path.name for path in snippets.files()]
# Guides are run by test_frameworks.py, where the frameworks are installed, and batches by
# test_batches.py; the others have tests of their own below.
ELSEWHERE = ("webhook.", "events.", "batch.", "guide.")
RUN = [name for name in FILES if not name.startswith(ELSEWHERE)]
CLASSIFY = [name for name in FILES if name.startswith("classify.")]
CLASSIFY_BY_TEMPLATES = [name for name in FILES if name.startswith("classify-templates.")]
SECRET = "whsec_" + "QUJD" * 8
# What people type, and what a shell, Python or JavaScript could take for its own.
NASTY = [
    "it's",
    'a "cat"',
    "$(touch pwned)",
    "`touch pwned`",
    "a\\b\\",
    "$HOME",
    "🐈 猫",
    "${MODEL}",
    "JSON",
    "http://127.0.0.1:8000",
    "</script>",
    "a photo of {}",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a visitor has a photo, and the packages."""
    (tmp_path / "photo.jpg").write_bytes(photo_bytes())
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    return tmp_path


@pytest.mark.parametrize("name", RUN)
def test_a_snippet_runs(api: Api, settings: Settings, folder: Path, name: str) -> None:
    settings.SITE_URL = api.base_url

    output = run(name, code_of(name), folder=folder, secret=api.secret)

    assert output.strip()
    assert '"error":{' not in output
    if name.startswith(("classify", "embed", "idempotency", "deepinfra", "job.openai", "rank")):
        assert Job.objects.get().state == State.SUCCEEDED


@pytest.mark.parametrize("name", CLASSIFY)
def test_a_visitors_own_words_arrive_as_they_are(
    api: Api, settings: Settings, folder: Path, name: str
) -> None:
    settings.SITE_URL = api.base_url
    template = 'it\'s "$(x)" \\ `{}`'
    filled = code_of(name, classify_page.code(NASTY, template), model=api.card.repo)

    run(name, filled, folder=folder, secret=api.secret)

    job = Job.objects.get()
    assert job.payload["labels"] == NASTY
    assert job.payload["template"] == template
    assert not (folder / "pwned").exists()


@pytest.mark.parametrize("name", CLASSIFY_BY_TEMPLATES)
def test_a_visitors_own_templates_arrive_as_they_are(
    api: Api, settings: Settings, folder: Path, name: str
) -> None:
    settings.SITE_URL = api.base_url
    templates = ['it\'s "$(x)" \\ `{}`', "a photo of {}"]
    filled = code_of(name, classify_page.code(NASTY, templates), model=api.card.repo)

    run(name, filled, folder=folder, secret=api.secret)

    assert Job.objects.get().payload["templates"] == templates


@compatible(CURL, "GET /v1/jobs/{id}/events", "server-sent events")
def test_a_job_is_followed_to_its_end(api: Api, settings: Settings, folder: Path) -> None:
    job = answer_of("job.curl.sh", api, settings, folder)

    output = run(
        "events.curl.sh",
        code_of("events.curl.sh"),
        folder=folder,
        secret=api.secret,
        JOB_ID=job["id"],
    )

    assert "event: succeeded" in output


@pytest.mark.parametrize("name", RUN)
def test_a_snippet_names_no_key_and_the_model_that_is_asked_for(name: str) -> None:
    text = code_of(name, model="laion/another")

    assert snippets.MODEL not in text
    assert "laion/another" in text or name.startswith(("errors", "models.curl"))
    assert "GIGAROUTER_API_KEY" in text
    assert "gr_live_" not in text


def test_one_label_is_not_shown_to_a_client_that_refuses_it() -> None:
    shown = snippets.fill(classify_page.code(["a cat"], "a photo of {}"), model=snippets.MODEL)

    assert {snippet.client for snippet in shown} == {
        Client.CURL,
        Client.OPENAI_PY,
        Client.OPENAI_JS,
        Client.HUGGING_FACE_JS,
    }


def test_every_file_is_of_a_client_we_name() -> None:
    shown = {
        f"{snippet.name}.{snippet.client}"
        for name in snippets.names()
        for snippet in snippets.of(name)
    }

    assert shown == set(FILES)


def test_the_code_of_a_site_names_its_own_address(settings: Settings) -> None:
    settings.SITE_URL = "https://router.example"

    codes = [snippet.code for name in snippets.names() for snippet in snippets.of(name)]

    assert not any(snippets.SITE in code for code in codes)
    assert any("https://router.example/v1" in code for code in codes)


def test_a_webhook_is_read_only_if_it_is_genuine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIGAROUTER_WEBHOOK_SECRET", SECRET)
    namespace: dict[str, Any] = {}
    exec(code_of("webhook.standardwebhooks.py"), namespace)  # noqa: S102  our own file
    body, now = json.dumps({"type": "job.succeeded"}), datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, body),
    }

    assert namespace["read"](headers, body.encode()) == {"type": "job.succeeded"}
    assert namespace["read"](headers, b"{}") is None
    assert namespace["read"]({}, body.encode()) is None


def answer_of(name: str, api: Api, settings: Settings, folder: Path) -> dict[str, Any]:
    settings.SITE_URL = api.base_url
    answer: dict[str, Any] = json.loads(run(name, code_of(name), folder=folder, secret=api.secret))
    return answer


@compatible(CURL, "GET /v1/models", "list")
def test_curl_lists_models(api: Api, settings: Settings, folder: Path) -> None:
    assert answer_of("models.curl.sh", api, settings, folder)["data"][0]["id"] == api.card.repo


@compatible(CURL, "POST /v1/embeddings", "texts")
@compatible(CURL, "POST /v1/embeddings", "pictures")
def test_curl_embeds(api: Api, settings: Settings, folder: Path) -> None:
    texts = answer_of("embed-text.curl.sh", api, settings, folder)
    both = answer_of("embed-image.curl.sh", api, settings, folder)

    assert len(texts["data"]) == len(both["data"]) == 2
    assert both["usage"]["images"] == 1


@compatible(CURL, "POST /v1/classify", "one picture")
def test_curl_classifies(api: Api, settings: Settings, folder: Path) -> None:
    [item] = answer_of("classify.curl.sh", api, settings, folder)["data"]

    assert {prediction["label"] for prediction in item["predictions"]} == set(
        classify_page.EXAMPLE_LABELS
    )


@compatible(CURL, "POST /v1/rank", "pictures by a text")
def test_curl_ranks(api: Api, settings: Settings, folder: Path) -> None:
    (folder / "z.jpg").write_bytes(photo_bytes(80, 40))

    answer = answer_of("rank.curl.sh", api, settings, folder)

    assert {result["index"] for result in answer["results"]} == {0, 1}
    assert answer["usage"]["images"] == 2


@compatible(OPENAI_PY, "POST /v1/rank", "by client.post")
def test_openai_for_python_ranks(api: Api, settings: Settings, folder: Path) -> None:
    assert_ranks("rank.openai.py", api, settings, folder)


@compatible(OPENAI_JS, "POST /v1/rank", "by client.post")
def test_openai_for_javascript_ranks(api: Api, settings: Settings, folder: Path) -> None:
    assert_ranks("rank.openai.mjs", api, settings, folder)


def assert_ranks(name: str, api: Api, settings: Settings, folder: Path) -> None:
    settings.SITE_URL = api.base_url
    (folder / "z.jpg").write_bytes(photo_bytes(80, 40))
    query = 'it\'s "$(x)" \\ `{}`'
    code = Code(snippet="rank", values=[(rank_page.EXAMPLE_QUERY, query)])

    output = run(name, code_of(name, code), folder=folder, secret=api.secret)

    lines = [line.split() for line in output.splitlines()]
    assert {line[0] for line in lines} == {"photo.jpg", "z.jpg"}
    assert float(lines[0][1]) >= float(lines[1][1])
    assert Job.objects.get().text_inputs == [query]


@compatible(CURL, "POST /v1/inference/{id}", "a form with a picture")
def test_curl_speaks_deepinfras_dialect(api: Api, settings: Settings, folder: Path) -> None:
    answer = answer_of("deepinfra.curl.sh", api, settings, folder)

    assert {result["label"] for result in answer["results"]} == {"cat", "dog"}
    assert answer["inference_status"]["cost"] > 0


@compatible(CURL, "Prefer: respond-async", "a job")
def test_curl_makes_a_job(api: Api, settings: Settings, folder: Path) -> None:
    assert answer_of("job.curl.sh", api, settings, folder)["object"] == "job"
