"""The shape that all kinds of job share: see `inference.kinds`."""

from collections.abc import Callable, Mapping, Sequence
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
FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a worker has of a job: float32 [n, dim] vectors of its images, in input order.

    `text_vectors(texts)` gives float32 [m, dim]: all texts of the job have been embedded.
    """

    job: Job
    encoder: Encoder
    image_vectors: Embeddings
    text_vectors: Callable[[Sequence[str]], Embeddings]


@dataclass(frozen=True)
class Outcome:
    """What is written on the row. `vectors`: float32 [n, dim], little-endian, as bytes."""

    result: Json
    vectors: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The kind's own address in the API. `parse` raises FieldError."""

    path: str
    tag: str
    summary: str
    description: str
    body: type[BaseModel]
    answer: type[BaseModel]
    # The body is an instance of `body`: a Callable cannot say so without a type parameter.
    parse: Callable[[Any, ModelCard], ParsedRequest]


@dataclass(frozen=True)
class Code:
    """Which snippet does again what a job did, and what is filled in."""

    use: str
    labels: Sequence[str] = ()
    template: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the page of a job shows: `asked` in any state, the rest once it has succeeded.

    `asked` are headings with what was sent under each; `crop` is what the model saw of the first
    image (left, top, right, bottom in pixels); `result` is the context of the kind's `result.html`.
    """

    asked: Sequence[tuple[str, Sequence[str]]]
    headline: str = ""
    crop: Sequence[float] = ()
    result: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job.

    `texts` are all texts that the model has to read for a job: they are priced, embedded and
    cached. `run` raises ArithmeticError for numbers that are none. `answer` is the API's JSON but
    for its `usage`, to which `usage` adds what only this kind counts.
    """

    name: str
    endpoint: Endpoint
    texts: Callable[[Job], list[str]]
    run: Callable[[Work], Outcome]
    answer: Callable[[Job], Json]
    usage: Callable[[Job], Json]
    page: Callable[[Job], Page]
    code: Callable[[Job], Code]

    @property
    def result_template(self) -> str:
        return f"{self.name}/result.html"

    @property
    def snippets(self) -> Path:
        return FOLDER / self.name / "snippets"
