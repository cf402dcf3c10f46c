"""A succeeded job as each dialect writes it. The same job and options give the same answer."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.api.amounts import usd
from inference.models import Job, Kind

# What JSON is made of.
Json = Any
NONE_OF_THESE = "none of these"
SOMETHING_ELSE = "something else"  # what the model reads for it
ONE_LABEL = (
    "Softmax over one label is always 1. Send several labels, none_of_these, or another activation."
)


def native(job: Job) -> Json:
    """What the job's own endpoint answers."""
    return embeddings(job) if job.kind == Kind.EMBED else classification(job)


def embeddings(job: Job) -> Json:
    """OpenAI's list of embeddings, floats or base64 of little-endian float32."""
    write = _base64 if job.options.get("encoding_format") == "base64" else _floats
    data = [
        {"object": "embedding", "index": place, "embedding": write(vector)}
        for place, vector in enumerate(vectors_of(job))
    ]
    return {
        "object": "list",
        "model": job.card.repo,
        "data": data,
        "revision": _result(job).get("revision"),
        "usage": usage(job),
    }


def vectors_of(job: Job) -> NDArray[np.float32]:
    """float32 [n, dim], input order."""
    flat = np.frombuffer(bytes(job.vectors or b""), dtype="<f4")
    return flat.reshape(len(job.inputs), -1)


def _floats(vector: NDArray[np.float32]) -> Json:
    return vector.tolist()


def _base64(vector: NDArray[np.float32]) -> Json:
    return base64.b64encode(vector.tobytes()).decode()


def classification(job: Job) -> Json:
    """Ours, a superset of Jina's: per picture the predictions, best first."""
    answer = {
        "id": f"cls_{job.pk.hex}",
        "object": "list",
        "created": int(job.created_at.timestamp()),
        "model": job.card.repo,
        "revision": _result(job).get("revision"),
        "data": [_classified(job, place, row) for place, row in enumerate(_rows(job))],
        "usage": usage(job),
    }
    if len(job.labels) == 1 and _result(job)["activation"] == "softmax":
        answer["warning"] = ONE_LABEL
    return answer


def _classified(job: Job, place: int, row: list[Mapping[str, Json]]) -> Json:
    return {
        "object": "classification",
        "index": place,
        "prediction": row[0]["label"],
        "score": row[0]["score"],
        "activation": _result(job)["activation"],
        "predictions": row[: job.options.get("top_k") or len(row)],
    }


def scores(job: Job) -> Json:
    """Hugging Face's bare list of label and score, of the one picture, best first."""
    [row] = _rows(job)
    kept = row[: job.options.get("top_k") or len(row)]
    return [{"label": each["label"], "score": each["score"]} for each in kept]


def features(job: Job) -> Json:
    """Hugging Face's bare list of vectors."""
    return vectors_of(job).tolist()


def deepinfra(job: Job) -> Json:
    return {
        "results": scores(job),
        "request_id": str(job.pk),
        "inference_status": {
            "status": "succeeded",
            "runtime_ms": runtime_ms(job),
            "cost": (job.cost_micro_usd or 0) / 1e6,  # theirs is a number
            "tokens_generated": 0,
            "tokens_input": usage(job)["prompt_tokens"],
            "output_length": 0,
        },
    }


def runtime_ms(job: Job) -> int:
    if not (job.started_at and job.finished_at):
        return 0
    return round((job.finished_at - job.started_at).total_seconds() * 1000)


def usage(job: Job) -> dict[str, Json]:
    """What was used and what it cost. Tokens are words and marks, an estimate; none is billed."""
    tokens = sum(map(_tokens, _texts(job)))
    used: dict[str, Json] = {"prompt_tokens": tokens, "total_tokens": tokens}
    used["images"] = job.image_count
    if job.kind == Kind.CLASSIFY:
        used["labels"] = len(job.labels)
        used["labels_cached"] = _result(job).get("labels_cached", 0)
    used["cost"] = usd(job.cost_micro_usd or 0)
    used["ledger_entry"] = job.hold_reference if job.is_paid else None
    return used


def _texts(job: Job) -> Iterator[str]:
    yield from (job.template.replace("{}", label) for label in job.labels)
    yield from (each["text"] for each in job.inputs if "text" in each)


def _tokens(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def _result(job: Job) -> Mapping[str, Json]:
    return job.result or {}


def _rows(job: Job) -> list[list[Mapping[str, Json]]]:
    named = _shown if job.options.get("none_of_these") else _as_it_is
    return [[named(each) for each in row["predictions"]] for row in _result(job)["rows"]]


def _shown(prediction: Mapping[str, Json]) -> Mapping[str, Json]:
    is_other = prediction["label"] == SOMETHING_ELSE
    return {**prediction, "label": NONE_OF_THESE} if is_other else prediction


def _as_it_is(prediction: Mapping[str, Json]) -> Mapping[str, Json]:
    return prediction


Answer = Callable[[Job], Json]
