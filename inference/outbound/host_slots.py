"""How many connections one far host gets at a time.

A host that drips holds each connection for ten seconds. It delays those who named it, and they are
refused before long; everybody else's fetches find their own hosts free.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from inference.outbound.errors import OutboundError

PER_HOST = 8
WAIT_S = 3.0


@dataclass
class _Host:
    """`users` hold a slot or wait for one."""

    slots: asyncio.Semaphore
    users: int = 0


@dataclass
class HostSlots:
    """Used by one event loop at a time."""

    per_host: int = PER_HOST
    wait_s: float = WAIT_S
    _hosts: dict[str, _Host] = field(default_factory=dict)

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Raises OutboundError when none is free in time."""
        known = self._hosts.setdefault(host, _Host(asyncio.Semaphore(self.per_host)))
        known.users += 1
        try:
            await self._acquire(known.slots)
            try:
                yield
            finally:
                known.slots.release()
        finally:
            known.users -= 1
            if not known.users:
                self._hosts.pop(host, None)

    async def _acquire(self, slots: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self.wait_s):
                await slots.acquire()
        except TimeoutError:
            raise OutboundError("host is busy with other fetches") from None
