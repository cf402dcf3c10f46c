"""The shared store has a budget, is nobody else's server, and may go away at any time."""

import signal
import time
from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from pytest_django import Settings
from redis import Redis

from config.celery import app
from inference import checks
from inference.worker.texts.store import TextStore
from tests.support import valkey
from tests.support.valkey import Valkey

EVICTING = ("--maxmemory", "16mb", "--maxmemory-policy", "allkeys-lru")
VECTOR = bytes(3072)


@pytest.fixture
def server() -> Iterator[Valkey]:
    with valkey.running(*EVICTING) as server:
        yield server


@pytest.fixture
def store(server: Valkey) -> TextStore:
    others = (django_settings.REDIS_URL, django_settings.CELERY_BROKER_URL)
    return TextStore(server.url, others=others, rest_s=0)


def keys(owner: str, count: int) -> list[str]:
    return [f"text:{owner}:{number}" for number in range(count)]


def fill(store: TextStore, owner: str, count: int) -> None:
    store.put(dict.fromkeys(keys(owner, count), VECTOR), timeout_s=60)


def test_what_was_put_is_found_and_nothing_else(store: TextStore) -> None:
    fill(store, "user:7", 1200)

    assert store.get([*keys("user:7", 1200), "text:user:8:0"]) == dict.fromkeys(
        keys("user:7", 1200), VECTOR
    )


def test_vectors_do_not_stay_for_ever(store: TextStore, server: Valkey) -> None:
    fill(store, "user:7", 1)

    assert 0 < server.client.ttl("text:user:7:0") <= 60


def test_the_budget_holds_and_what_is_used_stays(store: TextStore, server: Valkey) -> None:
    used = keys("user:1", 20)
    fill(store, "user:1", 20)

    for round_ in range(4):  # 30 MB in all
        fill(store, f"user:{round_ + 2}", 2500)
        time.sleep(1.1)  # the clock of Valkey's LRU ticks once a second
        assert len(store.get(used)) > 15  # it looks at a sample, not at all

    info = server.client.info()
    assert info["used_memory"] <= info["maxmemory"] == 16 * 1024 * 1024
    assert info["evicted_keys"] > 4_000
    assert len(store.get(keys("user:5", 2500))) > 2000
    assert len(store.get(keys("user:2", 2500))) < 500


def test_the_broker_s_messages_and_the_limits_survive_a_flood_of_texts(store: TextStore) -> None:
    cache.set("limit", 3, timeout=60)
    with app.connection_for_write() as connection:
        queue = connection.SimpleQueue("flood")
        queue.put({"job": 1})

        for owner in range(20):
            fill(store, f"user:{owner}", 1000)

        assert cache.get("limit") == 3
        assert queue.get(timeout=5).payload == {"job": 1}
        queue.clear()
        queue.close()


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_a_server_that_is_gone_costs_vectors_only(
    server: Valkey, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = TextStore(server.url, rest_s=3600)
    fill(store, "user:7", 3)
    server.process.send_signal(signal.SIGKILL if fault == "killed" else signal.SIGSTOP)
    if fault == "killed":
        server.process.wait()

    for _ in range(3):
        assert store.get(keys("user:7", 2000)) == {}
        fill(store, "user:7", 2000)
        assert store.owners() == set()
        store.forget(["user:7"])

    # It was waited for once.
    assert caplog.text.count("text cache not used for 3600 s") == 1


def test_a_server_that_thaws_is_used_again(server: Valkey, store: TextStore) -> None:
    fill(store, "user:7", 3)
    server.process.send_signal(signal.SIGSTOP)
    assert store.get(keys("user:7", 3)) == {}

    server.process.send_signal(signal.SIGCONT)

    assert len(store.get(keys("user:7", 3))) == 3


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--maxmemory-policy", "allkeys-lru"), "no budget"),
        (("--maxmemory", "16mb", "--maxmemory-policy", "noeviction"), "does not evict"),
        (("--maxmemory", "16mb", "--maxmemory-policy", "volatile-ttl"), "does not evict"),
    ],
)
def test_a_server_that_would_fill_up_is_not_used(
    flags: tuple[str, ...], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with valkey.running(*flags) as server:
        store = TextStore(server.url)
        fill(store, "user:7", 1)

        assert store.get(keys("user:7", 1)) == {}
        assert server.client.dbsize() == 0
    assert why in caplog.text


@pytest.mark.parametrize("address", ["{}", "{}?db=3"])
def test_the_broker_s_own_server_is_not_used_under_any_address(
    server: Valkey, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker = server.url.replace("unix://", "redis+socket://")
    store = TextStore(address.format(server.url), others=("amqp://elsewhere", broker))

    fill(store, "user:7", 1)

    assert server.client.dbsize() == 0
    assert "server of the broker or the limits" in caplog.text


def test_an_owner_s_vectors_go_and_no_other_s(store: TextStore) -> None:
    for owner in ("user:7", "user:77", "user:8"):
        fill(store, owner, 700)

    store.forget(["user:7"])

    assert store.owners() == {"user:77", "user:8"}
    assert len(store.get(keys("user:77", 700))) == 700


def test_without_an_address_nothing_is_kept() -> None:
    store = TextStore("")
    fill(store, "user:7", 1)

    assert store.get(keys("user:7", 1)) == {}


@pytest.mark.skipif(not django_settings.TEXT_CACHE_URL, reason="there is none")
def test_the_engine_that_belongs_to_the_project_is_one_that_may_be_used() -> None:
    store = TextStore(django_settings.TEXT_CACHE_URL, others=(django_settings.REDIS_URL,))
    fill(store, "user:7", 1)

    assert store.owners() == {"user:7"}
    with Redis.from_url(django_settings.TEXT_CACHE_URL) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        assert client.config_get("appendonly") == {"appendonly": "no"}


@pytest.mark.parametrize(
    ("texts", "redis", "broker", "warns"),
    [
        ("redis://cache:6379/1", "redis://cache/0", "amqp://queue/v", True),
        ("redis://texts:6379/0", "redis://cache/0", "redis://texts/1", True),
        ("rediss://u:p@CACHE/1", "redis://cache/0", "amqp://queue/v", True),
        ("unix:///run/v.sock?db=1", "unix:///run/v.sock?db=0", "redis+socket:///run/v.sock", True),
        ("redis://texts/0", "redis://cache/0", "redis://cache/0", False),
        ("redis://cache:6380/0", "redis://cache/0", "redis://cache/0", False),
        ("", "redis://cache/0", "redis://cache/0", False),
    ],
)
def test_a_real_site_is_warned_of_a_shared_server(
    settings: Settings, texts: str, redis: str, broker: str, warns: bool
) -> None:
    settings.TEXT_CACHE_URL, settings.REDIS_URL = texts, redis
    settings.CELERY_BROKER_URL = broker

    found = checks.text_cache_has_its_own_server()

    assert [message.id for message in found] == ["inference.W001"] * warns
