"""Loaded by Schemathesis: most of its models' names are the one that is served.

Invented names would never pass the first door. A picture's address would be fetched, so it is not.
"""

import os
import zlib
from typing import Any

import schemathesis

MODEL = os.environ["API_MODEL"]
OWNER, NAME = MODEL.split("/")
LONGEST_MODEL = 200


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """A name that is wrong on purpose stays: Schemathesis would call the served one accepted."""
    if not isinstance(body, dict) or not _could_be_a_model(body.get("model")):
        return body
    return body | {"model": MODEL} if zlib.crc32(repr(body).encode()) % 5 else body


def _could_be_a_model(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name) <= LONGEST_MODEL


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    if not path_parameters or zlib.crc32(repr(path_parameters).encode()) % 5 == 0:
        return path_parameters
    known = {"model": MODEL, "owner": OWNER, "name": NAME}
    return path_parameters | {k: v for k, v in known.items() if k in path_parameters}


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """In a form everything is a text: an object in place of one arrives as a good text."""
    if case.media_type != "multipart/form-data" or not isinstance(case.body, dict):
        return True
    texts = [text for value in case.body.values() for text in _listed(value)]
    return all(isinstance(text, str | bytes) for text in texts)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    return "http" not in str(body).lower()
