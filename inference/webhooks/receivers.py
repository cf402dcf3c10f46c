"""Where webhooks may be sent: public https addresses, and with DEBUG=1 this machine's own ports.

A developer's receiver listens at http://localhost:8001/hook. On a real site that would be a way
into our networks, so there it is no address, whatever the table says.
"""

import re
from ipaddress import ip_address

from django.conf import settings

from inference.outbound import url_checks
from inference.outbound.client import OutboundClient
from inference.outbound.errors import OutboundError
from inference.outbound.ip_addresses import is_public
from inference.outbound.url_checks import Target

LOOPBACK = re.compile(
    r"http://(?P<host>localhost|127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?P<path>/[!-~]*)?"
)
HIGHEST_PORT = 65_535


def check(url: str) -> None:
    """Raises OutboundError for what is no address of a receiver."""
    if _loopback(url):
        return
    target = url_checks.parse(url)
    # A name is looked up at each call, since it may lead elsewhere by then. A number says it now.
    if target.literal and not is_public(target.literal):
        raise OutboundError("address is not public")


def route(url: str, client: OutboundClient) -> tuple[Target, OutboundClient]:
    """What to connect to, and by which client. Raises OutboundError."""
    if target := _loopback(url):
        return target, OutboundClient(is_allowed=_is_loopback, schemes=frozenset({"http"}))
    return client.parse(url), client


def _loopback(url: str) -> Target | None:
    found = LOOPBACK.fullmatch(url) if settings.DEBUG else None
    if not found or int(found["port"] or 80) > HIGHEST_PORT:
        return None
    return Target("http", found["host"].strip("[]"), int(found["port"] or 80), found["path"] or "/")


def _is_loopback(address: str) -> bool:
    return ip_address(address).is_loopback
