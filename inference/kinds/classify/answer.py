"""The answer: our own shape, a superset of Jina's."""

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from inference.kinds.classify.templates import TemplateFields, templates_of
from inference.kinds.fields import on_error
from inference.kinds.fields.labels import NONE_OF_THESE, SOMETHING_ELSE
from inference.kinds.fields.schema import Answer, InputError, Usage, shown
from inference.models import Job

# What JSON is made of.
Json = dict[str, Any]
ONE_LABEL = (
    "Softmax over one label is always 1. Send several labels, none_of_these, or another activation."
)


class LabelScore(BaseModel):
    label: str
    score: float


class Prediction(BaseModel):
    label: str
    score: float = Field(
        description="Softmax: compared with the other labels, adds up to 1 over all of them."
        " Sigmoid: of this label by itself. None: the logit. Not a calibrated probability."
    )
    similarity: float = Field(description="Cosine of image and label, from -1 to 1.")
    logit: float = Field(description="Similarity times the model's scale, plus its bias if any.")


class Classification(BaseModel):
    object: Literal["classification"]
    index: int
    prediction: str | None = Field(description="Null beside an `error`.")
    score: float | None
    activation: Literal["softmax", "sigmoid", "none"]
    predictions: list[Prediction]
    error: InputError | None = None


class ClassificationUsage(Usage):
    labels: int
    templates: int
    labels_cached: int = Field(description="Texts, labels by templates, that were kept.")


EXAMPLE: Json = {
    "id": "cls_9380598df1c94ec78983ba36990ac19e",
    "object": "list",
    "created": 1796038205,
    "model": "gigarouter/conse-demo",
    "revision": "local:cd649bf2acf64134f64e746b545fb3d7886268467a383387c0ccedb5873fb6ce",
    "data": [
        {
            "object": "classification",
            "index": 0,
            "prediction": "a cat",
            "score": 0.998,
            "activation": "softmax",
            "predictions": [
                {"label": "a cat", "score": 0.998, "similarity": 0.3784, "logit": 7.568},
                {"label": "a dog", "score": 0.002, "similarity": 0.0685, "logit": 1.368},
            ],
        }
    ],
    "truncated": [],
    "usage": {
        "prompt_tokens": 18,
        "total_tokens": 18,
        "images": 1,
        "labels": 2,
        "templates": 1,
        "labels_cached": 0,
        "cost": 0.00011,
        "cost_usd": "0.00011",
        "ledger_entry": "job:9380598d-f1c9-4ec7-8983-ba36990ac19e",
    },
}


class ClassificationList(Answer):
    model_config = shown(EXAMPLE)

    id: str
    object: Literal["list"]
    created: int
    model: str
    revision: str | None
    data: list[Classification]
    usage: ClassificationUsage


def answer_of(job: Job) -> Json:
    result = job.result or {}
    answer: Json = {
        "id": f"cls_{job.pk.hex}",
        "object": "list",
        "created": int(job.created_at.timestamp()),
        "model": job.card.repo,
        "revision": result.get("revision"),
        "data": _data(job),
    }
    return answer


def warnings_of(job: Job) -> list[str]:
    has_one = len(job.payload["labels"]) == 1 and (job.result or {})["activation"] == "softmax"
    return [ONE_LABEL] if has_one else []


def _data(job: Job) -> list[Json]:
    """One entry for each input in order; what could not be used has an error in its place."""
    errors, scored = on_error.errors_of(job), iter(predictions_of(job))
    return [
        _unusable(job, index, errors[index])
        if index in errors
        else _classification(job, index, next(scored))
        for index in range(len(job.inputs))
    ]


def _unusable(job: Job, index: int, error: Json) -> Json:
    return {
        "object": "classification",
        "index": index,
        "prediction": None,
        "score": None,
        "activation": (job.result or {})["activation"],
        "predictions": [],
        "error": error,
    }


def _classification(job: Job, index: int, predictions: list[Mapping[str, Any]]) -> Json:
    return {
        "object": "classification",
        "index": index,
        "prediction": predictions[0]["label"],
        "score": predictions[0]["score"],
        "activation": (job.result or {})["activation"],
        "predictions": top(job, predictions),
    }


def top(job: Job, predictions: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return predictions[: job.options.get("top_k") or len(predictions)]


def label_scores(job: Job) -> list[Json]:
    """Of a job with one image, best first: what other services answer."""
    [predictions] = predictions_of(job)
    return [
        {"label": prediction["label"], "score": prediction["score"]}
        for prediction in top(job, predictions)
    ]


def predictions_of(job: Job) -> list[list[Mapping[str, Any]]]:
    """For each image that could be used its predictions, best first, under the client's labels."""
    images = [image["predictions"] for image in (job.result or {})["rows"]]
    if not job.options.get("none_of_these"):
        return images
    return [[_relabeled(prediction) for prediction in predictions] for predictions in images]


def _relabeled(prediction: Mapping[str, Any]) -> Mapping[str, Any]:
    if prediction["label"] != SOMETHING_ELSE:
        return prediction
    return {**prediction, "label": NONE_OF_THESE}


def table_of(job: Job) -> list[list[object]]:
    """A line for each image and label, best first; images and ranks count from 1."""
    columns = ["label", "score", "similarity", "logit"]
    lines: list[list[object]] = [["image", "rank", *columns]]
    for number, predictions in enumerate(predictions_of(job), start=1):
        for rank, prediction in enumerate(predictions, start=1):
            lines.append([number, rank, *(prediction[column] for column in columns)])
    return lines


def usage_of(job: Job) -> Json:
    return {
        "labels": len(job.payload["labels"]),
        "templates": len(templates_of(cast(TemplateFields, job.payload))),
        "labels_cached": (job.result or {}).get("texts_cached", 0),
    }
