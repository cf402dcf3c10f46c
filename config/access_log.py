"""What of an address may stand in a log: no capability and nothing that people have typed.

    /waitlist/confirm/abc123/?email=a@example.com  ->  /waitlist/confirm/[redacted]?email

A mailed link does what its holder asks, so a log with it would be a bunch of keys. Which addresses
are such links follows from the URL patterns: parts of certain names are secret.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from functools import cache
from urllib.parse import quote, unquote

from django.urls import URLPattern, URLResolver, get_resolver

# Names of captured parts of addresses that let whoever knows them act.
SECRET_PARTS = {"token", "signed", "key", "uidb36", "uidb64"}
REDACTED = "[redacted]"
PARAMETER_NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,23}")
MOST_PARAMETERS = 10
MOST_CHARACTERS = 300


def redacted(target: str) -> str:
    """A path, perhaps with a query, fit for a log line: printable, short, without secrets."""
    path, _, query = target.partition("?")
    path = re.sub("/+", "/", unquote(path))
    for prefix in secret_prefixes():
        if path.lower().startswith(prefix) and len(path) > len(prefix):
            path = path[: len(prefix)] + REDACTED
            break
    names = _parameter_names(query)
    safe_path = quote(path, safe="/:@!$&'()*+,;=[]-._~")[:MOST_CHARACTERS]
    return f"{safe_path}?{'&'.join(names)}" if names else safe_path


def _parameter_names(query: str) -> list[str]:
    # A value may be an address, a code or a state; a name is one of ours, or it is left out too.
    names = [part.partition("=")[0] for part in query.split("&", MOST_PARAMETERS)] if query else []
    return [name if PARAMETER_NAME.fullmatch(name) else "*" for name in names[:MOST_PARAMETERS]]


@cache
def secret_prefixes() -> tuple[str, ...]:
    """What stands before each secret part, the longest first: `/waitlist/confirm/`."""
    found = {f"/{prefix}".lower() for prefix in _prefixes(get_resolver().url_patterns, "")}
    return tuple(sorted(found, key=len, reverse=True))


def _prefixes(patterns: Sequence[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for pattern in patterns:
        route = before + re.sub(r"^\^|\\Z$|\$$", "", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _prefixes(pattern.url_patterns, route)
        elif first := next((part for part in _parts(route) if part[1] in SECRET_PARTS), None):
            yield first[0]


def _parts(route: str) -> Iterator[tuple[str, str]]:
    # Both spellings: <str:token> of path() and (?P<key>...) of re_path().
    for part in re.finditer(r"\(\?P<(\w+)>|<(?:\w+:)?(\w+)>", route):
        yield route[: part.start()], part.group(1) or part.group(2)


class RedactPaths(logging.Filter):
    """For loggers whose lines quote a request's path among their arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                redacted(value) if isinstance(value, str) and value.startswith("/") else value
                for value in record.args
            )
        return True


class NoUnreadableRequests(logging.Filter):
    """Drops what uvicorn says, once or twice each, of requests that are not valid HTTP.

    config.server.protocol says it in one line, with the client's address.
    """

    BEGINNINGS = ("Invalid HTTP request", "Unsupported upgrade", "No supported WebSocket")

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(self.BEGINNINGS)
