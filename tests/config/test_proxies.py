"""Behind proxies each visitor has an address of their own, and nobody else's word is taken."""

import logging
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.middleware.asgi import Message
from config.middleware.proxies import WARN_AFTER, ForwardedHeaders, ProxyNetworks, client_of
from config.strictness import refuse_unreadable_networks
from tests.support.http.asgi import Headers, ask

TRUSTED = ProxyNetworks(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.9, 203.0.113.7", "203.0.113.7"),  # the client made up the left
        ("10.0.0.1", "203.0.113.7, 10.0.0.2, 10.0.0.3", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.9, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("203.0.113.50", "198.51.100.9", "203.0.113.50"),  # no proxy of ours
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.8, 10.0.0.9", "10.0.0.8"),  # a client inside the network
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "[2001:db9::7]:4711", "2001:db9::7"),
        ("10.0.0.1", '"[2001:db9::7]"', "2001:db9::7"),
        ("10.0.0.1", "2001:DB9:0::7", "2001:db9::7"),  # one address, one spelling
        ("2001:db8::1", "203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"),  # left of it nothing can be believed
        ("10.0.0.1", "203.0.113.7, <script>, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_proxy(
    peer: str, forwarded_for: str, client: str
) -> None:
    items = [item.strip() for item in forwarded_for.split(",") if item.strip()]

    assert client_of(peer, items, TRUSTED) == client


def seen_by_application(
    headers: Headers, *, peer: tuple[str, int] | None, trusted: ProxyNetworks = TRUSTED
) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    async def note(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        await send({"type": "http.response.body"})

    ask(ForwardedHeaders(note, trusted), "GET", "/", headers, peer=peer)
    return seen


SENT = [
    ("host", "inside"),
    ("x-forwarded-for", "198.51.100.9"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "made.up, gigarouter.example"),
]


@pytest.mark.parametrize("peer", [("10.1.2.3", 5), None])
def test_a_trusted_proxy_says_whom_it_speaks_for(peer: tuple[str, int] | None) -> None:
    scope = seen_by_application(SENT, peer=peer)

    assert scope["client"] == ("203.0.113.7", 0)
    assert scope["scheme"] == "https"
    assert scope["headers"] == [(b"host", b"gigarouter.example")]


def test_nobody_else_is_believed_and_nothing_is_passed_on() -> None:
    scope = seen_by_application(SENT, peer=("192.0.2.7", 5))

    assert scope["client"] == ("192.0.2.7", 5)
    assert scope["scheme"] == "http"
    assert scope["headers"] == [(b"host", b"inside")]


def test_without_trust_in_this_machine_a_unix_socket_is_not_believed_either() -> None:
    scope = seen_by_application(SENT, peer=None, trusted=ProxyNetworks([]))

    assert scope["client"][0] == "127.0.0.1"
    assert scope["scheme"] == "http"


def warnings(peer: str, count: int, caplog: pytest.LogCaptureFixture) -> list[str]:
    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    middleware = ForwardedHeaders(nothing, ProxyNetworks(["127.0.0.1"]))
    with caplog.at_level(logging.WARNING):
        for _ in range(count):
            ask(middleware, "GET", "/", SENT, peer=(peer, 1))
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("peer", ["172.18.0.1", "fd00::1"])
def test_a_private_address_that_keeps_forwarding_is_named_once(
    peer: str, caplog: pytest.LogCaptureFixture
) -> None:
    [warning] = warnings(peer, 3 * WARN_AFTER, caplog)

    assert peer in warning
    assert "TRUSTED_PROXIES" in warning


@pytest.mark.parametrize(
    ("peer", "count"), [("172.18.0.1", WARN_AFTER - 1), ("8.8.8.8", 3 * WARN_AFTER)]
)
def test_a_few_requests_or_a_stranger_s_are_no_reason_to_warn(
    peer: str, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert warnings(peer, count, caplog) == []


def test_the_watch_does_not_grow_with_strangers(caplog: pytest.LogCaptureFixture) -> None:
    middleware = ForwardedHeaders(None, ProxyNetworks([]))  # type: ignore[arg-type]

    for number in range(1000):
        middleware.resolve(
            {
                "client": (f"10.0.{number // 250}.{number % 250}", 1),
                "headers": [(b"x-forwarded-for", b"x")],
            }
        )

    assert middleware.watched_count <= 100


@pytest.mark.parametrize("network", ["10.0.0.1/8", "nginx", "300.0.0.1", "*"])
def test_a_network_that_is_none_is_refused(network: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        refuse_unreadable_networks([network])
