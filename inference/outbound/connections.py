"""The one way out to addresses that strangers name.

A name is asked for once; all of its addresses must be public; the connection is made to one of
the addresses that were checked, never to the name. Certificate and Host header are the name's.
Nothing of the environment (proxies), no cookies, no credentials, no redirects by themselves.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

import httpcore2

from inference.outbound.addresses import is_public
from inference.outbound.errors import Refused
from inference.outbound.targets import Target, parse

CONNECT_S = 3.0
READ_S = 5.0
ADDRESSES_TRIED = 2  # a host whose first address is away may have another

# Threads of our own: a name server that never answers holds one of them, and not the loop that
# would otherwise wait for it at its end.
_names = ThreadPoolExecutor(16, thread_name_prefix="names")

Resolve = Callable[[str, int], Awaitable[list[str]]]
Dial = Callable[[str, int], Awaitable[httpcore2.AsyncNetworkStream]]

# How a far server lets us down. All of them are told alike.
FAILURES = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
    OSError,  # TimeoutError, too
    ValueError,  # a name that cannot be encoded
)


async def resolve_by_system(host: str, port: int) -> list[str]:
    """All addresses of a name, in the system's order."""
    found = await asyncio.get_running_loop().run_in_executor(
        _names, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def dial_by_system(address: str, port: int) -> httpcore2.AsyncNetworkStream:
    return await httpcore2.AnyIOBackend().connect_tcp(address, port, timeout=CONNECT_S)


@cache
def tls_of_the_system() -> ssl.SSLContext:
    """Reading all the authorities takes tens of milliseconds: once a process is enough."""
    return httpcore2.default_ssl_context()


@dataclass(frozen=True)
class Outside:
    """The world as seen from here; tests put another one in its place, and only they do."""

    resolve: Resolve = resolve_by_system
    may_reach: Callable[[str], bool] = is_public
    dial: Dial = dial_by_system
    tls: Callable[[], ssl.SSLContext] = tls_of_the_system
    schemes: frozenset[str] = frozenset({"https"})

    def target(self, url: str) -> Target:
        """Raises Refused."""
        return parse(url, schemes=self.schemes)

    @asynccontextmanager
    async def ask(
        self, method: str, target: Target, *, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[httpcore2.Response]:
        """One request on a connection of its own. Raises Refused and FAILURES."""
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        sent = [("Host", target.authority), ("Connection", "close"), *headers.items()]
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=self.tls(), network_backend=_Checked(self, target), max_connections=1
        )
        timeout = {"connect": CONNECT_S, "read": READ_S, "write": READ_S, "pool": CONNECT_S}
        asked = pool.stream(
            method, url, headers=sent, content=body or None, extensions={"timeout": timeout}
        )
        async with pool, asked as response:
            yield response

    async def connect(self, target: Target) -> httpcore2.AsyncNetworkStream:
        """Connect to a checked address of the target. Raises Refused and FAILURES."""
        async with asyncio.timeout(CONNECT_S):
            addresses = await self._addresses_of(target)
            for address in addresses[: ADDRESSES_TRIED - 1]:
                try:
                    return await self.dial(address, target.port)
                except (httpcore2.NetworkError, httpcore2.TimeoutException, OSError):
                    continue
            return await self.dial(addresses[:ADDRESSES_TRIED][-1], target.port)

    async def _addresses_of(self, target: Target) -> list[str]:
        """One bad address spoils the name: it may be the one that is used next time."""
        literal = target.literal
        addresses = [literal] if literal else await self.resolve(target.host, target.port)
        if not addresses:
            raise Refused("no address")
        if not all(map(self.may_reach, addresses)):
            raise Refused("address is not public")
        return addresses


class _Checked(httpcore2.AsyncNetworkBackend):
    """httpcore's way to connect, but only ever to the target it was made for."""

    def __init__(self, outside: Outside, target: Target) -> None:
        self._outside = outside
        self._target = target

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return await self._outside.connect(self._target)
