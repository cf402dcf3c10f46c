"""As much of the Hugging Face hub's API as a download needs, on a local port."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from tests.support.http.local_server import listening


@dataclass
class Hub:
    """One repository at one revision, and `others`.

    `cut_after` makes it hang up after so many bytes of a file and answer 500 to whoever comes for
    the rest; `corrupt` makes it send zeros. Safetensors are in large-file storage, as on the hub.
    """

    repo: str
    revision: str
    files: dict[str, bytes]
    endpoint: str = ""
    cut_after: int | None = None
    corrupt: bool = False
    has_hashes: bool = True
    altered: dict[str, bytes] = field(default_factory=dict)
    """What is sent in place of some files, under the hashes of the true ones."""
    downloads: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Range header) of every GET of a file."""
    others: tuple["Hub", ...] = ()

    def downloaded(self) -> set[str]:
        return {path for path, _ in self.downloads}


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    with listening(_Handler, hub) as hub.endpoint:
        yield hub


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Silent."""

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        for other in self.hub.others:
            if re.match(f"(/api/models)?/{re.escape(other.repo)}/", path):
                self.hub = other
        repo, revision = re.escape(self.hub.repo), re.escape(self.hub.revision)
        if re.fullmatch(f"/api/models/{repo}/tree/{revision}", path):
            return self._send_tree()
        if re.fullmatch(f"/api/models/{repo}/revision/({revision}|main)", path):
            return self._send_info()
        found = re.fullmatch(f"/{repo}/resolve/{revision}/(.+)", path)
        if found and found[1] in self.hub.files:
            return self._send_file(found[1], with_body=with_body)
        known = path.startswith(f"/api/models/{self.hub.repo}/")
        code = "RevisionNotFound" if known else "RepoNotFound"
        return self._send(404, b"", {"X-Error-Code": code})

    def _send_info(self) -> None:
        siblings = [
            {"rfilename": path} | (_hashes(path, content) if self.hub.has_hashes else {})
            for path, content in self.hub.files.items()
        ]
        info = {"id": self.hub.repo, "sha": self.hub.revision, "siblings": siblings, "tags": []}
        self._send(200, json.dumps(info).encode(), {"Content-Type": "application/json"})

    def _send_tree(self) -> None:
        entries = [
            {"type": "file", "path": path, "size": len(content), "oid": _etag(content)}
            for path, content in self.hub.files.items()
        ]
        self._send(200, json.dumps(entries).encode(), {"Content-Type": "application/json"})

    def _send_file(self, path: str, *, with_body: bool) -> None:
        content = self.hub.altered.get(path, self.hub.files[path])
        headers = {"ETag": f'"{_etag(content)}"', "X-Repo-Commit": self.hub.revision}
        wanted = self.headers.get("Range")
        if with_body:
            self.hub.downloads.append((path, wanted))
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if wanted and self.hub.cut_after is not None:
            return self._send(500, b"", {})
        body = bytes(len(content) - start) if self.hub.corrupt else content[start:]
        self._send(206 if wanted else 200, body, headers, with_body=with_body)

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], *, with_body: bool = True
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body[: self.hub.cut_after])
            self.close_connection = True


def _etag(content: bytes) -> str:
    return sha256(content).hexdigest()


def _blob_id(content: bytes) -> str:
    # What `git hash-object` prints.
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _hashes(path: str, content: bytes) -> dict[str, object]:
    told: dict[str, object] = {"size": len(content), "blobId": _blob_id(content)}
    if path.endswith(".safetensors"):
        told["lfs"] = {"size": len(content), "sha256": _etag(content), "pointerSize": 134}
    return told
