"""What one account may hold of a web process at a time: calls in flight, memory of bodies, threads.

    share = shares.enter(user_id)
    share.take_call(key_id, max_calls=64, max_calls_of_account=128)   # raises TooMany
    share.grow_body_to(n_bytes)     # raises TooMany or Unavailable
    async with share.threads, share.fetches, share.uploads: ...
    share.leave()

All of it is per web process, since that is what runs out: its threads, its connections to
PostgreSQL (one a busy thread), its memory. A rate alone does not bound them: sixty calls a minute
that each last a minute, with sixteen megabytes each, are a gigabyte.
"""

import asyncio
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from django.conf import settings

from inference.api.errors import TooMany, Unavailable

# The parts of all threads and of all memory for bodies that one account may hold.
THREADS_PART = 2
BODIES_PART = 3
# Calls of one account whose pictures are being fetched: up to 32 URLs each.
FETCHING_CALLS = 2
# Files of one account that are on their way: each is on disk until it is stored.
UPLOADS = 1
RETRY_AFTER_S = 1


def _max_threads() -> int:
    return max(1, int(settings.API_THREADS) // THREADS_PART)


@dataclass
class Process:
    """What all callers hold. Used from the event loop alone, so nothing here is locked."""

    body_bytes: int = 0
    by_account: dict[int, "Account"] = field(default_factory=dict)


@dataclass
class Account:
    user_id: int
    requests: int = 0
    calls_by_key: Counter[int] = field(default_factory=Counter)
    body_bytes: int = 0
    threads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_max_threads()))
    fetches: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FETCHING_CALLS))
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS))


class Share:
    """What one request holds of its account's part."""

    def __init__(self, process: Process, user_id: int) -> None:
        self._process = process
        self._account = process.by_account.setdefault(user_id, Account(user_id))
        self._account.requests += 1
        self._body_bytes = 0
        self._calls: Counter[int] = Counter()

    @property
    def threads(self) -> asyncio.Semaphore:
        return self._account.threads

    @property
    def fetches(self) -> asyncio.Semaphore:
        return self._account.fetches

    @property
    def uploads(self) -> asyncio.Semaphore:
        return self._account.uploads

    def take_call(self, key_id: int, *, max_calls: int, max_calls_of_account: int) -> None:
        """Count this request as a call in flight, of its key and its account; raises TooMany."""
        calls = self._account.calls_by_key
        if calls.total() >= max_calls_of_account:
            raise _too_many_calls("account", max_calls_of_account)
        if calls[key_id] >= max_calls:
            raise _too_many_calls("key", max_calls)
        calls[key_id] += 1
        self._calls[key_id] += 1

    def grow_body_to(self, size: int) -> None:
        """Reserve memory for a body. Raises TooMany beyond the account's part, Unavailable beyond
        all there is.
        """
        more = size - self._body_bytes
        if more <= 0:
            return
        max_bytes = int(settings.API_BODY_MEMORY_BYTES)
        # A body of the largest size fits in any case: otherwise it could never be sent.
        part = max(max_bytes // BODIES_PART, int(settings.API_MAX_BODY_BYTES))
        if self._account.body_bytes + more > part:
            raise TooMany(
                f"Your calls are sending more than {part // 2**20} MB at once. Wait for some of"
                " them to be answered.",
                code="too_much_in_flight",
                headers={"Retry-After": str(RETRY_AFTER_S), "Connection": "close"},
            )
        if self._process.body_bytes + more > max_bytes:
            raise Unavailable(
                "Too much is being sent to the site at this moment. Please try again.",
                retry_after_s=RETRY_AFTER_S,
                headers={"Connection": "close"},
            )
        self._change_body(more)

    def forget_body(self) -> None:
        self._change_body(-self._body_bytes)

    def leave(self) -> None:
        self.forget_body()
        self._account.calls_by_key -= self._calls  # drops what is zero
        self._account.requests -= 1
        if not self._account.requests:
            del self._process.by_account[self._account.user_id]

    def _change_body(self, size: int) -> None:
        self._body_bytes += size
        self._account.body_bytes += size
        self._process.body_bytes += size


def _too_many_calls(scope: str, most: int) -> TooMany:
    whose = "by this API key" if scope == "key" else "by all API keys of your account"
    return TooMany(
        f"{most} calls {whose} are being answered, the most there may be at once. Wait for one of"
        " them, or let jobs run on their own: `Prefer: respond-async`.",
        code="too_many_in_flight",
        metadata={"limit": scope, "allowed": most},
        headers={"Retry-After": str(RETRY_AFTER_S), "X-RateLimit-Limited-By": scope},
    )


# The share of the request that this task answers, once its caller is known.
_current: ContextVar[Share | None] = ContextVar("share", default=None)
# By loop: a web process has one, tests have many, and a semaphore belongs to one.
_processes: WeakKeyDictionary[asyncio.AbstractEventLoop, Process] = WeakKeyDictionary()


def enter(user_id: int) -> Share:
    """The share of a new request; `leave` gives it back."""
    process = _processes.setdefault(asyncio.get_running_loop(), Process())
    share = Share(process, user_id)
    _current.set(share)
    return share


def current() -> Share | None:
    return _current.get()
