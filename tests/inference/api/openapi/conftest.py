"""The document as it is served."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tests.support.http import fresh_api

# What JSON is made of.
Json = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Json:
    made: Json = fresh_api.call(lambda http: http.get("/v1/openapi.json")).json()
    return made


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Each with its name for people."""
    for section in ("paths", "webhooks"):
        for path, verbs in document[section].items():
            for verb, operation in verbs.items():
                yield f"{verb} {path}", operation


def responses(document: Json, operation: Json) -> Iterator[tuple[str, Json]]:
    """By status, with what stands among the components."""
    for status, response in operation["responses"].items():
        yield status, resolved(document, response)


def resolved(document: Json, part: Json) -> Json:
    """What a reference stands for."""
    if "$ref" not in part:
        return part
    found = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def assert_valid(document: Json, schema: Json, value: object) -> None:
    root = {"components": document["components"], **schema}
    jsonschema_rs.Draft202012Validator(root, validate_formats=True).validate(value)
