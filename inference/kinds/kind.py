"""The shape that all kinds of job share: see `inference.kinds`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from catalog.models import ModelCard
from inference.kinds.request import ParsedRequest
from inference.models import Job
from inference.runtime.encoder import Embeddings, Encoder

# What JSON is made of.
Json = dict[str, Any]
# Pages list so many inputs at most: an answer of 256 inputs belongs into a program.
MAX_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a worker has of a job: `image_vectors`, float32 [n, dim], in input order, and
    `text_vectors(texts)`, float32 [m, dim], for the texts that the kind has named.
    """

    job: Job
    encoder: Encoder
    image_vectors: Embeddings
    text_vectors: Callable[[Sequence[str]], Embeddings]


@dataclass(frozen=True)
class Outcome:
    """What is written on the job's row. `vectors`: float32 [n, dim], little-endian, as bytes."""

    result: Json
    vectors: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The kind's own path in the API; `tag` says in a word what it answers. `parse` raises
    FieldError.
    """

    path: str
    tag: str
    summary: str
    description: str
    body: type[BaseModel]
    answer: type[BaseModel]
    # Any: an instance of `body`, which a Callable cannot say without a type parameter.
    parse: Callable[[Any, ModelCard], ParsedRequest]

    @property
    def slug(self) -> str:
        # Names its section of the documentation.
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Code:
    """Which snippet does again what a job did, and what is filled in.

    `values`: a literal as it stands in the files -> the value in its place; both are written as
    JSON. `omit` are endings of files whose client cannot send this. `note` stands below the code.
    """

    snippet: str
    values: Sequence[tuple[object, object]] = ()
    omit: Collection[str] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the page of a job shows: `request` in any state, the rest once it has succeeded.

    `request` are headings with what was sent under each. `crop` is what the model saw of the first
    image (left, top, right, bottom in pixels). `result` is the context of the kind's `result.html`.
    `computed` are lines of "how it was computed", name and value. `retry` is on the button that
    leads to the playground.
    """

    request: Sequence[tuple[str, Sequence[str]]]
    headline: str = ""
    crop: Sequence[float] = ()
    result: Mapping[str, object] = field(default_factory=dict)
    computed: Sequence[tuple[str, str]] = ()
    retry: str = "open the playground"


def indices_of_text_inputs(job: Job) -> list[int]:
    return [index for index, item in enumerate(job.inputs) if "text" in item]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job; `folder` holds its templates, its snippets and what those answered.

    `texts` are all texts that the model has to read for a job: they are priced, embedded and
    cached. `text_indices` are as many: of which input or label each is, as `text_param` calls them
    in the API. `run` raises ArithmeticError for NaN and infinities. `answer` is the API's JSON
    without its `usage`, to which `usage` adds what only this kind counts. `examples` are the
    snippets that a model's page shows, each with its heading.
    """

    name: str
    folder: Path
    endpoint: Endpoint
    texts: Callable[[Job], list[str]]
    run: Callable[[Work], Outcome]
    answer: Callable[[Job], Json]
    usage: Callable[[Job], Json]
    page: Callable[[Job], Page]
    code: Callable[[Job], Code]
    examples: Mapping[str, str] = field(default_factory=dict)
    # What the page says first of a succeeded job, without what else the page needs.
    headline: Callable[[Job], str] | None = None
    # Lines for a spreadsheet, a heading first; None where a result is no table.
    table: Callable[[Job], list[list[object]]] | None = None
    text_param: str = "input"
    text_indices: Callable[[Job], Sequence[int]] = indices_of_text_inputs

    # Found by Django's template loader, which looks into the folder of all kinds.
    @property
    def result_template(self) -> str:
        return f"{self.folder.name}/result.html"

    @property
    def docs_template(self) -> str:
        return f"{self.folder.name}/docs.html"

    @property
    def snippet_files(self) -> list[Path]:
        return list((self.folder / "snippets").glob("*"))
