"""What /v1/openapi.json says beyond what FastAPI finds by itself: bodies, errors, headers."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from inference.api.schemas.responses import ErrorAnswer, JobObject
from inference.kinds.fields.schema import Body

# Parts of an OpenAPI document.
Part = dict[str, Any]
Responses = dict[int | str, Part]
MEANINGS = {
    400: "Something sent cannot be used; `param` names it.",
    401: "The key is missing or not valid.",
    402: "Not enough credit, or the key's limit is reached.",
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
ALWAYS = (401, 405, 429, 500, 503)
SUBMITTING = (400, 402, 404, 408, 409, 410, 413, 415, 422)
WITH_RETRY_AFTER = {429, 503, 504}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
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
) -> Responses:
    """Every status that a route may answer with. `model`: a type, or a list of one."""
    statuses = [*ALWAYS, *(SUBMITTING if submits else ())]
    statuses += [400] * bad_input + [404] * not_found
    responses: Responses = {200: {"model": model}, **errors(*statuses)}
    if may_wait:
        responses[202] = {"model": JobObject, "description": "The job, which goes on."}
    return responses


def errors(
    *statuses: int,
    model: type[BaseModel] = ErrorAnswer,
    meanings: Mapping[int, str] = MEANINGS,
) -> Responses:
    responses: Responses = {
        status: {"model": model, "description": meanings[status]}
        for status in sorted(set(statuses))
    }
    for status in WITH_RETRY_AFTER.intersection(statuses):
        responses[status]["headers"] = _RETRY_AFTER
    return responses


def body(model: type[BaseModel], *, headers: Sequence[Part] = ()) -> Part:
    # FastAPI does not parse the body, and so cannot describe it: our own reader does.
    content = {"application/json": {"schema": _reference(model)}}
    return {"requestBody": {"required": True, "content": content}} | (
        {"parameters": list(headers)} if headers else {}
    )


def json_or_form(model: type[BaseModel], form: Part, *, headers: Sequence[Part] = ()) -> Part:
    described = body(model, headers=headers)
    described["requestBody"]["content"]["multipart/form-data"] = {"schema": form}
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


def _reference(model: type[BaseModel]) -> Part:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def body_schemas(bodies: Sequence[type[BaseModel]]) -> Part:
    # What `body` refers to, and what that refers to.
    _, schemas = models_json_schema(
        [(body, "validation") for body in bodies], ref_template="#/components/schemas/{model}"
    )
    return dict(schemas["$defs"])


def remove_422s_of_fastapi(document: Part) -> None:
    # FastAPI promises a 422 of its own shape wherever there is a parameter; we answer 400.
    for operations in document["paths"].values():
        for operation in operations.values():
            response = operation["responses"].get("422", {})
            if "HTTPValidationError" in str(response):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
