"""The HTTP client for addresses that strangers name: safe against SSRF and DNS rebinding.

A name is resolved once; all of its addresses must be public; the connection is made to one of the
addresses that were checked, never to the name. Certificate and Host header are the name's. Nothing
of the environment (proxies), no cookies, no credentials, no redirects by themselves.
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

from inference.outbound.errors import OutboundError
from inference.outbound.ip_addresses import is_public
from inference.outbound.url_checks import Target, parse

CONNECT_S = 3.0
READ_S = 5.0
TIMEOUTS = {"connect": CONNECT_S, "read": READ_S, "write": READ_S, "pool": CONNECT_S}
ADDRESSES_TRIED = 2  # a host whose first address is away may have another

# Threads of our own: a name server that never answers holds one of them, and not the loop that
# would otherwise wait for it at its end.
_resolvers = ThreadPoolExecutor(16, thread_name_prefix="resolve")

Resolve = Callable[[str, int], Awaitable[list[str]]]
Dial = Callable[[str, int], Awaitable[httpcore2.AsyncNetworkStream]]

# How a far server lets us down. All of them are reported alike.
NETWORK_ERRORS = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
    OSError,  # TimeoutError, too
    ValueError,  # a name that cannot be encoded
)


async def system_resolve(host: str, port: int) -> list[str]:
    infos = await asyncio.get_running_loop().run_in_executor(
        _resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in infos))


async def system_dial(address: str, port: int) -> httpcore2.AsyncNetworkStream:
    return await httpcore2.AnyIOBackend().connect_tcp(address, port, timeout=CONNECT_S)


@cache  # reading all the authorities takes tens of milliseconds
def system_tls() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()


@dataclass(frozen=True)
class OutboundClient:
    # Only tests give it another world than the system's.

    resolve: Resolve = system_resolve
    is_allowed: Callable[[str], bool] = is_public
    dial: Dial = system_dial
    tls: Callable[[], ssl.SSLContext] = system_tls
    schemes: frozenset[str] = frozenset({"https"})

    def parse(self, url: str) -> Target:
        """Raises OutboundError."""
        return parse(url, schemes=self.schemes)

    @asynccontextmanager
    async def stream(
        self, method: str, target: Target, *, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[httpcore2.Response]:
        """One request on a connection of its own. Raises OutboundError and NETWORK_ERRORS."""
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=self.tls(), network_backend=_PinnedBackend(self, target), max_connections=1
        )
        streamed = pool.stream(
            method,
            url,
            headers=[("Host", target.authority), ("Connection", "close"), *headers.items()],
            content=body or None,
            extensions={"timeout": TIMEOUTS},
        )
        async with pool, streamed as response:
            yield response

    async def connect(self, target: Target) -> httpcore2.AsyncNetworkStream:
        """Connect to a checked address. Raises OutboundError and NETWORK_ERRORS."""
        async with asyncio.timeout(CONNECT_S):
            addresses = await self._addresses_of(target)
            for address in addresses[: ADDRESSES_TRIED - 1]:
                try:
                    return await self.dial(address, target.port)
                except (httpcore2.NetworkError, httpcore2.TimeoutException, OSError):
                    continue
            return await self.dial(addresses[:ADDRESSES_TRIED][-1], target.port)

    async def _addresses_of(self, target: Target) -> list[str]:
        literal = target.literal
        addresses = [literal] if literal else await self.resolve(target.host, target.port)
        if not addresses:
            raise OutboundError("no address")
        # One private address spoils the name: it may be the one that is used next time.
        if not all(map(self.is_allowed, addresses)):
            raise OutboundError("address is not public")
        return addresses


class _PinnedBackend(httpcore2.AsyncNetworkBackend):
    """How httpcore connects: to the target's checked addresses, whatever host it names."""

    def __init__(self, client: OutboundClient, target: Target) -> None:
        self._client = client
        self._target = target

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return await self._client.connect(self._target)
