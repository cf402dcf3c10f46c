"""JSON as the standard has it, and no more: what PostgreSQL or a client would trip over is refused.

InvalidJson         the one error; `str(error)` is a sentence for people
"""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 32
# Each list, object or member costs Python fifty bytes or more: 16 MB of `[],[],` would be 400 MB.
MAX_MEMBERS = 500_000


class InvalidJson(Exception):
    pass


def loads(raw: bytes) -> Any:  # JSON's own types
    """The value; raises InvalidJson for what is not strictly JSON, too deep, or no text at all."""
    # Marks inside of strings count, too: that is cheap, and errs to the safe side.
    if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > MAX_MEMBERS:
        raise InvalidJson(f"The body has more than {MAX_MEMBERS:,} members.")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise InvalidJson("The body is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise InvalidJson(
            f"The body is not JSON: {error.msg}, at character {error.pos}."
        ) from error
    except RecursionError as error:
        raise InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:  # a number of thousands of digits
        raise InvalidJson("The body holds a number that is too long.") from error
    _check(value, depth=1)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise InvalidJson("The body has an object that names a member twice.")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"The body holds {name}, which is no JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidJson("The body holds a number that is too large.")
    return number


def _check(value: Any, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.")
    match value:
        case str():
            check_text(value)
        case dict():
            for name, member in value.items():
                check_text(name)
                _check(member, depth=depth + 1)
        case list():
            for item in value:
                _check(item, depth=depth + 1)


def check_text(text: str) -> None:
    """Raises InvalidJson for what PostgreSQL cannot hold: NUL, and half of a surrogate pair."""
    if "\0" in text:
        raise InvalidJson("The body holds a NUL character.")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidJson("The body holds half of a surrogate pair.")
