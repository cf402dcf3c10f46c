"""The shape that all dialects share: see `inference.api.dialects`."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import BaseModel

from inference.api.errors import ErrorWriter


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """`bodies` are described in OpenAPI. `error_writer` serves all paths that begin with `prefix`;
    without one, errors have OpenAI's shape.
    """

    router: APIRouter
    bodies: Sequence[type[BaseModel]]
    prefix: str = ""
    error_writer: ErrorWriter | None = None
