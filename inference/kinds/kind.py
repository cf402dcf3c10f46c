"""The shape that all kinds of job share: see `inference.kinds`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from catalog.models import ModelCard
from inference.kinds.fields.schema import Body
from inference.kinds.fields.texts import readable
from inference.kinds.request import ParsedRequest
from inference.models import Input, Job
from inference.runtime.encoder import Embeddings, Encoder

# What JSON is made of.
Json = dict[str, Any]
# Pages list so many inputs at most: an answer of 256 inputs belongs into a program.
MAX_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a worker has of a job: `image_vectors`, float32 [n, dim], in input order, and
    `text_vectors(texts)`, float32 [m, dim], for the texts that the kind has named. `unusable` are
    the indices of images without a vector, if the job goes on without them.
    """

    job: Job
    encoder: Encoder
    image_vectors: Embeddings
    text_vectors: Callable[[Sequence[str]], Embeddings]
    unusable: Collection[int] = ()

    @property
    def usable_inputs(self) -> list[Input]:
        """Those that have a vector, in order."""
        return [
            item
            for index, item in enumerate(self.job.inputs)
            if "code" not in item and index not in self.unusable
        ]

    def input_vectors(self) -> Embeddings:
        """float32 [n, dim] of `usable_inputs`, for a kind whose texts are `texts_of_inputs`.

        Raises ArithmeticError for NaN and infinities.
        """
        images = iter(self.image_vectors)
        texts = iter(self.text_vectors(texts_of_inputs(self.job)))
        vectors = np.stack(
            [next(texts if "text" in item else images) for item in self.usable_inputs]
        )
        # NaN is no JSON, and no answer: the batch is tried again in parts, down to this job.
        if not np.isfinite(vectors).all():
            raise ArithmeticError(f"{self.encoder.repo} gave a vector that is no number")
        return vectors


@dataclass(frozen=True)
class Outcome:
    """What is written on the job's row. `vectors`: float32 [n, dim], little-endian, as bytes."""

    result: Json
    vectors: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The kind's own path in the API; `tag` says in a word what it answers. `parse` raises
    FieldError. `aliases` are paths that answer the same, for clients that know another name.
    `own_fields` are those of the body by which it can be told from other kinds' bodies.
    """

    path: str
    tag: str
    summary: str
    description: str
    body: type[Body]
    answer: type[BaseModel]
    # Any: an instance of `body`, which a Callable cannot say without a type parameter.
    parse: Callable[[Any, ModelCard], ParsedRequest]
    aliases: Sequence[str] = ()
    own_fields: frozenset[str] = frozenset()

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
    leads back to the form, at the URL named `form`. `stylesheet` is the page's, of
    `static/css/pages`.
    """

    request: Sequence[tuple[str, Sequence[str]]]
    headline: str = ""
    crop: Sequence[float] = ()
    result: Mapping[str, object] = field(default_factory=dict)
    computed: Sequence[tuple[str, str]] = ()
    retry: str = "open the playground"
    form: str = "playground"
    stylesheet: str = "css/pages/job.css"


def indices_of_text_inputs(job: Job) -> list[int]:
    return [index for index, item in enumerate(job.inputs) if "text" in item]


def texts_of_inputs(job: Job) -> list[str]:
    return [readable(text) for text in job.text_inputs]


def name_of_input(index: int) -> str:
    return f"input[{index}]"


def _no_warnings(job: Job) -> Sequence[str]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job; `folder` holds its templates, its snippets and what those answered.

    `texts` are all texts that the model has to read for a job: they are priced, embedded and
    cached. `text_indices` are as many: of which input or label each is. Errors call it
    `name_of_text(index)`, and an input `name_of_input(index)`, as the API does: `labels[3]`.
    `run` raises ArithmeticError for NaN and infinities. `answer` is the API's JSON without its
    `usage`, to which `usage` adds what only this kind counts, and `warnings`
    sentences for people; unless it has a `truncated` of its
    own, that is the `text_indices` that were cut. `examples` are the snippets that a model's page
    shows, each with its heading.
    """

    name: str
    folder: Path
    endpoint: Endpoint
    run: Callable[[Work], Outcome]
    answer: Callable[[Job], Json]
    usage: Callable[[Job], Json]
    warnings: Callable[[Job], Sequence[str]] = _no_warnings
    page: Callable[[Job], Page]
    code: Callable[[Job], Code]
    examples: Mapping[str, str] = field(default_factory=dict)
    texts: Callable[[Job], list[str]] = texts_of_inputs
    # What the page says first of a succeeded job, without what else the page needs.
    headline: Callable[[Job], str] | None = None
    # Lines for a spreadsheet, a heading first; None where a result is no table.
    table: Callable[[Job], list[list[object]]] | None = None
    text_indices: Callable[[Job], Sequence[int]] = indices_of_text_inputs
    name_of_text: Callable[[int], str] = name_of_input
    name_of_input: Callable[[int], str] = name_of_input

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
