"""Batches as the openai package runs them; the periodic task is called by the tests."""

import io
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from openai.types import Batch as BatchObject

from catalog.infrastructure.retention import Budget
from inference.api.batches import advance
from tests.inference.api.conftest import Api

# What JSON is made of.
Json = dict[str, Any]
ENDED = {"completed", "failed", "expired", "cancelled"}


def line(custom_id: str, body: Json, *, url: str = "/v1/embeddings") -> Json:
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def jsonl(lines: Sequence[Json]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


@dataclass
class Runner:
    """Uploads lines, runs them, and reads what came of them."""

    api: Api
    client: openai.OpenAI

    def texts(self, texts: Sequence[str]) -> list[Json]:
        model = self.api.card.repo
        return [
            line(f"line-{index}", {"model": model, "input": text})
            for index, text in enumerate(texts)
        ]

    def upload(self, lines: Sequence[Json] | bytes, name: str = "lines.jsonl") -> str:
        content = lines if isinstance(lines, bytes) else jsonl(lines)
        return self.client.files.create(file=(name, io.BytesIO(content)), purpose="batch").id

    def start(
        self, lines: Sequence[Json] | bytes, *, endpoint: Any = "/v1/embeddings"
    ) -> BatchObject:
        return self.client.batches.create(
            input_file_id=self.upload(lines), endpoint=endpoint, completion_window="24h"
        )

    def finish(self, batch_id: str) -> BatchObject:
        """Let it go on until it has ended."""
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s:
            advance.advance(Budget(5))
            batch = self.client.batches.retrieve(batch_id)
            if batch.status in ENDED:
                return batch
            time.sleep(0.02)
        raise AssertionError(f"batch {batch_id} has not ended")

    def run(
        self, lines: Sequence[Json] | bytes, *, endpoint: Any = "/v1/embeddings"
    ) -> BatchObject:
        return self.finish(self.start(lines, endpoint=endpoint).id)

    def read(self, file_id: str | None) -> list[Json]:
        if file_id is None:
            return []
        return [json.loads(text) for text in self.client.files.content(file_id).text.splitlines()]


@pytest.fixture
def runner(api: Api) -> Iterator[Runner]:
    with openai.OpenAI(base_url=f"{api.base_url}/v1", api_key=api.secret) as client:
        yield Runner(api, client)
