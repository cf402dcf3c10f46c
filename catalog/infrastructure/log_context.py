"""Fields that every log line of one request, task or batch carries: set once, at its edge.

    with log_context.bound(request_id=new_request_id()):
        log.info("card moved stage=%s", stage)      # ... card moved stage=live request_id=req_7f..

    executor.submit(log_context.carried(decode), picture)   # a thread's context starts empty

config.logging writes the fields; a name or an id is one, what people have typed is none.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_fields: ContextVar[Mapping[str, str]] = ContextVar("log_fields")


def fields() -> Mapping[str, str]:
    return _fields.get({})


@contextmanager
def bound(**values: object) -> Iterator[None]:
    """Add fields, or replace them, until the block ends; None leaves one out."""
    added = {name: str(value) for name, value in values.items() if value is not None}
    token = _fields.set({**fields(), **added})
    try:
        yield
    finally:
        _fields.reset(token)


def carried(call: Callable[P, T]) -> Callable[P, T]:
    """The call with the fields of now, for a thread that has a context of its own.

    Not `copy_context().run`: that would carry along what Django and asgiref keep in contexts, too.
    """
    carried_fields = fields()

    @wraps(call)
    def with_fields(*args: P.args, **kwargs: P.kwargs) -> T:
        with bound(**carried_fields):
            return call(*args, **kwargs)

    return with_fields


REQUEST_ID_PREFIX = "req_"


def new_request_id() -> str:
    # Random, so that whoever reads one learns nothing of other requests.
    return f"{REQUEST_ID_PREFIX}{uuid.uuid4().hex}"


def request_id() -> uuid.UUID | None:
    """The request that this runs for; None: for none."""
    try:
        return uuid.UUID(fields().get("request_id", "").removeprefix(REQUEST_ID_PREFIX))
    except ValueError:
        return None
