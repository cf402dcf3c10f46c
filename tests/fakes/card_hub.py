"""As much of the Hugging Face hub's API as reading a model's figures needs, on a local port."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from tests.support.http.local_server import listening

REVISION = "0123456789abcdef0123456789abcdef01234567"


def info(repo: str, **changes: object) -> dict[str, object]:
    """What the hub says of a model, asked with `expand`."""
    said = {
        "_id": "621ffdc136468d709f17ed3f",
        "id": repo,
        "downloads": 12_400_000,
        "likes": 1_900,
        "cardData": {"license": "mit", "tags": ["vision"]},
        "createdAt": "2022-03-02T23:29:05.000Z",
        "lastModified": "2023-09-15T15:49:35.000Z",
        "sha": REVISION,
    }
    return said | changes


@dataclass
class Answer:
    """One answer of the hub; `slow` keeps it back until the hub closes."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    slow: bool = False

    @classmethod
    def says(cls, repo: str, **changes: object) -> "Answer":
        return cls(json.dumps(info(repo, **changes)).encode())


@dataclass
class CardHub:
    """Gives each repo its answers in turn, the last one for ever; 404 to all others."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    endpoint: str = ""
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def says(self, repo: str, **changes: object) -> None:
        self.answers[repo] = [Answer.says(repo, **changes)]

    def next_answer(self, repo: str) -> Answer:
        self.asked.append(repo)
        waiting = self.answers.get(repo)
        if not waiting:
            return Answer(status=404, headers={"X-Error-Code": "RepoNotFound"})
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@contextmanager
def serving(hub: CardHub) -> Iterator[CardHub]:
    with listening(_Handler, hub) as hub.endpoint:
        try:
            yield hub
        finally:
            hub.closing.set()


class _Handler(BaseHTTPRequestHandler):
    hub: CardHub

    def do_GET(self) -> None:
        found = re.fullmatch("/api/models/([^/]+/[^/]+)", unquote(urlsplit(self.path).path))
        answer = self.hub.next_answer(found[1]) if found else Answer(status=400)
        if answer.slow:
            self.hub.closing.wait()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Silent."""
