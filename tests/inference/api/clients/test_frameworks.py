"""Frameworks that people reach models through, each by the snippet of its guide.

Those for Python stand in an environment of their own, which `make clients` makes: what they pin
need not agree with what the site runs on.
"""

import json
import os
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.credits import ledger
from inference.models import Job, State
from tests.conftest import photo_bytes
from tests.inference.api.clients import table
from tests.inference.api.clients.programs import code_of, run
from tests.inference.api.clients.table import FRAMEWORKS, NODE_MODULES, compatible
from tests.inference.api.conftest import Api

# No tracker is called, no list of prices is downloaded.
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
}
PATIENCE_S = 150.0  # some import for half a minute where the machine is busy
pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photo.jpg").write_bytes(photo_bytes())
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    return tmp_path


def printed(name: str, api: Api, settings: Settings, folder: Path) -> str:
    settings.SITE_URL = api.base_url
    code = code_of(name, model=api.card.repo)
    program: list[str] = []
    if name.endswith(".py"):
        python = FRAMEWORKS / "bin" / "python"
        if not (FRAMEWORKS / ".ready").exists():
            pytest.skip("no environment of the frameworks: `make clients`")
        program = [os.fspath(python)]
    output = run(
        name,
        code,
        folder=folder,
        secret=api.secret,
        program=program,
        timeout_s=PATIENCE_S,
        **QUIET,
    )
    assert {job.state for job in Job.objects.all()} == {State.SUCCEEDED}
    assert ledger.check().differences == ()
    return output


@compatible(table.LANGCHAIN_PY, "POST /v1/embeddings", "embed_documents")
def test_langchain_for_python_embeds(api: Api, settings: Settings, folder: Path) -> None:
    assert printed("guide.langchain.py", api, settings, folder) == "2 8\n"


@compatible(table.LLAMA_INDEX, "POST /v1/embeddings", "get_text_embedding_batch")
def test_llama_index_embeds(api: Api, settings: Settings, folder: Path) -> None:
    assert printed("guide.llamaindex.py", api, settings, folder) == "2 8\n"


@compatible(table.HAYSTACK, "POST /v1/embeddings", "OpenAIDocumentEmbedder")
def test_haystack_embeds_documents(api: Api, settings: Settings, folder: Path) -> None:
    assert printed("guide.haystack.py", api, settings, folder) == "2 8\n"


@compatible(table.LITELLM, "POST /v1/embeddings", "embedding")
def test_litellm_embeds(api: Api, settings: Settings, folder: Path) -> None:
    assert printed("guide.litellm.py", api, settings, folder) == "2 8\n"


@compatible(table.PYDANTIC_AI, "POST /v1/embeddings", "Embedder")
def test_pydantic_ai_embeds(api: Api, settings: Settings, folder: Path) -> None:
    assert printed("guide.pydanticai.py", api, settings, folder) == "2 8\n"


@compatible(table.CHROMADB, "POST /v1/embeddings", "OpenAIEmbeddingFunction of a collection")
def test_chroma_finds_what_it_stored(api: Api, settings: Settings, folder: Path) -> None:
    assert printed("guide.chromadb.py", api, settings, folder) == "[['cat']]\n"


@compatible(table.LANGCHAIN_JS, "POST /v1/embeddings", "embedDocuments")
def test_langchain_for_javascript_embeds(api: Api, settings: Settings, folder: Path) -> None:
    assert printed("guide.langchain.mjs", api, settings, folder) == "2 8\n"


@compatible(table.VERCEL_AI, "POST /v1/embeddings", "embedMany of ai")
def test_vercels_ai_embeds(api: Api, settings: Settings, folder: Path) -> None:
    counts = printed("guide.ai.mjs", api, settings, folder).split()

    assert counts[:2] == ["2", "8"]
    assert int(counts[2]) > 0


@compatible(table.OPENROUTER, "POST /v1/embeddings", "a picture and a text, as blocks")
def test_openrouters_sdk_embeds_a_picture(api: Api, settings: Settings, folder: Path) -> None:
    counts = printed("guide.openrouter.mjs", api, settings, folder).split()

    assert counts[:2] == ["2", "8"]
    cost_micro_usd = Job.objects.get().cost_micro_usd
    assert cost_micro_usd
    assert float(counts[2]) == pytest.approx(cost_micro_usd / 1_000_000)  # the balance's change


# No guide of its own: the documentation ranks with Cohere's client.
RERANK_BY_OPENROUTER = """
import { OpenRouter } from "@openrouter/sdk";

const client = new OpenRouter({ serverURL: "%s/v1", apiKey: process.env.GIGAROUTER_API_KEY });
const answer = await client.rerank.rerank({
  requestBody: { model: "%s", query: "a cat", documents: ["a dog", { text: "a cat" }], topN: 1 },
});
console.log(JSON.stringify(answer.results), answer.usage.cost);
"""


@compatible(table.OPENROUTER, "POST /v1/rerank", "texts")
def test_openrouters_sdk_reranks_texts(api: Api, folder: Path) -> None:
    code = RERANK_BY_OPENROUTER % (api.base_url, api.card.repo)

    output = run("rerank.mjs", code, folder=folder, secret=api.secret)
    results, _, cost = output.rpartition(" ")

    [best] = json.loads(results)
    assert best["document"] == {"text": "a cat"}
    assert (best["index"], best["relevanceScore"]) == (1, 1)
    cost_micro_usd = Job.objects.get().cost_micro_usd
    assert cost_micro_usd
    assert float(cost) == pytest.approx(cost_micro_usd / 1_000_000)


@compatible(table.DEEPINFRA, "POST /v1/inference/{id}", "ZeroShotImageClassification")
def test_deepinfras_client_classifies(api: Api, settings: Settings, folder: Path) -> None:
    lines = printed("guide.deepinfra.mjs", api, settings, folder).splitlines()

    assert {line.rpartition(" ")[0] for line in lines} == {"a cat", "a dog"}
