"""What the attacked site fetches picture URLs with, so that bench.abuse.far_hosts are the internet.

Names resolve to a public address, which is checked as always; only the last step, connecting to it,
leads to a port of this machine.
"""

import httpcore2

from bench.abuse.far_hosts import DRIPPING, GOOD
from bench.abuse.settings import FAR_PORT
from inference.outbound.client import OutboundClient, system_dial

PUBLIC = "93.184.215.14"


def client() -> OutboundClient:
    """For OUTBOUND_CLIENT: the site's own client, but for where public addresses lead."""
    return OutboundClient(resolve=_resolve, dial=_dial, schemes=frozenset({"http"}))


async def _resolve(host: str, port: int) -> list[str]:
    if host != GOOD and not host.endswith(f".{DRIPPING}"):
        raise OSError("name or service not known")
    return [PUBLIC]


async def _dial(address: str, port: int) -> httpcore2.AsyncNetworkStream:
    return await system_dial("127.0.0.1", FAR_PORT)
