"""A transport that can be closed while the other side is still sending."""

import asyncio
from collections.abc import Callable
from typing import Any


class LingeringTransport:
    """Delegates to asyncio's transport, but `close` lets the client read what it was sent.

    If a client is in the middle of a request, closing makes the kernel answer its next packet with
    a reset, which throws away what it has not read yet: a browser shows "connection reset" in place
    of our 413. So the sending half is closed first, and what still comes is dropped for a while
    (RFC 9112, section 9.6).
    """

    def __init__(self, transport: asyncio.Transport, *, is_receiving: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_receiving = is_receiving
        self.is_lingering = False
        self.written_bytes = 0

    # Any: whatever asyncio's transports have and take.
    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def taken_bytes(self) -> int:
        """What has left for the kernel, which is full when this stands still."""
        return self.written_bytes - self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        self.written_bytes += len(data)
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        if not self._is_receiving() or not self._transport.can_write_eof():
            self._transport.close()
            return
        self.is_lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
