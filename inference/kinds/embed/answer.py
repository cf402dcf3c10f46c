"""Vectors as the API writes them: OpenAI's list, floats or base64 of little-endian float32."""

import base64
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from inference.kinds.fields.schema import Answer, Usage
from inference.models import Job

# What JSON is made of.
Json = dict[str, Any]


class Embedding(BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingList(Answer):
    object: Literal["list"]
    model: str
    revision: str | None
    data: list[Embedding]
    usage: Usage


def answer_of(job: Job) -> Json:
    is_base64 = job.options.get("encoding_format") == "base64"
    encode = _base64 if is_base64 else _floats
    return {
        "object": "list",
        "model": job.card.repo,
        "data": [
            {"object": "embedding", "index": index, "embedding": encode(vector)}
            for index, vector in enumerate(vectors_of(job))
        ],
        "revision": (job.result or {}).get("revision"),
    }


def vectors_of(job: Job) -> NDArray[np.float32]:
    """float32 [n, dim], input order."""
    flat = np.frombuffer(bytes(job.vectors or b""), dtype="<f4")
    return flat.reshape(len(job.inputs), -1)


def _floats(vector: NDArray[np.float32]) -> list[float]:
    floats: list[float] = vector.tolist()
    return floats


def _base64(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.tobytes()).decode()


def usage_of(job: Job) -> Json:
    return {}
