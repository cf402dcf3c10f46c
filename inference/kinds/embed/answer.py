"""Vectors as the API writes them: OpenAI's list, floats or base64 of little-endian float32."""

import base64
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from inference.kinds.fields import floats, image_strings, on_error
from inference.kinds.fields.schema import Answer, InputError, Usage, shown
from inference.kinds.kind import name_of_input
from inference.models import Job

# What JSON is made of.
Json = dict[str, Any]


class Embedding(BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str
    error: InputError | None = Field(
        default=None, description="With `on_error: skip`, beside an empty `embedding`."
    )


EXAMPLE: Json = {
    "id": "emb_9380598df1c94ec78983ba36990ac19e",
    "object": "list",
    "model": "gigarouter/conse-demo",
    # A real one has as many numbers as the model's `embedding_dim`.
    "data": [
        {"object": "embedding", "index": 0, "embedding": [0.0123, -0.0456, 0.0789]},
        {"object": "embedding", "index": 1, "embedding": [0.0321, 0.0654, -0.0987]},
    ],
    "revision": "local:cd649bf2acf64134f64e746b545fb3d7886268467a383387c0ccedb5873fb6ce",
    "truncated": [],
    "usage": {
        "prompt_tokens": 4,
        "total_tokens": 4,
        "images": 1,
        "cost": 0.000102,
        "cost_usd": "0.000102",
        "ledger_entry": "job:9380598d-f1c9-4ec7-8983-ba36990ac19e",
    },
}


class EmbeddingList(Answer):
    model_config = shown(EXAMPLE)

    id: str
    object: Literal["list"]
    model: str
    revision: str | None
    data: list[Embedding]
    usage: Usage


def answer_of(job: Job) -> Json:
    return {
        "id": f"emb_{job.pk.hex}",
        "object": "list",
        "model": job.card.repo,
        "data": _data(job),
        "revision": (job.result or {}).get("revision"),
    }


def _data(job: Job) -> list[Json]:
    """One entry for each input in order; what could not be used has an error, and no numbers."""
    is_base64 = job.options.get("encoding_format") == "base64"
    vectors = vectors_of(job)
    written: Iterator[list[float] | str] = (
        map(_base64, vectors) if is_base64 else iter(floats.shortest(vectors))
    )
    errors = on_error.errors_of(job)
    return [
        # Not null: OpenAI's clients decode what is there, and both make an empty vector of this.
        {**_entry(index, "" if is_base64 else []), "error": errors[index]}
        if index in errors
        else _entry(index, next(written))
        for index in range(len(job.inputs))
    ]


def _entry(index: int, embedding: list[float] | str) -> Json:
    return {"object": "embedding", "index": index, "embedding": embedding}


def vectors_of(job: Job) -> NDArray[np.float32]:
    """float32 [n, dim] of the inputs that could be used, in their order."""
    flat = np.frombuffer(bytes(job.vectors or b""), dtype="<f4")
    return flat.reshape(len(on_error.usable_indices(job)), -1)


def _base64(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.tobytes()).decode()


def warnings_of(job: Job) -> list[str]:
    return image_strings.warnings_of(job, name_of_input)


def usage_of(job: Job) -> Json:
    return {}
