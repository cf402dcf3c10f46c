"""Code to copy, filled with the visitor's own model and input.

    snippets.of("classify", model="openai/clip-vit-large-patch14")

The files, of docs/snippets and of the kinds of job, run as they are against `make run`, and the
tests run them filled as well. What is filled in stands in them as a literal. The key is never
filled in: it comes from the environment.

What a snippet printed, for the stand-in and the sample photo of a cat, stands in the kind's folder
`answers`: tests/inference/api/clients/test_answers.py runs them again and compares.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db import models

from inference import kinds
from inference.kinds.kind import Code
from inference.models import Job

FOLDER = Path(settings.BASE_DIR) / "docs" / "snippets"
# As they stand in the files.
SITE = "http://127.0.0.1:8000"
MODEL = "openai/clip-vit-base-patch32"
# Answers at first start, before any model is fetched: code that names it works today.
STAND_IN = "gigarouter/conse-demo"


class Client(models.TextChoices):
    """Whose code it is, by the end of a file's name; in the order that pages show."""

    CURL = "curl.sh", "curl"
    OPENAI_PY = "openai.py", "Python, openai"
    OPENAI_JS = "openai.mjs", "JavaScript, openai"
    HUGGING_FACE_PY = "huggingface.py", "Python, huggingface_hub"
    HUGGING_FACE_JS = "huggingface.mjs", "JavaScript, @huggingface/inference"
    COHERE_PY = "cohere.py", "Python, cohere"
    LANGCHAIN_PY = "langchain.py", "Python, LangChain"
    LANGCHAIN_JS = "langchain.mjs", "JavaScript, LangChain"
    LLAMA_INDEX = "llamaindex.py", "Python, LlamaIndex"
    HAYSTACK = "haystack.py", "Python, Haystack"
    LITELLM = "litellm.py", "Python, LiteLLM"
    PYDANTIC_AI = "pydanticai.py", "Python, Pydantic AI"
    CHROMADB = "chromadb.py", "Python, Chroma"
    VERCEL_AI = "ai.mjs", "JavaScript, AI SDK"
    OPENROUTER = "openrouter.mjs", "JavaScript, @openrouter/sdk"
    DEEPINFRA = "deepinfra.mjs", "JavaScript, deepinfra"
    WEBHOOKS_PY = "standardwebhooks.py", "Python, standardwebhooks"

    @property
    def language(self) -> str:
        """The end of its files' names, such as py."""
        return self.value.rpartition(".")[2]


@dataclass(frozen=True)
class Snippet:
    """`answer`: what it printed when it was tried with the stand-in; "" if it is not shown."""

    name: str
    client: Client
    code: str
    answer: str = ""


def files() -> list[Path]:
    kinds_files = [path for kind in kinds.KINDS.values() for path in kind.snippet_files]
    return sorted([*FOLDER.iterdir(), *kinds_files])


def names() -> list[str]:
    return sorted({path.name.partition(".")[0] for path in files()})


def of(name: str, *, model: str = MODEL) -> list[Snippet]:
    return fill(Code(snippet=name), model=model)


def with_answers(name: str, *, model: str = STAND_IN) -> list[Snippet]:
    """The code for that model, each with what the stand-in answered, if that was recorded."""
    return [
        replace(snippet, answer=_answer(name, snippet.client)) for snippet in of(name, model=model)
    ]


def of_job(job: Job) -> list[Snippet]:
    return fill(kinds.of(job).code(job), model=job.card.repo)


def fill(code: Code, *, model: str) -> list[Snippet]:
    return [
        Snippet(code.snippet, client, filled(text, client, model=model, values=code.values))
        for client in Client
        if client not in code.omit and (text := _text(code.snippet, client))
    ]


@cache
def _text(name: str, client: Client) -> str:
    # "" where a client has no way to do it.
    file_name = f"{name}.{client.value}"
    return next((path.read_text() for path in files() if path.name == file_name), "")


@cache
def _answer(name: str, client: Client) -> str:
    path = answer_file(f"{name}.{client.value}")
    return path.read_text() if path and path.exists() else ""


def answer_file(file_name: str) -> Path | None:
    """Where the answer of a kind's snippet is kept; None for a snippet of no kind."""
    of_kinds = (path for kind in kinds.KINDS.values() for path in kind.snippet_files)
    folder = next((path.parents[1] for path in of_kinds if path.name == file_name), None)
    return folder and folder / "answers" / f"{file_name}.txt"


def filled(
    text: str, client: Client, *, model: str, values: Sequence[tuple[object, object]] = ()
) -> str:
    # In one pass: what is filled in is not searched again.
    quoted = _in_here_document if client == Client.CURL else str
    replacements = {SITE: settings.SITE_URL, MODEL: model}
    replacements |= {_json(example): quoted(_json(value)) for example, value in values}
    pattern = "|".join(map(re.escape, replacements))
    return re.sub(pattern, lambda match: replacements[match[0]], text)


def _json(value: object) -> str:
    # A JSON string means the same in Python and JavaScript, as long as only what must be is
    # escaped: Python reads an escaped pair of surrogates as two letters.
    return json.dumps(value, ensure_ascii=False)


def _in_here_document(text: str) -> str:
    # Between `<<JSON` and `JSON` the shell reads these three characters, and no quotes.
    return re.sub(r"[\\$`]", r"\\\g<0>", text)
