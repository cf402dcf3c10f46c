"""The snippets of the documentation run a batch, in Python and in JavaScript."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from pytest_django import Settings

from catalog.infrastructure.retention import Budget
from inference.api.batches import advance
from inference.models import Batch
from tests.conftest import photo_bytes
from tests.inference.api.clients.programs import code_of, run
from tests.inference.api.clients.table import NODE_MODULES, OPENAI_JS, OPENAI_PY, compatible
from tests.inference.api.conftest import CREDIT, PRICE_TEXT, Api, money


@pytest.fixture
def advancing(api: Api) -> Iterator[None]:
    """The periodic task, as Celery beat would send it."""
    stopped = threading.Event()

    def rounds() -> None:
        try:
            while not stopped.wait(0.1):
                advance.advance(Budget(1))
        finally:
            connections.close_all()

    thread = threading.Thread(target=rounds, daemon=True)
    thread.start()
    yield
    stopped.set()
    thread.join(timeout=20)


@compatible(OPENAI_PY, "POST /v1/batches", "a file of requests, at half the price")
@compatible(OPENAI_JS, "POST /v1/batches", "a file of requests, at half the price")
@pytest.mark.parametrize("name", ["batch.openai.py", "batch.openai.mjs"])
@pytest.mark.usefixtures("advancing")
def test_a_batch_is_run_and_read(api: Api, settings: Settings, tmp_path: Path, name: str) -> None:
    settings.SITE_URL = api.base_url
    (tmp_path / "photo.jpg").write_bytes(photo_bytes())
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)

    output = run(name, code_of(name), folder=tmp_path, secret=api.secret)

    assert output.startswith("completed")
    assert "photo-0 0.000004\nphoto-1 0.000004" in output
    batch = Batch.objects.get()
    assert (batch.completed_lines, batch.failed_lines) == (2, 0)
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)
