"""Long work of the API keeps no database connection from others."""

from types import ModuleType
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from inference.api.request import strict_json
from inference.kinds.fields import image_strings, inputs
from tests.inference.api.conftest import Api, in_base64

# Where a body of 16 MB takes its time.
WORK: list[tuple[ModuleType, str]] = [
    (strict_json, "loads"),
    (image_strings, "_decoded"),
    (inputs, "_checked"),
]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "a"}], ids=["plain", "with a key"])
def test_a_body_is_parsed_decoded_and_checked_without_a_connection(
    api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    settings.MODEL_CACHE_S = 0  # the model is asked for just before
    held: dict[str, bool] = {}

    def watch(module: ModuleType, name: str) -> None:
        work = getattr(module, name)

        def watched(*arguments: Any, **named: Any) -> Any:  # any function's
            held[name] = connection.connection is not None
            return work(*arguments, **named)

        monkeypatch.setattr(module, name, watched)

    for module, name in WORK:
        watch(module, name)
    bodies: dict[str, dict[str, object]] = {
        "/v1/classify": {"input": [{"image": in_base64()}], "labels": ["a", "b"]},
        "/v1/embeddings": {"input": [{"image": in_base64()}]},
    }

    for path, body in bodies.items():
        held.clear()
        answer = api.http.post(path, json=body | {"model": api.card.repo}, headers=headers)

        assert answer.status_code == 200
        assert held == {"loads": False, "_decoded": False, "_checked": False}
