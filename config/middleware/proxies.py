"""Whom a request comes from, and by which scheme and host, where proxies stand in front.

    client -> load balancer -> nginx -> us
    X-Forwarded-For: <what the client made up>, <client>, <load balancer>     peer: nginx

Each proxy appends the address that it was called from, so only the right end can be believed: the
client is the right-most address that is not one of `TRUSTED_PROXIES`. From other peers the headers
are taken off, so that no code behind can believe them by mistake.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from config.middleware.asgi import Application, Receive, Scope, Send

log = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FOR, PROTO, HOST = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"
FORWARDED = {FOR, PROTO, HOST}
# Through a unix socket comes only who may open it: a proxy on this machine.
UNIX_SOCKET = "127.0.0.1"
# A person with a strange browser sends the header now and then; a proxy sends it each time.
WARN_AFTER = 20
MOST_WATCHED = 100


class ProxyNetworks:
    """The networks of `TRUSTED_PROXIES`. Raises ValueError for what is none.

    >>> "10.1.2.3" in ProxyNetworks(["10.0.0.0/8", "::1"])
    True
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: list[Network] = [ip_network(network.strip()) for network in networks]

    def __contains__(self, address: object) -> bool:
        known = parse(str(address))
        return known is not None and any(known in network for network in self._networks)


def parse(text: str) -> Address | None:
    """An address, perhaps with a port, as proxies write it; None if it is something else.

    >>> parse("192.0.2.7:4711"), parse("[2001:db8::1]:80"), parse("::ffff:192.0.2.7"), parse("_x")
    (IPv4Address('192.0.2.7'), IPv6Address('2001:db8::1'), IPv4Address('192.0.2.7'), None)
    """
    host = text.strip().strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_of(peer: str, forwarded_for: Sequence[str], trusted: ProxyNetworks) -> str:
    """The right-most address that is no trusted proxy's, walking from the peer to the left.

    What cannot be read ends the walk: left of it nothing can be believed.
    """
    client = parse(peer)
    if client is None:
        return peer
    for text in reversed(forwarded_for):
        if str(client) not in trusted:
            break
        hop = parse(text)
        if hop is None:
            break
        client = hop
    return str(client)


class ForwardedHeaders:
    """Sets `client`, `scheme` and the Host header of the scope, in place: the server logs it."""

    def __init__(self, application: Application, trusted: ProxyNetworks) -> None:
        self.application = application
        self.trusted = trusted
        self._untrusted_counts: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            self.resolve(scope)
        await self.application(scope, receive, send)

    @property
    def watched_count(self) -> int:
        return len(self._untrusted_counts)

    def resolve(self, scope: Scope) -> None:
        peer, port = scope.get("client") or (UNIX_SOCKET, 0)
        peer = str(parse(peer) or peer)
        forwarded_for = list(_items(scope, FOR))
        if peer in self.trusted:
            client = client_of(peer, forwarded_for, self.trusted)
            scope["client"] = (client, port if client == peer else 0)
            _take_scheme(scope)
            _take_host(scope)
        else:
            scope["client"] = (peer, port)
            if forwarded_for:
                self._watch(peer)
        scope["headers"] = [
            (name, value) for name, value in scope["headers"] if name not in FORWARDED
        ]

    def _watch(self, peer: str) -> None:
        """Warn of a private address that keeps sending X-Forwarded-For: it may be our own proxy."""
        address = parse(peer)
        is_known = peer in self._untrusted_counts
        if address is None or not address.is_private:
            return
        if not is_known and len(self._untrusted_counts) >= MOST_WATCHED:
            return
        count = self._untrusted_counts[peer] = self._untrusted_counts.get(peer, 0) + 1
        if count == WARN_AFTER:
            log.warning(
                "%s keeps sending X-Forwarded-For, but is not in TRUSTED_PROXIES: if it is your"
                " proxy, all its visitors count as one address until you add it",
                peer,
            )


def _items(scope: Scope, name: bytes) -> Iterator[str]:
    # Several lines of one header mean the same as one line with commas (RFC 9110, section 5.3).
    for key, value in scope["headers"]:
        if key == name:
            yield from filter(None, (item.strip() for item in value.decode("latin-1").split(",")))


def _take_scheme(scope: Scope) -> None:
    # The right-most, which the nearest proxy wrote.
    for scheme in _items(scope, PROTO):
        scope["scheme"] = scheme.lower() if scheme.lower() in {"http", "https"} else "http"


def _take_host(scope: Scope) -> None:
    hosts = list(_items(scope, HOST))
    if hosts:
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        scope["headers"] = [(b"host", hosts[-1].encode("latin-1")), *others]
