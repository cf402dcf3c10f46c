"""The shape that all dialects share: see `inference.api.dialects`."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import BaseModel

from inference.api.errors import ErrorWriter


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """`bodies` are described in OpenAPI. `error_writer` serves all paths that begin with `prefix`,
    and clients whose User-Agent has `user_agent` in it; without one, errors have OpenAI's shape.
    """

    router: APIRouter
    bodies: Sequence[type[BaseModel]]
    prefix: str = ""
    user_agent: str = ""
    error_writer: ErrorWriter | None = None
