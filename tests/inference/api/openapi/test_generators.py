"""What people do with the document: lint it, and generate clients in TypeScript and Python."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.inference.api.clients.table import FRAMEWORKS, NODE_MODULES
from tests.inference.api.conftest import Api, data_url
from tests.inference.api.openapi.conftest import Json

CALLS = NODE_MODULES.parent / "openapi"
# Uses what was generated, as its readme tells.
PROGRAM = """
import importlib, pkgutil, os, sys
import generated
from generated import AuthenticatedClient
from generated.api.classification import classify
from generated.api.embeddings import embed
from generated.api.models import list_models
from generated.models import ClassifyBody, ContentPart, EmbeddingsBody

for module in pkgutil.walk_packages(generated.__path__, "generated."):
    importlib.import_module(module.name)

address, model, photo = sys.argv[1:]
client = AuthenticatedClient(base_url=address, token=os.environ["KEY"])
print([listed.id for listed in list_models.sync(client=client).data])
both = ["a cat", ContentPart(image=photo).to_dict()]  # it writes no objects within a list
texts = EmbeddingsBody(model=model, input_=both)
print([len(item.embedding) for item in embed.sync(client=client, body=texts).data])
body = ClassifyBody(model=model, input_=ContentPart(image=photo), labels=["a cat", "a dog"])
print(sorted(found.label for found in classify.sync(client=client, body=body).data[0].predictions))
"""


@pytest.fixture
def file(document: Json, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    return path


def tool(name: str) -> str:
    """A program of npm's; skips where that or Node is missing."""
    path = NODE_MODULES / ".bin" / name
    if shutil.which("node") is None or not path.exists():
        pytest.skip(f"no {name}: `apt install nodejs npm`, `make tools`")
    return str(path)


def run(command: Sequence[str | Path], *, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_spectral_finds_no_error(file: Path, tmp_path: Path) -> None:
    spectral = tool("spectral")

    run([spectral, "lint", "--ruleset", CALLS / "spectral.yaml", file], cwd=tmp_path)


def test_typescript_accepts_the_calls_that_people_write(file: Path, tmp_path: Path) -> None:
    openapi_typescript, tsc = tool("openapi-typescript"), tool("tsc")
    for name in ("natural_calls.ts", "tsconfig.json"):
        shutil.copy(CALLS / name, tmp_path / name)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)

    run([openapi_typescript, file, "--output", tmp_path / "schema.d.ts"], cwd=tmp_path)

    run([tsc, "--project", tmp_path], cwd=tmp_path)


def test_typescript_refuses_what_the_api_would(file: Path, tmp_path: Path) -> None:
    openapi_typescript, tsc = tool("openapi-typescript"), tool("tsc")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    shutil.copy(CALLS / "tsconfig.json", tmp_path / "tsconfig.json")
    calls = (CALLS / "natural_calls.ts").read_text()
    wrong = calls.replace('{ model, input: "a photo of a cat" }', '{ model: 5, input: "a cat" }')
    assert wrong != calls
    (tmp_path / "natural_calls.ts").write_text(wrong)
    run([openapi_typescript, file, "--output", tmp_path / "schema.d.ts"], cwd=tmp_path)

    with pytest.raises(AssertionError, match=r"natural_calls.ts\(.*'number'"):
        run([tsc, "--project", tmp_path], cwd=tmp_path)


def test_a_client_generated_for_python_works(api: Api, file: Path, tmp_path: Path) -> None:
    generator = FRAMEWORKS / "bin" / "openapi-python-client"
    if not (FRAMEWORKS / ".ready").exists():
        pytest.skip("no openapi-python-client: `make clients`")
    path = f"{FRAMEWORKS / 'bin'}:{os.environ['PATH']}"
    command: list[str | Path] = [generator, "generate", "--path", file, "--meta", "none"]

    run([*command, "--output-path", tmp_path / "generated"], cwd=tmp_path, PATH=path)
    python = FRAMEWORKS / "bin" / "python"
    arguments = [api.base_url, api.card.repo, data_url()]
    printed = run([python, "-c", PROGRAM, *arguments], cwd=tmp_path, KEY=api.secret)

    assert printed.splitlines() == [f"['{api.card.repo}']", "[8, 8]", "['a cat', 'a dog']"]
