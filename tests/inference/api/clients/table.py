"""The lines of the public compatibility table: each is a claim, and the tests that bear it.

@compatible(OPENAI_PY, "POST /v1/embeddings", "floats")
def test_...
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TypeVar

PROJECT = Path(__file__).parents[4]
FILE = PROJECT / "docs" / "compatibility.json"
NODE_MODULES = PROJECT / "tests" / "js" / "node_modules"
# What `make clients` makes: frameworks whose pins need not agree with ours.
FRAMEWORKS = PROJECT / ".venv-clients"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")

CURL = "curl"
OPENAI_PY = "openai for Python"
OPENAI_JS = "openai for JavaScript"
HUGGING_FACE_PY = "huggingface_hub"
HUGGING_FACE_JS = "@huggingface/inference"
COHERE_PY = "cohere"
LANGCHAIN_PY = "langchain-openai"
LANGCHAIN_JS = "@langchain/openai"
LLAMA_INDEX = "llama-index-embeddings-openai-like"
HAYSTACK = "haystack-ai"
LITELLM = "litellm"
PYDANTIC_AI = "pydantic-ai-slim"
CHROMADB = "chromadb"
VERCEL_AI = "@ai-sdk/openai-compatible"
OPENROUTER = "@openrouter/sdk"
DEEPINFRA = "deepinfra"
# Their packages for Python are in an environment of their own.
FRAMEWORKS_PY = [LANGCHAIN_PY, LLAMA_INDEX, HAYSTACK, LITELLM, PYDANTIC_AI, CHROMADB]
FRAMEWORKS_JS = [LANGCHAIN_JS, VERCEL_AI, OPENROUTER, DEEPINFRA]
OWN = [CURL, OPENAI_PY, OPENAI_JS, HUGGING_FACE_PY, HUGGING_FACE_JS, COHERE_PY]
CLIENTS = [*OWN, *FRAMEWORKS_PY, *FRAMEWORKS_JS]
PIP = {OPENAI_PY: "openai", HUGGING_FACE_PY: "huggingface_hub", COHERE_PY: "cohere"}
NPM = {
    OPENAI_JS: "openai",
    HUGGING_FACE_JS: "@huggingface/inference",
    **{name: name for name in FRAMEWORKS_JS},
}


def pinned(path: Path) -> dict[str, str]:
    """Versions by package, as pip spells names in neither case nor dashes."""
    lines = path.read_text().splitlines()
    pins = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {name.lower().replace("-", "_"): version.strip() for name, version in pins}


Test = TypeVar("Test", bound=Callable[..., None])


@dataclass(frozen=True)
class Case:
    """What a client was seen to do."""

    client: str
    endpoint: str
    what: str

    @property
    def place(self) -> tuple[int, str, str]:
        return CLIENTS.index(self.client), self.endpoint, self.what


# Filled as the test modules are imported.
CASES: set[Case] = set()


def compatible(client: str, endpoint: str, what: str) -> Callable[[Test], Test]:
    """The test bears this claim; several may bear one."""
    case = Case(client, endpoint, what)
    CASES.add(case)

    def mark(test: Test) -> Test:
        cases = [*getattr(test, "cases", []), case]
        test.cases = cases  # type: ignore[attr-defined]  # read by tests.inference.api.clients.record
        return test

    return mark


def version_of(client: str) -> str:
    """As it is installed here; "" if it is not."""
    if client in FRAMEWORKS_PY:
        return pinned(REQUIREMENTS)[client.replace("-", "_")]
    if client in PIP:
        return metadata.version(PIP[client])
    if client in NPM:
        manifest = NODE_MODULES / NPM[client] / "package.json"
        return str(json.loads(manifest.read_text())["version"]) if manifest.exists() else ""
    curl = shutil.which("curl")
    version_line = (
        subprocess.run([curl, "--version"], capture_output=True, text=True, check=True).stdout
        if curl
        else ""
    )
    match = re.match(r"curl (\S+)", version_line)
    return match[1] if match else ""
