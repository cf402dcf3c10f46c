"""What routes say of themselves that FastAPI does not find: bodies, errors, parameters."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from inference.api.errors import ErrorWriter, write_error
from inference.api.openapi import error_examples
from inference.api.openapi.headers import headers_of, headers_of_error
from inference.api.schemas.responses import ErrorAnswer, JobObject
from inference.kinds.fields.schema import Body

# Parts of an OpenAPI document.
Part = dict[str, Any]
Responses = dict[int | str, Part]
MEANINGS = {
    400: "Something sent cannot be used; `param` names it.",
    401: "The key is missing or not valid.",
    402: "Not enough credit, or the key's limit is reached.",
    403: "The account is suspended; the message says why.",
    404: "There is no such thing, or the model is not live yet.",
    405: "Another verb is meant.",
    408: "The body did not arrive in time.",
    409: "Another call under this Idempotency-Key is under way, or the job has ended.",
    410: "The model has been retired, or the job was deleted.",
    413: "Too large.",
    415: "Another Content-Type is meant.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many requests in a minute, too many jobs waiting, or too many streams open.",
    500: "Something broke on our side.",
    503: "Not now; Retry-After says when.",
}
ALWAYS = (401, 403, 405, 429, 500, 503)
SUBMITTING = (400, 402, 404, 408, 409, 410, 413, 415, 422)
# Where a form has a file.
FILE = "(the bytes of photo.jpg)"
SUBMIT_HEADERS: list[Part] = [
    {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "`respond-async`: 202 with a job at once. `wait=n`: 202 after n seconds.",
        "examples": {"async": {"value": "respond-async"}, "wait": {"value": "wait=10"}},
    },
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "description": "The same key and body give the same job, for 24 hours.",
    },
]


# For what anybody may read.
KEY_IS_OPTIONAL: Part = {"security": [{}, {"key": []}]}


def answers(
    model: Any,
    *,
    submits: bool = False,
    may_wait: bool = False,
    bad_input: bool = False,
    not_found: bool = False,
    is_of_model: bool = False,
    noun: str = "model",
    example: object = None,
) -> Responses:
    """Every status that a route may answer with.

    `model`: a type, or a list of one. `is_of_model`: its headers say so if the model that it is
    about leaves. `noun`: what is not there, if something is not. `example`: of an answer whose
    type has none of its own.
    """
    statuses = [*ALWAYS, *(SUBMITTING if submits else ())]
    statuses += [400] * bad_input + [404] * not_found
    found = {"model": model, "description": "What was asked for."}
    if example is not None:
        found["content"] = {"application/json": {"example": example}}
    responses: Responses = {
        200: found | {"headers": headers_of(200, submits=submits, is_of_model=is_of_model)}
    }
    if may_wait:
        responses[202] = {
            "model": JobObject,
            "description": "The job, which goes on.",
            "headers": headers_of(202, submits=submits),
        }
    return responses | errors(*statuses, noun=noun)


def errors(
    *statuses: int,
    model: type[BaseModel] = ErrorAnswer,
    meanings: Mapping[int, str] = MEANINGS,
    writer: ErrorWriter = write_error,
    noun: str = "model",
) -> Responses:
    """`writer` writes the examples, in the shape of `model`."""
    return {
        status: _error(status, model, meanings[status], writer, noun)
        for status in sorted(set(statuses))
    }


def _error(
    status: int, model: type[BaseModel], meaning: str, writer: ErrorWriter, noun: str
) -> Part:
    error = error_examples.example_of(status, noun=noun)
    example = error_examples.written(error, writer)
    return {
        "model": model,
        "description": meaning,
        "headers": headers_of(status) | headers_of_error(error, writer, error_examples.REQUEST_ID),
        "content": {"application/json": {"examples": {error.code: {"value": example}}}},
    }


def body(model: type[BaseModel], *, headers: Sequence[Part] = ()) -> Part:
    # FastAPI does not parse the body, and so cannot describe it: our own reader does.
    content = {"application/json": {"schema": _reference(model)}}
    return {"requestBody": {"required": True, "content": content}} | (
        {"parameters": list(headers)} if headers else {}
    )


def json_or_form(model: type[BaseModel], form: Part, *, headers: Sequence[Part] = ()) -> Part:
    described = body(model, headers=headers)
    examples = {
        f"form_{number}": {"value": _example_of_form(form, example)}
        for number, example in enumerate(examples_of(model), start=1)
    }
    content = {"schema": form, "examples": examples} if examples else {"schema": form}
    described["requestBody"]["content"]["multipart/form-data"] = content
    return described


def form_of(model: type[Body]) -> Part:
    """The same as a form: its files are images, everything else is a text as JSON has it."""
    strings = {"type": "array", "items": {"type": "string", "minLength": 1}}
    files = {"type": "array", "items": {"type": "string", "format": "binary"}}
    properties: Part = {
        name: {"type": "string", "description": "As in JSON."} for name in model.model_fields
    }
    properties |= {name: strings for name in ("labels", model.form_inputs) if name in properties}
    properties["image"] = files | {
        "description": f"Images in order: they are entries of `{model.form_inputs}`."
    }
    return {"type": "object", "properties": properties, "required": ["model"]}


def examples_of(model: Any) -> list[Part]:
    """What a model says of itself (`shown`); nothing for other types."""
    extra = getattr(model, "model_config", {}).get("json_schema_extra")
    examples = extra.get("examples") if isinstance(extra, dict) else None
    # Any: JSON's own types, which Pydantic's are.
    listed: list[Any] = list(examples) if isinstance(examples, list) else []
    return listed


def _example_of_form(form: Part, example: Part) -> Part:
    # Of what JSON says, a form repeats texts, and has files in place of pictures.
    fields = {
        name: _field(example[name], is_list=schema["type"] == "array")
        for name, schema in form["properties"].items()
        if name in example and not _has_objects(example[name])
    }
    is_list = form["properties"]["image"]["type"] == "array"
    return fields | {"image": [FILE] if is_list else FILE}


def _field(value: object, *, is_list: bool) -> object:
    if is_list:
        return value if isinstance(value, list) else [value]
    return value if isinstance(value, str) else json.dumps(value)


def _has_objects(value: object) -> bool:
    return isinstance(value, list) and not all(isinstance(item, str) for item in value)


def _reference(model: type[BaseModel]) -> Part:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
