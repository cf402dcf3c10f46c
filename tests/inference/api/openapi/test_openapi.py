"""The API describes itself, and does as it says: Schemathesis tries what is allowed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from accounts.credits import ledger
from tests.inference.api.conftest import Api

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "negative_data_rejection",
]
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "12"))
# The same attempts every time, so that a change is what makes it fail; "" tries others each time.
SEED = os.environ.get("SCHEMATHESIS_SEED", "20261123")


def test_the_description_names_every_route_and_error(api: Api) -> None:
    document = api.client().get("/v1/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    assert {
        "/v1/models",
        "/v1/models/{model}",
        "/v1/embeddings",
        "/v1/classify",
        "/v1/jobs",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/cancel",
        "/v1/jobs/{job_id}/events",
        "/v1/files",
        "/v1/files/{file_id}",
        "/v1/files/{file_id}/content",
        "/v1/batches",
        "/v1/batches/{batch_id}",
        "/v1/batches/{batch_id}/cancel",
        "/v1/webhooks",
        "/v1/webhooks/secret",
        "/v1/webhooks/{webhook_id}",
        "/v1/webhooks/{webhook_id}/rotate",
        "/v1/webhooks/{webhook_id}/test",
        "/v1/account",
        "/v1/quote",
        "/v1/credits",
        "/v1/key",
        "/v1/embeddings/models",
        "/v1/inference/{model}",
        "/v1/rank",
        "/v2/rerank",
        "/hf-inference/models/{owner}/{name}",
        "/hf-inference/models/{owner}/{name}/pipeline/feature-extraction",
        "/v1",
    } == set(document["paths"])
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            assert operation["summary"], (verb, path)
            required = {"400"} if path == "/v1" else {"200", "401", "405", "429", "500", "503"}
            assert required <= set(operation["responses"]), (verb, path)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_every_example_of_a_body_works(api: Api) -> None:
    document = api.client().get("/v1/openapi.json").json()
    paths = {
        "EmbeddingsBody": "/v1/embeddings",
        "ClassifyBody": "/v1/classify",
        "HuggingFaceBody": f"/hf-inference/models/{api.card.repo}",
        "DeepInfraBody": f"/v1/inference/{api.card.repo}",
    }

    for name, path in paths.items():
        for example in document["components"]["schemas"][name]["examples"]:
            body = example | ({"model": api.card.repo} if "model" in example else {})
            assert api.http.post(path, json=body).status_code == 200, example


@pytest.mark.timeout(600)
def test_nothing_that_schemathesis_tries_is_undocumented_or_breaks(
    api: Api, tmp_path: Path
) -> None:
    command = [
        str(Path(sys.executable).with_name("st")),
        "run",
        f"{api.base_url}/v1/openapi.json",
        "--url",
        api.base_url,
        "--header",
        f"Authorization: Bearer {api.secret}",
        "--checks",
        ",".join(CHECKS),
        "--max-examples",
        str(EXAMPLES),
        "--request-timeout",
        "70",
        "--no-color",
        "--suppress-health-check",
        "all",
        "--warnings",
        "off",
        *(["--seed", SEED] if SEED else []),
    ]
    hooks = {
        "SCHEMATHESIS_HOOKS": "tests.inference.api.openapi.schemathesis_hooks",
        "API_MODEL": api.card.repo,
    }

    done = subprocess.run(
        command,
        env=os.environ | hooks | {"PYTHONPATH": str(django_settings.BASE_DIR)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert ledger.check().differences == ()
