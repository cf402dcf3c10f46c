"""As much of the Hugging Face hub's API as looking at a wished-for model needs, on a local port."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from tests.fakes.card_hub import REVISION, info
from tests.support.http.local_server import listening

OPEN_CLIP = {
    "model_cfg": {
        "embed_dim": 512,
        "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 16},
        "text_cfg": {"context_length": 77, "width": 512, "heads": 8, "layers": 12},
    }
}


@dataclass
class Repo:
    """A model on the hub: what its page says, the sizes of its files, and its configurations."""

    said: dict[str, object] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=lambda: {"open_clip_model.safetensors": 600})
    configs: dict[str, object] = field(default_factory=lambda: {"open_clip_config.json": OPEN_CLIP})


@dataclass
class RequestHub:
    """`status` other than 200 is given to all who ask for a model, `config_status` for a file."""

    repos: dict[str, Repo] = field(default_factory=dict)
    status: int = 200
    config_status: int = 200
    endpoint: str = ""
    asked: list[str] = field(default_factory=list)

    def page(self, name: str) -> dict[str, object] | None:
        """The model's page under any capitals, as the hub has it."""
        for repo, kept in self.repos.items():
            if repo.lower() == name.lower():
                siblings = [{"rfilename": path, "size": size} for path, size in kept.sizes.items()]
                siblings += [{"rfilename": path, "size": 900} for path in kept.configs]
                filed = {"pipeline_tag": "zero-shot-image-classification", "tags": ["clip"]}
                return info(repo, siblings=siblings) | filed | kept.said
        return None


@contextmanager
def serving(hub: RequestHub) -> Iterator[RequestHub]:
    with listening(_Handler, hub) as hub.endpoint:
        yield hub


class _Handler(BaseHTTPRequestHandler):
    hub: RequestHub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(path)
        if found := re.fullmatch("/api/models/([^/]+/[^/]+)", path):
            page = self.hub.page(found[1])
            return self._send(page, self.hub.status if page else 404)
        found = re.fullmatch(f"/([^/]+/[^/]+)/resolve/{REVISION}/(.+)", path)
        config = self.hub.repos[found[1]].configs.get(found[2]) if found else None
        return self._send(config, self.hub.config_status if config is not None else 404)

    def _send(self, said: object, status: int) -> None:
        body = said if isinstance(said, bytes) else json.dumps(said or {}).encode()
        self.send_response(status)
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Silent."""
