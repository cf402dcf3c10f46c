"""Puts the server together from the settings."""

import asyncio
import gc
import logging
import resource
import socket

import uvicorn
from django.conf import settings

from config.middleware.proxies import ProxyNetworks
from config.server.connections import ConnectionTable
from config.server.limits import HttpLimits
from config.server.protocol import GuardedProtocol, protocol_with
from config.watching import reporting
from inference import notify

log = logging.getLogger(__name__)

GRACE_S = 5
# Of these: for jobs to end that somebody waits for. The rest is for telling those whose do not.
WAIT_FOR_JOBS_S = 3
# What a process has open besides connections of clients: database, cache, files, libraries.
OTHER_FILES = 256
# Python looks for cycles after so many new objects; its default is 700.
YOUNG_OBJECTS = 5_000


def serve(*, host: str, port: int, unix_path: str | None = None) -> int:
    """Serve until TERM or INT; the exit status: 3 if the server could not start."""
    server = Server(server_config(host=host, port=port, unix_path=unix_path))
    server.run()
    return 0 if server.started else 3


class Server(uvicorn.Server):
    """Asked to stop, it answers calls that wait for a job: uvicorn would cut them off."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _spare_the_collector()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        listener = notify.current_listener()
        asyncio.get_running_loop().call_later(WAIT_FOR_JOBS_S, listener.leave)
        await super().shutdown(sockets)
        # uvicorn ends by the signal that it got, which passes over what is done at exit.
        await asyncio.to_thread(reporting.stop)


def _spare_the_collector() -> None:
    """What is loaded by now stays for good: the collector need not look through it again and again.

    It took a fifth of the process's time under load. Requests leave few cycles behind, so it may
    come more seldom, too.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def server_config(*, host: str, port: int, unix_path: str | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        "config.asgi:application",
        host=host,
        port=port,
        uds=unix_path,
        http=guarded_protocol(),
        ws="none",
        log_config=None,  # Django's LOGGING says how lines look
        proxy_headers=False,  # config.middleware.proxies reads them, once
        server_header=False,
        timeout_keep_alive=settings.HTTP_KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )


def guarded_protocol() -> type[GuardedProtocol]:
    trusted = ProxyNetworks(settings.TRUSTED_PROXIES)
    limits = HttpLimits(
        connections=_within_file_limit(settings.HTTP_CONNECTIONS),
        connections_per_address=settings.HTTP_CONNECTIONS_PER_ADDRESS,
    )
    table = ConnectionTable(
        most=limits.connections,
        most_per_address=limits.connections_per_address,
        is_proxy=lambda address: not address or address in trusted,
    )
    return protocol_with(limits, table)


def _within_file_limit(connections: int) -> int:
    """As many connections as the system lets this process open, after raising what it may raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < wanted:
            log.warning("only %d open files are allowed: fewer connections fit", soft)
            return max(16, soft - OTHER_FILES)
    return connections
