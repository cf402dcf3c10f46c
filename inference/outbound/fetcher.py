"""Fetches one picture from an address that a stranger named."""

import asyncio
import logging
import re
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import httpcore2
from django.conf import settings
from django.utils.module_loading import import_string

from inference.images import MAX_BYTES
from inference.outbound.client import NETWORK_ERRORS, OutboundClient
from inference.outbound.errors import ImageUrlRefused, OutboundError
from inference.outbound.host_slots import HostSlots
from inference.outbound.url_checks import check_characters

log = logging.getLogger(__name__)

TOTAL_S = 10.0  # a server that drips beats every limit on a single read
MAX_REDIRECTS = 3
OK = 200
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
REDIRECTS = {301, 302, 303, 307, 308}
HEADERS = {
    "User-Agent": "gigarouter-fetch/1",
    "Accept": "image/*",
    "Accept-Encoding": "identity",  # so that nothing grows when it is unpacked: we unpack nothing
}


# Of this process; its fetches meet in one loop (worker_loop).
HOSTS = HostSlots()


def default_client() -> OutboundClient:
    """What settings name: `system_client`, unless this site's internet is made up."""
    build: Callable[[], OutboundClient] = import_string(settings.OUTBOUND_CLIENT)
    return build()


def system_client() -> OutboundClient:
    schemes = {"https", "http"} if settings.FETCH_HTTP else {"https"}
    return OutboundClient(schemes=frozenset(schemes))


async def fetch_image(
    url: str, *, client: OutboundClient | None = None, hosts: HostSlots = HOSTS
) -> bytes:
    """The bytes behind a URL, at most 10 MB; whether they are a picture is not looked at.

    Raises ImageUrlRefused, which never says why; the log does.
    """
    try:
        async with asyncio.timeout(TOTAL_S):
            return await _follow(url, client or default_client(), hosts)
    except (OutboundError, *NETWORK_ERRORS) as error:
        log.info("image url refused host=%s reason=%s: %s", _host(url), type(error).__name__, error)
        outcome = _outcome_of(error)
    # Not inside the handler: the refusal must not carry the reason as its context.
    raise ImageUrlRefused(outcome)


def _outcome_of(error: Exception) -> str:
    if isinstance(error, OutboundError):
        return "refused"
    is_timeout = isinstance(error, TimeoutError | httpcore2.TimeoutException)
    return "timeout" if is_timeout else "unreachable"


async def _follow(url: str, client: OutboundClient, hosts: HostSlots) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        target = client.parse(url)  # each hop is checked as if it were the first
        async with (
            hosts.slot(target.host),
            client.stream("GET", target, headers=HEADERS) as response,
        ):
            if response.status not in REDIRECTS:
                return await _read(response)
            url = _next_hop(url, response)
    raise OutboundError("more than three redirects")


def _next_hop(url: str, response: httpcore2.Response) -> str:
    locations = _header_values(response, b"location")
    if len(locations) != 1:
        raise OutboundError("redirect without one location")
    check_characters(locations[0])
    # With a scheme it stands for itself: `urljoin` would mend `https:///cat.jpg`.
    return locations[0] if SCHEME.match(locations[0]) else urljoin(url, locations[0])


async def _read(response: httpcore2.Response) -> bytes:
    if response.status != OK:
        raise OutboundError(f"status {response.status}")
    if set(_header_values(response, b"content-encoding")) - {"identity"}:
        raise OutboundError("packed")
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise OutboundError("larger than 10 MB")
    if not body:
        raise OutboundError("empty")
    return bytes(body)


def _header_values(response: httpcore2.Response, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in response.headers if key.lower() == name]


def _host(url: str) -> str:
    # For the log: the rest of a URL may be a secret, and the whole of it an attack on the log.
    try:
        return repr(urlsplit(url).hostname)[:100]
    except ValueError:
        return "?"
