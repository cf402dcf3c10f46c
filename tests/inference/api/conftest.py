"""A real server on a real port, and a worker loop behind it: only the encoder is a fake.

    def test_something(api: Api) -> None:
        api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a cat"})

The card is live, served, and costs 94 µ$ a picture and 8 µ$ a new text.
"""

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from django.conf import settings as django_settings
from django.db import connections
from django.db.models.functions import Now
from pytest_django import DjangoDbBlocker, Settings

from accounts import credits, keys
from accounts.models import ApiKey, Category, User
from catalog.models import ModelCard, Stage
from inference.jobs.call_rates import WINDOW_S
from inference.models import Job, Worker
from inference.worker import loop
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.conftest import FROZEN, make_card, photo_bytes
from tests.fakes.encoder import HashEncoder
from tests.support.site import free_port, wait_for

PRICE_IMAGE, PRICE_TEXT = 94, 8
CREDIT = 1_000_000
LOOK_EVERY_S = 0.02


@contextmanager
def served(port: int) -> Iterator[uvicorn.Server]:
    """The whole site, pages and API, in a thread of this process."""
    # Django must be set up by pytest first.
    from config.asgi import application
    from config.server.run import guarded_protocol

    config = uvicorn.Config(
        application,
        port=port,
        http=guarded_protocol(),
        proxy_headers=False,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_level="warning",
        timeout_graceful_shutdown=2,
        log_config=None,
        limit_concurrency=None,
        backlog=1024,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=[server.serve()], daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="session")
def server_address(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    port = free_port()
    django_settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise looks for it
    with django_db_blocker.unblock(), served(port):
        yield f"http://127.0.0.1:{port}"


class WorkerLoop(threading.Thread):
    """Drains a card's queue again and again, as a Celery worker would at each message."""

    def __init__(self, card: ModelCard) -> None:
        super().__init__(daemon=True)
        self.encoder = HashEncoder()
        self.server = ServedModel(card, TextCache(self.encoder), images_per_s=1000.0)
        self.paused = threading.Event()
        self.stopped = threading.Event()
        self._idle = threading.Event()

    def run(self) -> None:
        try:
            while not self.stopped.wait(LOOK_EVERY_S):
                # Paused as well: a busy worker's heartbeat has a thread of its own.
                Worker.objects.filter(name="w").update(seen_at=Now())
                if self.paused.is_set():
                    self._idle.set()
                    continue
                self._idle.clear()
                loop.drain(self.server, worker="w")
        finally:
            connections.close_all()

    def pause(self) -> None:
        """From now on jobs stay queued."""
        self.paused.set()
        self._idle.clear()
        assert self._idle.wait(20)

    def resume(self) -> None:
        self.paused.clear()

    def stop(self) -> None:
        self.stopped.set()
        self.join(timeout=20)


@dataclass
class Api:
    """The server's address, somebody who may call it, and the model that is served."""

    base_url: str
    user: User
    key: ApiKey
    secret: str
    card: ModelCard
    worker: WorkerLoop
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def http(self) -> httpx.Client:
        """A client with the key."""
        return self.client(self.secret)

    def client(self, secret: str = "", **options: object) -> httpx.Client:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        client = httpx.Client(
            base_url=self.base_url,
            headers=headers,
            timeout=90,
            **options,  # type: ignore[arg-type]
        )
        self.clients.append(client)
        return client

    def async_client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None)
        headers = {"Authorization": f"Bearer {self.secret}"}
        return httpx.AsyncClient(base_url=self.base_url, headers=headers, timeout=90, limits=limits)


@pytest.fixture
def api_card(transactional_db: None) -> ModelCard:
    card = make_card(stage=Stage.LIVE, embed_dim=8, **FROZEN)
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo])
    return card


@pytest.fixture
def worker(api_card: ModelCard) -> Iterator[WorkerLoop]:
    loop = WorkerLoop(api_card)
    loop.start()
    yield loop
    loop.stop()


def make_caller(
    email: str, micro_usd: int = CREDIT, *, limit_micro_usd: int | None = None
) -> tuple[User, ApiKey, str]:
    """Somebody with credit and a key."""
    user = User.objects.create_user(email)
    if micro_usd:
        credits.grant(
            user,
            amount_micro_usd=micro_usd,
            category=Category.PURCHASE,
            reference=f"purchase:{email}",
        )
    key, secret = keys.issue(user, name="test", limit_micro_usd=limit_micro_usd)
    return user, key, secret


@pytest.fixture
def api(
    server_address: str, api_card: ModelCard, worker: WorkerLoop, settings: Settings
) -> Iterator[Api]:
    settings.API_SUBMITS_PER_MINUTE = settings.API_SUBMITS_PER_MINUTE_ACCOUNT = 10_000
    settings.API_CALLS_IN_FLIGHT = settings.API_CALLS_IN_FLIGHT_ACCOUNT = 10_000
    settings.API_IMAGES_PER_MINUTE = 100_000
    user, key, secret = make_caller("ada@lab.example")
    api = Api(server_address, user, key, secret, api_card, worker)
    yield api
    for client in api.clients:
        client.close()


def data_url(data: bytes | None = None) -> str:
    return f"data:image/jpeg;base64,{in_base64(data)}"


def in_base64(data: bytes | None = None) -> str:
    return base64.b64encode(data or photo_bytes()).decode()


def eventually(holds: Callable[[], bool]) -> None:
    wait_for(holds, seconds=20)


def submit(api: Api) -> Job:
    """A job that is not waited for."""
    answer = api.http.post(
        "/v1/embeddings",
        json={"model": api.card.repo, "input": "a cat"},
        headers={"Prefer": "respond-async"},
    )
    assert answer.status_code == 202
    return Job.objects.get(pk=answer.json()["id"])


def ended(api: Api) -> Job:
    """The same, when it has ended."""
    api.worker.pause()
    job = submit(api)
    api.worker.resume()
    eventually(lambda: Job.objects.get().is_final)
    return job


def money(user: User) -> tuple[int, int]:
    """What is available, and what is held."""
    balance = credits.balance_of(user)
    return balance.available, balance.held


@pytest.fixture
def one_window() -> None:
    """Calls are counted by the minute: no test of that begins in the last seconds of one."""
    left_s = WINDOW_S - time.time() % WINDOW_S
    if left_s < 10:
        time.sleep(left_s)
