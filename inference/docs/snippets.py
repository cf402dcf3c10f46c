"""Code to copy, filled with the visitor's own model and input.

    snippets.of("classify", Filling(model="openai/clip-vit-large-patch14", labels=["a cup"]))

The files, of docs/snippets and of the kinds of job, run as they are against `make run`, and the
tests run them filled as well. What is filled in stands in them as a literal. The key is never
filled in: it comes from the environment.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db import models

from inference import kinds
from inference.kinds import KINDS
from inference.models import Job

FOLDERS = [Path(settings.BASE_DIR) / "docs" / "snippets", *(kind.snippets for kind in KINDS)]
SITE = "http://127.0.0.1:8000"
MODEL = "openai/clip-vit-base-patch32"
LABELS = ("a cat", "a dog")
TEMPLATE = "a photo of {}"
# Its client refuses to send fewer.
MOST_PICKY = 2


class Client(models.TextChoices):
    """Whose code it is, by the last parts of a file's name; in the order that pages show."""

    CURL = "curl.sh", "curl"
    OPENAI_PY = "openai.py", "Python, openai"
    OPENAI_JS = "openai.mjs", "JavaScript, openai"
    HUGGING_FACE_PY = "huggingface.py", "Python, huggingface_hub"
    HUGGING_FACE_JS = "huggingface.mjs", "JavaScript, @huggingface/inference"
    WEBHOOKS_PY = "standardwebhooks.py", "Python, standardwebhooks"


@dataclass(frozen=True)
class Snippet:
    """One file: `use` is what it is for, `code` its text, filled."""

    use: str
    client: Client
    code: str


@dataclass(frozen=True, kw_only=True)
class Filling:
    """What takes the place of the literals; texts as people typed them."""

    model: str = MODEL
    labels: Sequence[str] = LABELS
    template: str = TEMPLATE


def uses() -> list[str]:
    return sorted({path.name.partition(".")[0] for path in files()})


def files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in folder.iterdir())


def of(use: str, filling: Filling | None = None) -> list[Snippet]:
    """The snippets of one use, one a client."""
    filling = filling or Filling()
    return [
        Snippet(use, client, filled(text, client, filling))
        for client in Client
        if (text := _text(use, client)) and _can_send(client, filling)
    ]


def of_job(job: Job) -> list[Snippet]:
    """The call that does again what a job has done."""
    code = kinds.of(job).code(job)
    filling = Filling(
        model=job.card.repo, labels=code.labels or LABELS, template=code.template or TEMPLATE
    )
    return of(code.use, filling)


@cache
def _text(use: str, client: Client) -> str:
    """ "" where a client has no way to do it."""
    name = f"{use}.{client.value}"
    return next((path.read_text() for path in files() if path.name == name), "")


def _can_send(client: Client, filling: Filling) -> bool:
    return client != Client.HUGGING_FACE_PY or len(filling.labels) >= MOST_PICKY


def filled(text: str, client: Client, filling: Filling) -> str:
    """The text with each literal replaced, in one pass: what is filled in is not looked at again.

    A JSON string means the same in Python and JavaScript, as long as only what must be is escaped
    (Python reads an escaped pair of surrogates as two letters).
    """
    quoted = _in_here_document if client == Client.CURL else str
    new = {
        SITE: settings.SITE_URL,
        MODEL: filling.model,
        _json(list(LABELS)): quoted(_json(list(filling.labels))),
        _json(TEMPLATE): quoted(_json(filling.template)),
    }
    return re.sub("|".join(map(re.escape, new)), lambda found: new[found[0]], text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _in_here_document(text: str) -> str:
    """Safe between `<<JSON` and `JSON`: the shell reads these three signs there, and no quotes."""
    return re.sub(r"[\\$`]", r"\\\g<0>", text)
