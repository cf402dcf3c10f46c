"""Text vectors that all workers share, on a server of their own (TEXT_CACHE_URL).

    store = shared()
    store.put({"text:user:7:ab12": vector}, timeout_s=3600)
    store.get(["text:user:7:ab12"])  -> {"text:user:7:ab12": vector}

Nothing depends on it: while the server is away, texts are embedded again. A server without a
budget is not used, nor one that the broker or the limits use as well: it would fill up, and they
would fall with it.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

KEYS_A_CALL = 500  # 1.5 MB of 768 float32 each
TIMEOUT_S = 0.5
# A frozen server holds up one batch, and no other for so long.
REST_S = 15.0
_Result = TypeVar("_Result")


class Unfit(Exception):
    """The server must not keep text vectors; `str(error)` says why."""


class TextStore:
    """Keys are `text:<owner>:<digest>`; no method raises, whatever becomes of the server."""

    def __init__(self, url: str, *, others: Sequence[str] = (), rest_s: float = REST_S) -> None:
        """`others` are servers that this one must not be; an empty `url` keeps nothing."""
        self._client = _client(url) if url else None
        self._others = others
        self._rest_s = rest_s
        self._rests_until_s = 0.0
        self._is_checked = False

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Those of the keys that are there."""
        found: dict[str, bytes] = {}
        for chunk in _chunks(keys):
            nothing: dict[str, bytes] = {}
            found |= self._attempt(partial(_get, keys=chunk), nothing)
        return found

    def put(self, vectors: Mapping[str, bytes], *, timeout_s: int) -> None:
        for chunk in _chunks(vectors):
            part = {key: vectors[key] for key in chunk}
            self._attempt(partial(_set, vectors=part, timeout_s=timeout_s), None)

    def owners(self) -> set[str]:
        """Whose vectors there are; looks through all keys."""
        return self._attempt(_owners, set())

    def forget(self, owners: Collection[str]) -> None:
        for owner in owners:
            self._attempt(partial(_delete, owner=owner), None)

    def _attempt(self, work: Callable[["Redis"], _Result], otherwise: _Result) -> _Result:
        if self._client is None or time.monotonic() < self._rests_until_s:
            return otherwise
        try:
            if not self._is_checked:
                check_fit(self._client, others=self._others)
                self._is_checked = True
            return work(self._client)
        except (RedisError, Unfit) as error:
            log.warning("text cache not used for %.0f s: %s", self._rest_s, error)
            self._rests_until_s = time.monotonic() + self._rest_s
            self._is_checked = False  # it may come back as another one
            return otherwise


@lru_cache(maxsize=1)
def _store(url: str, others: Sequence[str]) -> TextStore:
    return TextStore(url, others=others)


def shared() -> TextStore:
    return _store(settings.TEXT_CACHE_URL, (settings.REDIS_URL, settings.CELERY_BROKER_URL))


def check_fit(client: "Redis", *, others: Sequence[str]) -> None:
    """Raises Unfit, and RedisError while the server is away."""
    info: dict[str, Any] = client.info()
    if not info.get("maxmemory"):
        raise Unfit("it has no budget; set its maxmemory")
    if not str(info.get("maxmemory_policy", "")).startswith("allkeys"):
        raise Unfit("it does not evict; set its maxmemory-policy to allkeys-lru")
    if info["run_id"] in {_run_id(url) for url in others}:
        raise Unfit("it is the server of the broker or the limits; give TEXT_CACHE_URL its own")


def _run_id(url: str) -> str | None:
    """Tells a server from any other, whatever address leads to it; None: none of this kind."""
    address = url.replace("redis+socket://", "unix://", 1)  # Celery's spelling
    if urlsplit(address).scheme not in {"redis", "rediss", "unix"}:
        return None
    try:
        with _client(address) as client:
            return str(client.info("server")["run_id"])
    except RedisError:
        return None  # ours answers, so it is another


def _client(url: str) -> "Redis":
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


def _get(client: "Redis", keys: Sequence[str]) -> dict[str, bytes]:
    values = client.mget(keys)
    return {key: value for key, value in zip(keys, values, strict=True) if isinstance(value, bytes)}


def _set(client: "Redis", vectors: Mapping[str, bytes], timeout_s: int) -> None:
    pipeline = client.pipeline(transaction=False)
    for key, vector in vectors.items():
        pipeline.set(key, vector, ex=timeout_s)
    pipeline.execute()


def _owners(client: "Redis") -> set[str]:
    return {_owner_of(key) for key in _keys(client, "*")}


def _delete(client: "Redis", owner: str) -> None:
    for keys in _chunks(_keys(client, f"{owner}:*")):
        client.unlink(*keys)


def _keys(client: "Redis", pattern: str) -> Iterator[bytes]:
    yield from client.scan_iter(match=f"text:{pattern}", count=KEYS_A_CALL)


def _owner_of(key: bytes) -> str:
    # text:user:7:ab12 -> user:7
    return key.decode().removeprefix("text:").rpartition(":")[0]


_Item = TypeVar("_Item")


def _chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, KEYS_A_CALL)):
        yield chunk
