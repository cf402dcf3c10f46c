"""The cast and the props of the tests."""

import io
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import pytest
from django.core.cache import cache, caches
from django.db import connection
from PIL import Image
from pytest_django import DjangoDbBlocker, Settings
from redis import Redis
from redis.exceptions import RedisError

from catalog.infrastructure import storage_probe
from catalog.infrastructure.storage_probe import Marker
from catalog.models import ModelCard
from inference import images, jobs
from inference.jobs import claims
from inference.kinds.classify import request as classify
from inference.models import Job, Worker
from inference.worker import decode, settlement
from inference.worker.settlement import Done
from tests.fakes.buckets import bucket, s3_client, s3_endpoint  # noqa: F401  # fixtures
from tests.fakes.storage import fake_storage  # noqa: F401  # a fixture
from tests.fakes.watching.collector import collector, export  # noqa: F401  # fixtures
from tests.support import catalog as shipped_catalog
from tests.support.catalog import FIXTURES as FIXTURES
from tests.support.catalog import CatalogRows
from tests.support.database import empty_quickly

PROJECT = Path(__file__).parent.parent
SAMPLES = PROJECT / "static" / "samples"


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, settings: Settings) -> None:
    """Each test keeps its pictures to itself, and needs no collected static files."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    media = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path / "media", "base_url": None},
    }
    settings.STORAGES = {"default": media, "staticfiles": plain}


@pytest.fixture(autouse=True)
def _own_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test's storage has failed is no trouble here, and tests count their own files.

    The process takes its marker for left, so that whether a test finds it depends on no other test.
    """
    decode.probe.__init__()  # type: ignore[misc]
    monkeypatch.setattr(storage_probe, "leave_marker", Marker(left_s=time.monotonic()).leave)


@pytest.fixture(autouse=True)
def _empty_cache(settings: Settings) -> None:
    """Limits are counted in the cache; a page kept from another test would be a stranger here."""
    cache.clear()
    if settings.TEXT_CACHE_URL:
        with suppress(RedisError), Redis.from_url(settings.TEXT_CACHE_URL) as texts:
            texts.flushall()
    caches["pages"].clear()
    settings.PAGE_CACHE_S = 0
    settings.MODEL_CACHE_S = 0


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """A module's rows are in one open transaction, which on a busy machine is idle for long."""
    options = connection.settings_dict["OPTIONS"]
    options["options"] += " -c idle_in_transaction_session_timeout=0"
    # Races hold all connections of the pool: on a busy machine the last of them waits for long.
    options["pool"]["timeout"] = 20


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """As pytest-django's, but tables are emptied faster, and no server that is just stopping keeps
    the database from going.
    """
    with django_db_blocker.unblock():
        empty_quickly(connection)
    yield
    connection.close_pool()  # type: ignore[attr-defined]  # Django's stubs do not know it
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class LaunchPrices(TypedDict):
    launch_price_nano_usd_per_image: int
    launch_price_nano_usd_per_text: int


# Whole sums that tests can add in their heads: 94 µ$ an image, 8 µ$ a new text of any length.
FROZEN: LaunchPrices = {
    "launch_price_nano_usd_per_image": 94_000,
    "launch_price_nano_usd_per_text": 8_000,
}
UNPRICED: dict[str, object] = {
    "launch_price_nano_usd_per_image": None,
    "launch_price_nano_usd_per_text": None,
    "launch_price_nano_usd_per_token": None,
    "est_price_nano_usd_per_image": None,
    "image_gflops": None,
    "text_gflops": None,
}
# What a price follows from: keys may call no model without one.
PRICED: dict[str, object] = {"image_gflops": 162.03, "text_gflops": 13.3}


def make_card(repo: str = "openai/clip-vit-base-patch32", **fields: object) -> ModelCard:
    given: dict[str, object] = {
        "name": repo,
        "summary": "A model.",
        "loader": "transformers",
        "revision": "0" * 40,
    }
    given |= {"open_clip_model": "ViT-B-32-quickgelu", "image_size": 224, "patch_size": 32}
    if (
        "launch_price_nano_usd_per_image" in fields
        and "launch_price_nano_usd_per_text" not in fields
    ):
        given["launch_price_nano_usd_per_token"] = 13
    return ModelCard.objects.create(repo=repo, **(given | fields))


@pytest.fixture(scope="session")
def catalog_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> CatalogRows:
    with django_db_blocker.unblock():
        return shipped_catalog.read_files()


@pytest.fixture(scope="module")
def _loaded_catalog(
    catalog_rows: CatalogRows, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """The whole catalog, once a module: each test sees it through a transaction of its own."""
    with django_db_blocker.unblock():
        catalog_rows.restore()
        yield
        catalog_rows.remove()


@pytest.fixture
def catalog(_loaded_catalog: None, db: None) -> None:
    """The catalog as it is shipped: the five, the stand-in and the zoo."""


@pytest.fixture
def card(db: None) -> ModelCard:
    return make_card()


@pytest.fixture
def served_card(card: ModelCard) -> ModelCard:
    """A card that a living worker has announced."""
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo])
    return card


def photo_bytes(
    width: int = 64, height: int = 48, *, kind: str = "JPEG", mode: str = "RGB", **options: object
) -> bytes:
    """A picture with some content: a diagonal gradient."""
    image = Image.linear_gradient("L").resize((width, height)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def requester() -> jobs.Requester:
    return jobs.Requester(user_id=None, visitor=uuid.uuid4())


@pytest.fixture
def submit(card: ModelCard, requester: jobs.Requester) -> Callable[..., Job]:
    """Queue a job of the card; keywords change what is asked."""

    def submit_one(
        *,
        idempotency_key: str = "",
        labels: tuple[str, ...] = ("a cat", "a dog"),
        data: bytes | None = None,
        card: ModelCard = card,
        by: jobs.Requester = requester,
    ) -> Job:
        request = classify.job_request(
            card,
            [images.check(data or photo_bytes())],
            labels=labels,
            template="a photo of {}",
            keeps_preview=True,
        )
        return jobs.submit(request, requester=by, idempotency_key=idempotency_key)

    return submit_one


def answer_next(card: ModelCard) -> Job:
    """Let the card's worker answer the job that waits: 90 % a cat."""
    [job] = claims.claim(card, worker="w", budget=1)
    scores = [("a cat", 0.9, 0.27, 27.0), ("a dog", 0.1, 0.25, 25.0)]
    predictions = [
        {"label": label, "score": score, "similarity": similarity, "logit": logit}
        for label, score, similarity, logit in scores
    ]
    settlement.succeed(
        [
            Done(
                job,
                {
                    "rows": [{"predictions": predictions, "crop": [8.0, 0.0, 56.0, 48.0]}],
                    "activation": "softmax",
                    "model": card.repo,
                    "revision": "1",
                    "preprocessing": "abc",
                    "image_size": 224,
                    "forward_ms": 12,
                },
                preview=photo_bytes() if job.keeps_preview else b"",
            )
        ]
    )
    job.refresh_from_db()
    return job
