"""The request: images, labels, and the template around each label."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field

from catalog.models import ModelCard
from inference import jobs
from inference.images import ImageFile
from inference.kinds.classify import templates
from inference.kinds.classify.answer import ClassificationList
from inference.kinds.classify.templates import (
    Template,
    TemplateFields,
    TemplateList,
    Templates,
    templates_of,
)
from inference.kinds.errors import FieldError
from inference.kinds.fields import inputs, labels, options, truncation
from inference.kinds.fields.labels import SOMETHING_ELSE
from inference.kinds.fields.on_error import SKIP, OnError
from inference.kinds.fields.on_error import payload_of as payload_of_on_error
from inference.kinds.fields.options import Unsupporteds
from inference.kinds.fields.parsed_input import ParsedInput
from inference.kinds.fields.schema import EXAMPLE_IMAGE, CallBody, Inputs, Labels, Model, TopK
from inference.kinds.fields.texts import readable
from inference.kinds.fields.truncation import Truncate
from inference.kinds.kind import Endpoint
from inference.kinds.request import ParsedRequest
from inference.models import Job

NAME = "classify"
MAX_SCORES = 20_000  # images times labels: an answer of two megabytes


class Payload(TemplateFields):
    """`activation` is softmax, sigmoid, none, or auto: what fits the model."""

    labels: list[str]
    activation: str


class ClassifyBody(CallBody):
    """Pictures to score against labels."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "gigarouter/conse-demo",
                    "input": [{"image": EXAMPLE_IMAGE}],
                    "labels": ["a cat", "a dog"],
                }
            ]
        }
    )

    model: Model
    input: Inputs
    labels: Labels = None
    candidate_labels: Labels = None
    hypothesis_template: Template = None
    hypothesis_templates: TemplateList = None
    activation: Literal["auto", "softmax", "sigmoid", "none"] = Field(
        default="auto",
        description="`auto`: what the model was trained with, softmax (CLIP) or sigmoid (SigLIP).",
    )
    top_k: TopK | None = None
    none_of_these: bool = Field(default=False, description="Adds the label `none of these`.")
    truncate: Truncate = True
    on_error: OnError = "fail"
    form_inputs: ClassVar[str] = "input"
    unsupported: ClassVar[Unsupporteds] = options.READING | options.SCORES


def payload_of(job: Job) -> Payload:
    return cast(Payload, job.payload)  # written by this module alone


def own_labels(job: Job) -> list[str]:
    """As the client sent them: without the one that `none_of_these` adds."""
    labels = payload_of(job)["labels"]
    if not job.options.get("none_of_these"):
        return labels
    return [label for label in labels if label != SOMETHING_ELSE]


def prompts(job: Job) -> list[str]:
    """What the model reads: for each label all templates."""
    payload = payload_of(job)
    return [
        readable(template.replace("{}", label))
        for label in payload["labels"]
        for template in templates_of(payload)
    ]


def label_indices(job: Job) -> Sequence[int]:
    """Of which label each prompt is."""
    payload = payload_of(job)
    template_count = len(templates_of(payload))
    return [index for index in range(len(payload["labels"])) for _ in range(template_count)]


def name_of_label(index: int) -> str:
    return f"labels[{index}]"


def job_request(
    card: ModelCard,
    images: Sequence[ImageFile],
    *,
    labels: Sequence[str],
    template: Templates,
    activation: str = "auto",
    none_of_these: bool = False,
    keeps_preview: bool = False,
) -> jobs.Request:
    """`none_of_these` adds a label to compare with, except for a sigmoid model: that scores each
    label by itself, so one more would say nothing about the others (score_text.is_none_of_these).
    """
    if none_of_these and card.activation != "sigmoid":
        labels = [*labels, SOMETHING_ELSE]
    return jobs.Request(
        card=card,
        kind=NAME,
        inputs=images,
        payload=_payload(labels, template, activation),
        options={"none_of_these": True} if none_of_these else {},
        text_count=len(labels) * templates.count(template),
        text_tokens=templates.tokens_of(labels, template),
        max_tokens=templates.most_tokens_of(labels, template, context_length=card.most_tokens),
        keeps_preview=keeps_preview,
    )


def parse(body: ClassifyBody, card: ModelCard) -> ParsedRequest:
    if body.labels is not None and body.candidate_labels is not None:
        raise FieldError("Send `labels` or `candidate_labels`: they are the same.", param="labels")
    # Errors name the field that was sent; where neither was, the one that pipelines know.
    name = "candidate_labels" if body.labels is None else "labels"
    return parse_fields(
        card,
        images=body.input,
        labels=labels.read(getattr(body, name), param=name, none_of_these=body.none_of_these),
        template=templates.read(body.hypothesis_template, body.hypothesis_templates),
        activation=body.activation,
        options={"top_k": body.top_k, "none_of_these": body.none_of_these},
        truncate=body.truncate,
        on_error=body.on_error,
    )


def parse_fields(
    card: ModelCard,
    *,
    images: Any,
    labels: Sequence[str],
    template: Templates,
    activation: str = "auto",
    options: Mapping[str, object] | None = None,
    truncate: bool = True,
    on_error: str = "fail",
    param: str = "input",
) -> ParsedRequest:
    """Of any dialect; `images` as they were sent. Raises FieldError."""
    skips_unusable = on_error == SKIP
    items = inputs.read(images, are_images=True, param=param, skips_unusable=skips_unusable)
    for item in items:
        _check_is_image(item)
    _check_score_count(len(items), len(labels), param)
    templates.check_work(len(labels), template)
    return ParsedRequest(
        card=card,
        kind=NAME,
        inputs=items,
        payload={
            **_payload(labels, template, activation),
            **truncation.payload_of(truncate=truncate),
            **payload_of_on_error(on_error),
        },
        options=options or {},
        text_count=len(labels) * templates.count(template),
        text_tokens=templates.tokens_of(labels, template),
        max_tokens=templates.most_tokens_of(labels, template, context_length=card.most_tokens),
        skips_unusable=skips_unusable,
    )


def _check_is_image(item: ParsedInput) -> None:
    if isinstance(item.content, str):
        raise FieldError(
            "Only pictures can be classified here; this input is a text.",
            code="unsupported_input",
            param=item.param,
        )


def _check_score_count(images: int, labels: int, param: str) -> None:
    if images * labels > MAX_SCORES:
        raise FieldError(
            f"{images:,} pictures by {labels:,} labels are more than"
            f" {MAX_SCORES:,} scores: send fewer at once.",
            param=param,
        )


def _payload(labels: Sequence[str], template: Templates, activation: str) -> Mapping[str, object]:
    return Payload(labels=list(labels), activation=activation, **templates.fields_of(template))


ENDPOINT = Endpoint(
    path="/v1/classify",
    own_fields=frozenset({"labels", "candidate_labels"}),
    tag="classification",
    summary="Score pictures against labels",
    description=(
        "For each picture its predictions, best first. OpenAI has no such endpoint; the shape is a"
        " superset of Jina's. (vLLM's and infinity's /classify means something else: fixed labels.)"
    ),
    body=ClassifyBody,
    answer=ClassificationList,
    parse=parse,
)
