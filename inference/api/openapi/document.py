"""Puts the document together, for readers and for generators of clients."""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from inference.api.openapi.headers import HEADERS
from inference.api.openapi.operations import Part, examples_of
from inference.api.openapi.webhooks import BODIES as EVENTS
from inference.api.openapi.webhooks import webhooks
from inference.kinds.fields.schema import SHARED

SCHEMAS = "#/components/schemas/"
DIALECT = " dialect"


def make(api: FastAPI, routers: Iterable[APIRouter], bodies: Sequence[type[BaseModel]]) -> Part:
    """The whole document; `bodies` are those that routes read by themselves."""
    document: Part = get_openapi(
        title=api.title,
        version=api.version,
        description=api.description,
        routes=api.routes,
        openapi_version="3.1.0",
        servers=[{"url": settings.SITE_URL}],
        contact=_contact(),
    )
    _remove_422s_of_fastapi(document)
    body_schemas = _schemas_of([*bodies, *EVENTS])
    components = document["components"]
    _make_optional_of_defaults(body_schemas)
    for schema in components["schemas"].values():
        schema.pop("examples", None)  # shown with each answer
    components["schemas"] |= _share_parts(body_schemas)
    components["headers"] = HEADERS
    document["webhooks"] = webhooks()
    _remove_null_defaults(document)
    for route in (route for router in routers for route in router.routes):
        if isinstance(route, APIRoute) and route.include_in_schema:
            _show_examples_of_answers(route, document["paths"][route.path_format])
    for operation in _operations(document):
        operation["responses"] = dict(sorted(operation["responses"].items()))
        _show_examples_of_body(operation, body_schemas)
    components["responses"] = _share_errors(document)
    document["tags"] = _tags(document)
    return document


def operation_id(route: APIRoute) -> str:
    """`listModels`; a dialect's begin with its name: `cohereRerank`."""
    tag = str(route.tags[0]) if route.tags else ""
    dialect = tag.removesuffix(DIALECT).replace(" ", "") if tag.endswith(DIALECT) else ""
    words = [*([dialect] if dialect else []), *(word.title() for word in route.name.split("_"))]
    name = "".join(words)
    return name[:1].lower() + name[1:]


def _contact() -> Part:
    contact = {
        "name": settings.OPERATOR_NAME,
        "url": settings.SITE_URL,
        "email": settings.CONTACT_EMAIL,
    }
    return {name: value for name, value in contact.items() if value}


def _schemas_of(models: Sequence[type[BaseModel]]) -> Part:
    # What bodies refer to, and what that refers to.
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template=SCHEMAS + "{model}"
    )
    return dict(schemas["$defs"])


def _remove_422s_of_fastapi(document: Part) -> None:
    # FastAPI promises a 422 of its own shape wherever there is a parameter; we answer 400.
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422", {})):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _share_parts(schemas: Part) -> Part:
    """Generated clients name a class by where its schema stands, unless that has a name."""
    shared = {
        name: {key: _referring(value) for key, value in part.items()}
        for name, part in SHARED.items()
    }
    referring: Part = _referring(schemas)
    return referring | shared


def _referring(node: Any) -> Any:
    # Any: JSON.
    for name, part in SHARED.items():
        if node == part:
            return {"$ref": SCHEMAS + name}
    if isinstance(node, list):
        return [_referring(item) for item in node]
    if isinstance(node, dict):
        return {name: _referring(child) for name, child in node.items()}
    return node


def _make_optional_of_defaults(schemas: Part) -> None:
    # openapi-typescript demands a field that has a default, since in an answer it is always there.
    # In a request it is the reader who needs to know it.
    for schema in _subschemas(schemas):
        default = schema.pop("default", None)
        if default is not None:
            said = f"Default: `{_as_json(default)}`."
            schema["description"] = (
                f"{schema['description']} {said}" if "description" in schema else said
            )


def _as_json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _remove_null_defaults(document: Part) -> None:
    # "Absent" is not the same as "null", and generated clients would send it.
    for schema in _subschemas(document):
        if "default" in schema and schema["default"] is None:
            del schema["default"]


def _subschemas(node: Any) -> Iterator[Part]:
    # All objects but examples, which are data.
    if isinstance(node, list):
        for item in node:
            yield from _subschemas(item)
    if isinstance(node, dict):
        yield node
        for name, child in node.items():
            if name not in ("examples", "example", "default", "const", "enum"):
                yield from _subschemas(child)


def _operations(document: Part) -> Iterator[Part]:
    for section in ("paths", "webhooks"):
        for operations in document[section].values():
            yield from operations.values()


def _show_examples_of_answers(route: APIRoute, operations: Part) -> None:
    # As they were written: FastAPI leaves out whatever is null, in examples, too.
    for method in route.methods or ():
        responses = operations[method.lower()]["responses"]
        for status, said in route.responses.items():
            for media_type, content in responses[str(status)].get("content", {}).items():
                own = said.get("content", {}).get(media_type, {})
                shown = {name: own[name] for name in ("example", "examples") if name in own}
                content.update(shown or _named(examples_of(said.get("model"))))


def _show_examples_of_body(operation: Part, schemas: Part) -> None:
    """Many tools look for examples here, and not at the schema."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "").removeprefix(SCHEMAS)
        if examples := schemas.get(name, {}).get("examples"):
            content.update(_named(examples))


def _named(examples: Sequence[Any]) -> Part:
    if not examples:
        return {}
    return {
        "examples": {
            f"example_{number}": {"value": value} for number, value in enumerate(examples, start=1)
        }
    }


def _share_errors(document: Part) -> Part:
    """Most routes have the same errors: once among the components, by the name of its code."""
    shared: Part = {}
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            name = _name_of_error(status, response)
            if name and shared.setdefault(name, response) == response:
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return shared


def _name_of_error(status: str, response: Part) -> str:
    if not status.isdigit() or int(status) < 400 or "content" not in response:
        return ""
    [content] = response["content"].values()
    model: str = content["schema"]["$ref"].removeprefix(SCHEMAS).removesuffix("ErrorAnswer")
    code = next(iter(content["examples"]), HTTPStatus(int(status)).phrase)
    return model + code.replace("_", " ").title().replace(" ", "") + status


def _tags(document: Part) -> list[Part]:
    names = [tag for operation in _operations(document) for tag in operation.get("tags", [])]
    return [{"name": name} for name in dict.fromkeys(names)]
